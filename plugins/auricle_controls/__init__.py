"""Volume, mute, stop and repeat, by voice."""

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta

from auricle.api import (
    Event,
    Intent,
    PluginConfig,
    PluginContext,
    Reply,
    Sentences,
    SpeechChanged,
    Turn,
    hookimpl,
)
from auricle_controls.sentences import SENTENCES, WORDS


class Controls:
    """Changes how the assistant sounds, and says again what it said."""

    class Config(PluginConfig, frozen=True, kw_only=True):
        """The controls' keys."""

        step: Annotated[
            int, Meta(ge=1, le=50, description="How much louder or quieter a step is.", extra={"unit": "%"})
        ] = 10

    def __init__(self, context: PluginContext, config: Config) -> None:
        self._context = context
        self._step = config.step
        self._said = ""

    @hookimpl
    def auricle_sentences(self) -> Mapping[str, Sentences]:
        return SENTENCES

    @hookimpl
    async def auricle_handle(self, intent: Intent, turn: Turn) -> Reply | None:
        if intent.plugin != self._context.name:
            return None
        words = self._context.translated(WORDS, turn.language)
        assistant = self._context.assistant
        if not assistant.running:
            return Reply(words["no_daemon"])
        match intent.name:
            case "volume":
                value = intent.slots.get("volume", intent.slots.get("named"))
                return await self._set_volume(value if isinstance(value, int) else assistant.volume, words)
            case "louder":
                return await self._set_volume(assistant.volume + self._step, words)
            case "quieter":
                return await self._set_volume(assistant.volume - self._step, words)
            case "which_volume":
                return Reply(words["volume"].format(volume=assistant.volume))
            case "mute":
                await assistant.say(words["muted"], wait=False)
                await assistant.set_muted(True)
                return Reply("")
            case "stop":
                await assistant.stop()
                return Reply("")
            case "repeat":
                return Reply(self._said or words["nothing_said"])
            case _:
                return None

    @hookimpl
    async def auricle_event(self, event: Event) -> None:
        if isinstance(event, SpeechChanged) and event.status.value == "finished":
            self._said = event.text

    async def _set_volume(self, volume: int, words: Mapping[str, str]) -> Reply:
        volume = min(100, max(0, volume))
        await self._context.assistant.set_volume(volume)
        return Reply(words["volume"].format(volume=volume))
