"""The user's own sentences: each publishes over MQTT, speaks a reply, or both."""

from collections.abc import Mapping

from auricle.api import Intent, NotConnected, PluginContext, PluginError, Reply, Sentences, Turn, hookimpl
from auricle_commands.settings import Command, CommandsConfig
from auricle_commands.slots import fill, filled_payload, text_of, topic_part
from auricle_commands.templates import shape

NOT_REACHABLE = {
    "en": "The message broker is not reachable.",
    "de": "Der Nachrichten-Broker ist nicht erreichbar.",
    "fr": "Le serveur de messages est injoignable.",
    "es": "No se puede contactar con el servidor de mensajes.",
}


class Commands:
    """Turns `[[plugins.commands.command]]` into intents, and their slots into topic, payload and reply."""

    Config = CommandsConfig

    def __init__(self, context: PluginContext, config: CommandsConfig) -> None:
        self._context = context
        self._config = config
        self._commands = {command.name: command for command in config.command}
        self._lists = {command.name: _lists_of(command) for command in config.command}

    @hookimpl
    def auricle_sentences(self) -> Mapping[str, Sentences]:
        languages = {command.language or self._context.language for command in self._config.command}
        return {
            language: Sentences(
                intents={
                    command.name: command.sentences
                    for command in self._config.command
                    if (command.language or self._context.language) == language
                },
                lists=self._config.lists,
                ranges=self._config.ranges,
                wildcards=self._config.wildcards,
            )
            for language in sorted(languages)
        }

    @hookimpl
    async def auricle_handle(self, intent: Intent, turn: Turn) -> Reply | None:
        command = self._commands.get(intent.name) if intent.plugin == self._context.name else None
        if command is None:
            return None
        if command.topic:
            try:
                await self._publish(command, intent.slots)
            except NotConnected:
                language = (turn.language or self._context.language).split("-")[0]
                return Reply(NOT_REACHABLE.get(language, NOT_REACHABLE["en"]))
        return Reply(fill(command.reply, {slot: self._spoken(command, slot, intent) for slot in intent.slots}))

    async def _publish(self, command: Command, slots: Mapping[str, object]) -> None:
        parts = {slot: topic_part(value) for slot, value in slots.items()}
        for slot, part in parts.items():
            if not part and f"{{{slot}}}" in command.topic:
                raise PluginError(f"command {command.name}: nothing of what was said for {{{slot}}} fits into a topic")
        payload = filled_payload(command.payload, slots)
        await self._context.publish(fill(command.topic, parts), payload, command.qos, command.retain)

    def _spoken(self, command: Command, slot: str, intent: Intent) -> str:
        """The words for a slot's value: those that were said, where a list has several for one value."""
        value = intent.slots[slot]
        words = self._config.lists.get(self._lists[command.name].get(slot, slot))
        if not isinstance(words, dict):
            return text_of(value)
        fitting = sorted((word for word, meant in words.items() if meant == value), key=len, reverse=True)
        said = intent.text.casefold()
        return next((word for word in fitting if word.casefold() in said), next(iter(fitting), text_of(value)))


def _lists_of(command: Command) -> Mapping[str, str]:
    """Slot to the list, range or wildcard that it is filled from."""
    return {slot: name for sentence in command.sentences for slot, name in shape(sentence).lists.items()}
