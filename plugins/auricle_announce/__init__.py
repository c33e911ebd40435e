"""Announcements: what is said in one room is said in another, or in all, over the broker."""

import json
from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from auricle.api import Intent, NotConnected, PluginConfig, PluginContext, Reply, Sentences, Turn, hookimpl

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {"said": "Announced.", "away": "The broker is not reachable, nobody would hear it."},
    "de": {"said": "Durchgesagt.", "away": "Der Broker ist nicht erreichbar, niemand würde es hören."},
    "fr": {"said": "Annoncé.", "away": "Le serveur est injoignable, personne ne l'entendrait."},
    "es": {"said": "Anunciado.", "away": "No se puede contactar con el servidor, nadie lo oiría."},
}


class Announce:
    """Publishes to `<prefix>/<site>/say`, or to `<prefix>/all/say`, which every site takes."""

    class Config(PluginConfig, frozen=True, kw_only=True):
        """The announcements' keys."""

        rooms: Annotated[
            dict[str, str],
            Meta(description='Rooms that can be named, each with the id of its site: {"living room" = "living"}.'),
        ] = msgspec.field(default_factory=dict)
        chime: Annotated[bool, Meta(description="Sound the attention chime before an announcement.")] = True

    def __init__(self, context: PluginContext, config: Config) -> None:
        self._context = context
        self._config = config

    @hookimpl
    def auricle_sentences(self) -> Mapping[str, Sentences]:
        return {
            "en": self._sentences(
                ("(announce|broadcast|tell everyone|tell everybody|make an announcement) [that] {message}",),
                ("(announce|say) {message} in the {room}", "tell the {room} [that] {message}"),
                "What shall I announce?",
            ),
            "de": self._sentences(
                ("(sag allen|durchsage|sage allen|sag durch) [dass] {message}",),
                ("(sag|sage) [im|in der|in dem] {room} [dass] {message}",),
                "Was soll ich durchsagen?",
            ),
            "fr": self._sentences(("(annonce|dis à tout le monde) [que] {message}",), (), "Que dois-je annoncer ?"),
            "es": self._sentences(("(anuncia|di a todos) [que] {message}",), (), "¿Qué anuncio?"),
        }

    @hookimpl
    async def auricle_handle(self, intent: Intent, turn: Turn) -> Reply | None:
        if intent.plugin != self._context.name:
            return None
        words = self._context.translated(WORDS, turn.language)
        site = str(intent.slots.get("room", "all"))
        body = {"text": str(intent.slots.get("message", "")), "chime": self._config.chime, "priority": "high"}
        try:
            await self._context.publish(
                f"{self._context.topic_prefix}/{site}/say", json.dumps(body, ensure_ascii=False), 1, False
            )
        except NotConnected:
            return Reply(words["away"])
        return Reply(words["said"])

    def _sentences(self, everywhere: tuple[str, ...], somewhere: tuple[str, ...], question: str) -> Sentences:
        named = somewhere if self._config.rooms else ()
        return Sentences(
            intents={"announce": (*everywhere, *named)},
            lists={"room": dict(self._config.rooms)} if self._config.rooms else {},
            wildcards=("message",),
            required={"announce": {"message": question}},
        )
