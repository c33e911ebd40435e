"""Dispatch: from the transcript to the intent, and to the reply of the plugin that handles it."""

import asyncio
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from auricle.api import AuricleError, Intent, Reply, Sentences, Transcript, Turn
from auricle.model.intent import Standing
from auricle.ports import Understanding

if TYPE_CHECKING:
    from auricle.pipeline.near_miss import NearMisses
    from auricle.pipeline.sentences import Grammar, OnFault
    from auricle.pipeline.standing import Standings

NOT_UNDERSTOOD = {
    "en": "Sorry, I did not understand.",
    "de": "Entschuldigung, das habe ich nicht verstanden.",
    "fr": "Désolé, je n'ai pas compris.",
    "es": "Lo siento, no te he entendido.",
}
WENT_WRONG = {
    "en": "Something went wrong with that.",
    "de": "Dabei ist etwas schiefgegangen.",
    "fr": "Quelque chose s'est mal passé.",
    "es": "Algo ha ido mal con eso.",
}

_LOG = logging.getLogger("auricle.dispatch")


def _log_fault(plugin: str, text: str) -> None:
    _LOG.warning("plugin %s: %s", plugin, text)


class Dispatcher:
    """Sentences first, then near misses, then the plugins' own understanding; the first that understands has it."""

    def __init__(
        self,
        understanding: Understanding,
        sentences: Mapping[str, Mapping[str, Sentences]],
        *,
        near_miss: float,
        language: str,
        on_fault: "OnFault" = _log_fault,
    ) -> None:
        """sentences: language to plugin to its sentences. near_miss: likeness that is enough, 0 to 1.

        language: the site's; of replies, and of transcripts in a language without sentences.
        on_fault: takes a plugin's name and what is wrong with its sentences.
        """
        self._understanding = understanding
        self._sentences = sentences
        self._near_miss = near_miss
        self._language = language
        self._on_fault = on_fault
        self._built: dict[str, tuple[Grammar, NearMisses]] = {}
        self._standings: dict[str, Standings] = {}

    def prepare(self) -> None:
        """Compile the site's sentences now, and not at the first command. Safe to call from another thread."""
        self._grammar(None)
        self.standing("", None)

    def standing(self, text: str, language: str | None = None) -> Standing:
        """How `text`, spoken by somebody who may go on, stands to the sentences."""
        known = self._known(language)
        if known not in self._standings:
            from auricle.pipeline.standing import Standings  # as below

            grammar, near = self._grammar(language)
            self._standings[known] = Standings(
                grammar, lambda text: grammar.match(text) or near.match(text), self._sentences.get(known, {})
            )
        return self._standings[known].of(text)

    def match(self, text: str, language: str | None = None) -> Intent | None:
        """Return the intent of the sentence that `text` is or nearly is; asks no plugin."""
        grammar, near = self._grammar(language)
        return grammar.match(text) or near.match(text)

    async def recognize(self, transcript: Transcript, turn: Turn) -> Intent | None:
        """Return what is wanted: by sentence, by near miss, else as a plugin understands it."""
        if not transcript.text.strip():
            return None
        language = turn.language or transcript.language
        if self._known(language) not in self._built:
            await asyncio.to_thread(self._grammar, language)
        return self.match(transcript.text, language) or await self._understanding.recognize(transcript, turn)

    async def dispatch(self, transcript: Transcript, turn: Turn) -> tuple[Intent | None, Reply]:
        """Understand and act. Always gives a reply; `understood` is False where nothing was understood or nobody acted.

        A plugin's failure becomes a spoken reply; the host has told of it.
        """
        try:
            intent = await self.recognize(transcript, turn)
        except AuricleError as error:
            return None, self.excuse(error)
        return intent, await self.act(intent, turn) if intent is not None else self.not_understood()

    async def act(self, intent: Intent, turn: Turn) -> Reply:
        """Let the plugins handle an intent; a failure becomes a spoken reply."""
        try:
            reply = await self._understanding.handle(intent, turn)
        except AuricleError as error:
            return self.excuse(error, intent.plugin)
        return reply or self.not_understood()

    def not_understood(self) -> Reply:
        return Reply(self._say(NOT_UNDERSTOOD), understood=False)

    def excuse(self, error: AuricleError, plugin: str = "") -> Reply:
        """The reply to a failure that the host has told of."""
        _LOG.debug("dispatch: %s", error)
        return Reply(self._say(WENT_WRONG), handled_by=plugin)

    def sentences(self, language: str) -> Mapping[str, Sentences]:
        """Plugin to its sentences, in `language` or the one that stands in for it."""
        return self._sentences.get(self._known(language), {})

    def renew(self, sentences: Mapping[str, Mapping[str, Sentences]]) -> None:
        """Take other sentences: plugins came or went."""
        self._sentences = sentences
        self._built = {}
        self._standings = {}

    def _grammar(self, language: str | None) -> "tuple[Grammar, NearMisses]":
        known = self._known(language)
        if known not in self._built:
            from auricle.pipeline.near_miss import NearMisses  # 12 MB that `--help` need not load
            from auricle.pipeline.sentences import Grammar

            grammar = Grammar(known, self._sentences.get(known, {}), self._on_fault)
            self._built[known] = (grammar, NearMisses(grammar, self._near_miss))
        return self._built[known]

    def _known(self, language: str | None) -> str:
        for code in (language or self._language, (language or self._language).split("-")[0]):
            if code in self._sentences:
                return code
        return self._language

    def _say(self, sentence: Mapping[str, str]) -> str:
        return sentence.get(self._language.split("-")[0], sentence["en"])
