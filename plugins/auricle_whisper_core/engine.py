"""The course of a request, the same for every Whisper: windows, gate, one retry, partials, the joined transcript."""

import math
import time
import uuid
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace

from auricle.api import INBOUND_RATE_HZ, AudioFrame, BadRequest, EngineError, Expected, SttEngine, Transcript
from auricle_whisper_core.agreement import Agreement
from auricle_whisper_core.decoding import FULL_CONTEXT, context_of, loud_enough
from auricle_whisper_core.hint import MOST_TOKENS_BEFORE, hint_tokens
from auricle_whisper_core.judge import Decoded, Verdict, hopeless, judge
from auricle_whisper_core.mel import FloatArray
from auricle_whisper_core.windows import growing_windows, windows

SURE_LANGUAGE = 0.5
"""Probability below which a language that was heard is not believed."""
PARTIAL_EVERY = INBOUND_RATE_HZ * 2 // 5
"""Samples of new sound between two partials, at least."""
_PARTIAL_COST = 2.0
"""New sound before the next partial, in decode times of the last: no more than half of the time goes to partials."""


class WhisperEngine(SttEngine):
    """Transcribes whatever `decode` can decode. One request at a time."""

    judges = True

    def __init__(
        self, *, short_context: bool, languages: Sequence[str], partials: bool = False, prompt: str = ""
    ) -> None:
        """prompt: the user's own words for what is likely to be said, in any language."""
        self._short_context = short_context
        self._languages = tuple(languages)
        self._partials = partials
        self._own_words = prompt.strip()
        self._expected: Expected | None = None
        self._hint: tuple[Expected | None, list[int]] | None = None
        self._utterance = ""
        """Whose sound `weigh` knows; empty is nobody's."""

    @property
    @abstractmethod
    def multilingual(self) -> bool:
        """Whether the model that was loaded knows more than English."""

    @abstractmethod
    def knows(self, language: str) -> bool:
        """Whether the vocabulary has a token for this ISO 639-1 code."""

    @abstractmethod
    def tokens_of(self, text: str) -> Sequence[int]:
        """The text's tokens, none of which is a mark."""

    @abstractmethod
    def decode(self, samples: FloatArray, context: int, language: str | None) -> tuple[Decoded, str]:
        """Decode one window once.

        samples: -1 to 1 at 16 kHz, at most `LONGEST` of them. context: encoder positions. language: none to hear it.
        Returns the result and the language spoken. Raises EngineError.
        """

    @abstractmethod
    def weigh(self, texts: Sequence[str]) -> Sequence[float] | None:
        """Log probability of each text, all its tokens together, given the sound that was decoded last.

        Without the end: what Whisper ends a sentence with has to be among the tokens. None where the sound is not kept.
        """

    def likelihoods(self, utterance: str, texts: Sequence[str]) -> Sequence[float]:
        found = self.weigh(texts) if utterance and utterance == self._utterance else None
        if found is None:
            raise BadRequest(f"the sound of utterance {utterance!r:.40} is not kept any more", field="utterance")
        if not all(map(math.isfinite, found)):
            raise EngineError("Whisper computed no number for one of the texts")
        return found

    def expect(self, expected: Expected | None) -> None:
        self._expected = expected

    def hint(self, language: str) -> list[int]:
        """What is put before a text in this language, without the mark that begins it; empty for nothing."""
        expected = self._expected
        if expected is not None and expected.language.lower().replace("_", "-").split("-")[0] != language:
            expected = None
        if self._hint is None or self._hint[0] != expected:
            own = list(self.tokens_of(f" {self._own_words}")) if self._own_words else []
            phrases = hint_tokens(expected.phrases, self.tokens_of) if expected is not None else []
            # The last are the nearest to the text, and have the most weight.
            self._hint = expected, [*phrases, *own][-MOST_TOKENS_BEFORE:]
        return self._hint[1]

    def transcribe(self, frames: Iterator[AudioFrame], language: str | None) -> Iterator[Transcript]:
        """Windows of a long recording are decoded as they fill up, each a partial; a command is one window."""
        self._utterance = ""
        wanted = self._wanted_language(language)
        texts: list[str] = []
        logprobs: list[tuple[float, int]] = []
        alternatives: tuple[str, ...] = ()
        spoken = wanted
        told = 0
        kept = False
        agreement = Agreement()
        due = PARTIAL_EVERY
        for window, whole in growing_windows(frames, self._partials):
            if not whole:
                if len(window) >= due:
                    began_s = time.monotonic()
                    more = agreement.hear(self._draft(window, wanted))
                    cost = int(_PARTIAL_COST * (time.monotonic() - began_s) * INBOUND_RATE_HZ)
                    due = len(window) + max(PARTIAL_EVERY, cost)
                    if more:
                        yield _joined([*texts, agreement.text], logprobs, spoken, final=False)
                continue
            agreement, due = Agreement(), PARTIAL_EVERY
            if len(texts) > told:
                told = len(texts)
                yield _joined(texts, logprobs, spoken, final=False)
            if not loud_enough(window):
                continue
            found = self._window(window, wanted)
            kept = found is not None
            if found is not None:
                decoded, spoken = found
                alternatives = decoded.alternatives if not texts else ()
                texts.append(decoded.text)
                logprobs.append((decoded.logprob, decoded.tokens))
        self._utterance = uuid.uuid4().hex if kept and self.judges and len(texts) == 1 else ""
        final = _joined(texts, logprobs, spoken, final=True)
        yield replace(final, alternatives=alternatives, utterance=self._utterance)

    def transcribe_all(self, utterances: Sequence[tuple[Sequence[AudioFrame], str | None]]) -> Sequence[Transcript]:
        """Each as `transcribe` without partials and with the whole context, so that none depends on the others."""
        self._utterance = ""
        wanted = [self._wanted_language(language) for _, language in utterances]
        asked = [
            (number, window)
            for number, (frames, _) in enumerate(utterances)
            for window in windows(frames)
            if loud_enough(window)
        ]
        decoded: list[tuple[Decoded, str]] = []
        for at in range(0, len(asked), self.batch):
            decoded += self.decode_all([(window, wanted[number]) for number, window in asked[at : at + self.batch]])
        told = [
            _told([found for (owner, _), found in zip(asked, decoded, strict=True) if owner == number], language)
            for number, language in enumerate(wanted)
        ]
        if self.judges and len(told) == len(asked) == 1 and told[0].text:  # of several, none was decoded last
            self._utterance = uuid.uuid4().hex
            return [replace(told[0], utterance=self._utterance)]
        return told

    def decode_all(self, windows: Sequence[tuple[FloatArray, str | None]]) -> list[tuple[Decoded, str]]:
        """As `decode` of each with the whole context, for at most `batch` of them, each with its language."""
        return [self.decode(samples, FULL_CONTEXT, language) for samples, language in windows]

    def heard_language(self, code: str, probability: float) -> str:
        """The language heard, if it is sure and allowed; else the likeliest allowed by the configuration."""
        if probability >= SURE_LANGUAGE and (not self._languages or code in self._languages):
            return code
        return self._languages[0] if self._languages else "en"

    def _window(self, samples: FloatArray, language: str | None) -> tuple[Decoded, str] | None:
        """None when there are no words in it. samples: loud enough."""
        context = self._context(samples)
        decoded, spoken = self.decode(samples, context, language)
        verdict = judge(decoded)
        if verdict is Verdict.AGAIN and context < FULL_CONTEXT:
            decoded, spoken = self.decode(samples, FULL_CONTEXT, language)
            verdict = judge(decoded)
        if verdict is Verdict.DROP or hopeless(decoded):
            return None
        return decoded, spoken

    def _draft(self, samples: FloatArray, language: str | None) -> str:
        """What has been said so far, by one decode; empty where that is poor."""
        if not loud_enough(samples):
            return ""
        decoded, _ = self.decode(samples, self._context(samples), language)
        return decoded.text if judge(decoded) is Verdict.KEEP else ""

    def _context(self, samples: FloatArray) -> int:
        return context_of(len(samples) / INBOUND_RATE_HZ) if self._short_context else FULL_CONTEXT

    def _wanted_language(self, language: str | None) -> str | None:
        """None where the language has to be heard."""
        if language is None:
            return None if self.multilingual else "en"
        code = language.lower().replace("_", "-").split("-")[0]
        if not self.multilingual and code != "en":
            raise EngineError(
                f"this Whisper model knows English alone, not {language!r}: set [stt] model to a multilingual one"
            )
        if not self.knows(code):
            raise EngineError(f"Whisper has no language {language!r}: give an ISO 639-1 code such as en or de")
        return code


def _told(found: Sequence[tuple[Decoded, str]], language: str | None) -> Transcript:
    """What was decoded of an utterance's windows as one text, without those that have no words."""
    kept = [(one, spoken) for one, spoken in found if judge(one) is not Verdict.DROP and not hopeless(one)]
    alternatives = kept[0][0].alternatives if len(kept) == 1 else ()
    joined = _joined(
        [one.text for one, _ in kept],
        [(one.logprob, one.tokens) for one, _ in kept],
        kept[-1][1] if kept else language,
        final=True,
    )
    return replace(joined, alternatives=alternatives)


def _joined(texts: list[str], logprobs: list[tuple[float, int]], language: str | None, *, final: bool) -> Transcript:
    tokens = sum(count for _, count in logprobs)
    mean = sum(logprob * count for logprob, count in logprobs) / tokens if tokens else None
    confidence = None if mean is None else min(1.0, math.exp(mean))
    return Transcript(text=" ".join(texts), language=language, confidence=confidence, final=final)
