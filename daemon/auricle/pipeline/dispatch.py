"""Dispatch: from the transcript to the intent, and to the reply of the plugin that handles it."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from auricle.api import AuricleError, Intent, Reply, Sentences, Transcript, Turn
from auricle.model.intent import Expected, Standing
from auricle.pipeline.streamed import excused
from auricle.ports import Judge, Understanding

if TYPE_CHECKING:
    from auricle.pipeline.phonetic.rule import SoundRule
    from auricle.pipeline.recognition import Recognition, Recognizer
    from auricle.pipeline.sentences import OnFault

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
    """Sentences first, by words and then by sound, then the plugins' own understanding; the first has it."""

    def __init__(
        self,
        understanding: Understanding,
        sentences: Mapping[str, Mapping[str, Sentences]],
        *,
        near_miss: float,
        language: str,
        by_sound: "SoundRule | None" = None,
        judge_s: float = 1.0,
        on_fault: "OnFault" = _log_fault,
    ) -> None:
        """sentences: language to plugin to its sentences. near_miss: likeness that is enough, 0 to 1.

        by_sound: when what sounds like a sentence is taken for it; none never does.
        judge_s: longest wait for `judge`; 0 asks nobody.
        language: the site's; of replies, and of transcripts in a language without sentences.
        on_fault: takes a plugin's name and what is wrong with its sentences.
        """
        self._understanding = understanding
        self._sentences = sentences
        self._near_miss = near_miss
        self._language = language
        self._on_fault = on_fault
        self._by_sound = by_sound
        self._judge_s = judge_s
        self.judge: Judge | None = None
        """Who transcribes: asked again where sentences sound alike. Sound alone decides where nobody is."""
        self._built: dict[str, Recognizer] = {}

    def prepare(self) -> None:
        """Compile the site's sentences now, and not at the first command. Safe to call from another thread."""
        self._recognizer(None)

    def learn_sounds(self) -> None:
        """Learn how the site's sentences sound, if that is not known: at the first command, whose speaker takes as long
        to say it. A daemon that nobody speaks to need not hold them.

        Safe to call from another thread, which need not be waited for.
        """
        self._recognizer(None).prepare()

    def close(self) -> None:
        """End the process that gives phonemes, if there is one."""
        for recognizer in self._built.values():
            recognizer.close()

    def standing(self, text: str, language: str | None = None) -> Standing:
        """How `text`, spoken by somebody who may go on, stands to the sentences."""
        return self._recognizer(language).standing(text)

    def expected(self, language: str | None = None) -> Expected | None:
        """What is likely to be said; none while the sentences of that language are not compiled."""
        built = self._built.get(self._known(language))
        return built.expected if built is not None else None

    def match(self, text: str, language: str | None = None) -> Intent | None:
        """Return the intent of the sentence that `text` is or nearly is, by its words; asks no plugin."""
        return self._recognizer(language).match(text)

    async def recognize(self, transcript: Transcript, turn: Turn) -> Intent | None:
        """Return what is wanted: by sentence, by near miss, by sound, else as a plugin understands it."""
        return (await self.explain(transcript, turn)).intent

    async def explain(self, transcript: Transcript, turn: Turn, judge: Judge | None = None) -> "Recognition":
        """Understand, and tell how, or why not. Nothing is done about it. judge: in place of the dispatcher's own."""
        from auricle.pipeline.recognition import Recognition  # as below

        if not transcript.text.strip():
            return Recognition(None, "none", "there are no words")
        language = turn.language or transcript.language
        if self._known(language) not in self._built:
            await asyncio.to_thread(self._recognizer, language)
        recognizer = self._recognizer(language)
        texts = (transcript.text, *transcript.alternatives)
        found = recognizer.by_words(texts)
        if found is None:
            found = await asyncio.to_thread(recognizer.by_sound, texts)
            if (judge := judge or self.judge) is not None and transcript.utterance and self._judge_s > 0:
                found = await self._judged(recognizer, found, transcript.utterance, judge)
        if found.intent is None:
            intent = await self._understanding.recognize(transcript, turn)
            if intent is not None:
                return Recognition(intent, "plugin", f"{intent.plugin or 'a plugin'} understood it", found.hearing)
        return found

    async def _judged(
        self, recognizer: "Recognizer", found: "Recognition", utterance: str, judge: Judge
    ) -> "Recognition":
        """Ask who heard it what is likelier; what was found stands where that cannot be told, or not in time."""
        try:
            async with asyncio.timeout(self._judge_s):
                return await recognizer.weighed(found, partial(judge.likelihoods, utterance))
        except (AuricleError, TimeoutError) as error:
            _LOG.debug("the engine did not tell which sentence is likelier: %s", error or "it took too long")
            return found

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
        if reply is not None and reply.stream is not None:
            return replace(reply, stream=excused(reply.stream, self._say(WENT_WRONG)))
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
        self.close()
        self._built = {}

    def _recognizer(self, language: str | None) -> "Recognizer":
        known = self._known(language)
        built = self._built  # `renew` puts another in its place, maybe while this one is being filled
        if known not in built:
            from auricle.pipeline.recognition import Recognizer  # 12 MB that `--help` need not load

            built[known] = Recognizer(
                known,
                self._sentences.get(known, {}),
                near_miss=self._near_miss,
                by_sound=self._by_sound,
                on_fault=self._on_fault,
            )
            if built is not self._built:
                built[known].close()
        return built[known]

    def _known(self, language: str | None) -> str:
        for code in (language or self._language, (language or self._language).split("-")[0]):
            if code in self._sentences:
                return code
        return self._language

    def _say(self, sentence: Mapping[str, str]) -> str:
        return sentence.get(self._language.split("-")[0], sentence["en"])
