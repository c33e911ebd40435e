"""What a transcript means by the sentences of one language: word for word, as a near miss, by its sound."""

import logging
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from auricle.api import Intent, Sentences
from auricle.memory import give_back
from auricle.model.intent import Expected, Standing
from auricle.pipeline.expected import expected
from auricle.pipeline.near_miss import NearMisses
from auricle.pipeline.phonetic.matcher import BySound, Candidate, Hearing, PhonemesUnavailable, SoundRule, Verdict
from auricle.pipeline.phonetic.weighing import weighed, written
from auricle.pipeline.sentences import Grammar, OnFault
from auricle.pipeline.standing import Standings

_LOG = logging.getLogger("auricle.dispatch")

Likelihoods = Callable[[Sequence[str]], Awaitable[Sequence[float]]]


class Facts(TypedDict):
    """How a transcript was understood; see `Recognition` and `auricle.model.events.Understood`."""

    how: str
    reason: str
    verdict: str | None
    candidates: list[dict[str, object]]


@dataclass(frozen=True, slots=True)
class Recognition:
    """How a transcript was understood, or why it was not."""

    intent: Intent | None
    how: str
    """`words`, `near_miss`, `sound`, `plugin` (its own understanding), or `none`."""
    reason: str
    hearing: Hearing | None = None
    """What it sounds like, where that was looked at."""

    @property
    def facts(self) -> Facts:
        """All of it in plain words and numbers, for `--json`, traces and events."""
        hearing = self.hearing
        return {
            "how": self.how,
            "reason": self.reason,
            "verdict": hearing.verdict.value if hearing is not None else None,
            "candidates": [
                {
                    "sentence": candidate.sentence,
                    "plugin": candidate.intent.plugin,
                    "intent": candidate.intent.name,
                    "slots": dict(candidate.intent.slots),
                    "distance": candidate.distance,
                    "likelihood": candidate.likelihood,
                }
                for candidate in (hearing.candidates if hearing is not None else ())
            ],
        }

    @property
    def in_doubt(self) -> Candidate | None:
        """The sentence that may have been meant and is worth a question; none where one was understood."""
        hearing = self.hearing
        if self.intent is not None or hearing is None or hearing.verdict is not Verdict.ASK:
            return None
        return hearing.candidates[0]


class Recognizer:
    """The sentences of one language. Safe to use from several threads."""

    def __init__(
        self,
        language: str,
        sentences: Mapping[str, Sentences],
        *,
        near_miss: float,
        by_sound: SoundRule | None,
        on_fault: OnFault,
    ) -> None:
        """sentences: by plugin. near_miss: likeness that is enough. by_sound: none leaves sound out of it."""
        self._language = language
        self._rule = by_sound
        self._on_fault = on_fault
        self.grammar = Grammar(language, sentences, on_fault)
        self.near = NearMisses(self.grammar, near_miss)
        self.expected: Expected | None = expected(language, self.grammar.templates())
        """What is likely to be said."""
        self._standings = Standings(self.grammar, self.match, sentences)
        self._sound: BySound | None = None
        self._lock = threading.Lock()
        self._closed = False
        self._ready = False

    def prepare(self) -> None:
        """Learn how numbers are spelled and how the sentences sound; seconds at the first start, when none is kept."""
        if self._ready:
            return
        self._ready = True
        self.grammar.learn_lists()
        self._by_sound()
        give_back()  # building took several times of what is kept

    def close(self) -> None:
        """Returns at once; sounds that are being learned are given up when they are known."""
        self._closed = True
        if self._sound is not None:
            self._sound.close()

    def match(self, text: str) -> Intent | None:
        """The intent of the sentence that `text` is or nearly is, by its words."""
        return self.grammar.match(text) or self.near.match(text)

    def by_words(self, texts: Sequence[str]) -> Recognition | None:
        """Look for the words, in each of the texts in turn, exact ones first.

        Where what else may have been said are sentences that mean different things, words do not decide.
        """
        found = []
        for index, text in enumerate(texts):
            if (intent := self.grammar.match(text)) is not None:
                if index == 0:
                    return Recognition(intent, "words", "the words are a sentence's")
                found.append((intent, text))
        meanings = {intent.meaning for intent, _ in found}
        if len(meanings) == 1 or (found and self._rule is None):
            return Recognition(found[0][0], "words", f'"{found[0][1]}" may have been said')
        if (intent := self.near.match(texts[0])) is not None:
            return Recognition(intent, "near_miss", f"{intent.score:.3f} like a sentence")
        return None

    def by_sound(self, texts: Sequence[str]) -> Recognition:
        """Look for what sounds like it; takes some ten milliseconds."""
        sound = self._by_sound()
        if sound is None:
            return Recognition(None, "none", "no sentence has these words")
        try:
            hearing = sound.hear(texts)
        except PhonemesUnavailable as error:
            self._unavailable(error)
            return Recognition(None, "none", "no sentence has these words")
        return _by_sound(hearing)

    async def weighed(self, found: Recognition, likelihoods: Likelihoods) -> Recognition:
        """The same, decided again with what the decoder of the engine that heard it says of the sentences in question.

        likelihoods: takes a few texts. Raises what that raises.
        """
        if found.hearing is None or not found.hearing.options:
            return found
        texts = [written(option.candidate.sentence, self._language) for option in found.hearing.options]
        return _by_sound(weighed(found.hearing, await likelihoods(texts)))

    def standing(self, text: str) -> Standing:
        """How `text`, spoken by somebody who may go on, stands to the sentences, by its words or else its sound."""
        known = self._standings.of(text)
        if known is not Standing.UNKNOWN or not text.strip() or self.match(text) is not None:
            return known
        sound = self._sound
        if sound is None:  # or not learned yet, which nobody who speaks waits for
            return known
        try:
            return sound.standing(text)
        except PhonemesUnavailable as error:
            self._unavailable(error)
            return known

    def _by_sound(self) -> BySound | None:
        with self._lock:
            if self._rule is not None and self._sound is None:
                try:
                    self._sound = BySound(self._language, list(self.grammar.templates()), self._rule, self._on_fault)
                    if self._closed:
                        self._sound.close()
                except PhonemesUnavailable as error:
                    self._unavailable(error)
            return self._sound if self._rule is not None else None

    def _unavailable(self, error: PhonemesUnavailable) -> None:
        """Told once; words are matched as ever."""
        if self._rule is not None:
            self._rule = None
            _LOG.warning("commands are not understood by their sound in %s: %s", self._language, error)


def _by_sound(hearing: Hearing) -> Recognition:
    return Recognition(hearing.intent, "sound" if hearing.intent else "none", hearing.reason, hearing)


__all__ = ["Hearing", "Recognition", "Recognizer", "SoundRule", "Verdict"]
