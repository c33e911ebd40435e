"""From the scores of all wake engines to one decision: was a wake word heard, which one, and where did it end?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from auricle.api import INBOUND_RATE_HZ, AudioFrame, WakeEngine, WakeScore, WakeWordChoice
from auricle.settings import WakeWord


@dataclass(frozen=True, slots=True)
class WakeHit:
    """A wake word that was heard."""

    wake_word: str
    score: float
    sample: int
    """Index in inbound audio where the word ended."""


class WakeDecider:
    """A word is heard when its score comes to its threshold, having been below it before.

    For `refractory_samples` after a word no word is heard. Time is counted in samples of the stream alone.
    """

    def __init__(self, refractory_samples: int) -> None:
        self._refractory_samples = refractory_samples
        self._over: set[tuple[int, str]] = set()
        """Words whose score has not fallen below their threshold since it came to it, each with its source."""
        self._last_sample: int | None = None

    def decide(self, *sources: Sequence[WakeScore]) -> WakeScore | None:
        """Take the steps that one block of sound completed; return the step at which a word was heard, if one was.

        sources: one sequence an engine, the same order at each call, oldest step first. Of several words heard in the
        block, the one that went furthest past its threshold wins.
        """
        heard: dict[tuple[int, str], WakeScore] = {}
        margins: dict[tuple[int, str], float] = {}
        for source, scores in enumerate(sources):
            for score in scores:
                word = source, score.wake_word
                if score.score < score.threshold:
                    self._over.discard(word)
                    continue
                if word not in self._over:
                    self._over.add(word)
                    if not self._refractory(score.sample):
                        heard.setdefault(word, score)
                if word in heard:
                    margins[word] = max(margins.get(word, 0.0), _margin(score))
        if not heard:
            return None
        winner = heard[max(margins, key=margins.__getitem__)]
        self._last_sample = winner.sample
        return winner

    def reset(self) -> None:
        """Forget what was heard: another stream begins."""
        self._over.clear()
        self._last_sample = None

    def _refractory(self, sample: int) -> bool:
        # Engines differ in delay, so the later of two steps may be about the earlier sound.
        return self._last_sample is not None and abs(sample - self._last_sample) < self._refractory_samples


class WakeDetector:
    """All wake words of the configuration, each engine with its own; lives on the ears' thread."""

    def __init__(
        self,
        words: Sequence[WakeWord],
        make: Callable[[str, Sequence[WakeWordChoice]], WakeEngine],
        *,
        refractory_s: float,
    ) -> None:
        """make: gives an engine, not loaded, by its name and its words; called in `load`."""
        self._choices: dict[str, list[WakeWordChoice]] = {}
        for word in words:
            self._choices.setdefault(word.engine, []).append(WakeWordChoice(word.model, word.threshold))
        self._make = make
        self._engines: list[WakeEngine] = []
        self._decider = WakeDecider(round(refractory_s * INBOUND_RATE_HZ))
        self._scores: dict[str, WakeScore] = {}
        self._next: WakeDetector | None = None

    def renew(self, other: "WakeDetector") -> None:
        """Go on as `other`, which is loaded and nobody else's, from the next sound on; from any thread."""
        self._next = other

    def load(self) -> None:
        """Make and load every engine. Raises EngineUnavailable; then no engine is loaded."""
        self.close()
        try:
            for name, choices in self._choices.items():
                engine = self._make(name, choices)
                self._engines.append(engine)
                engine.load()
        except BaseException:
            self.close()
            raise

    def feed(self, frame: AudioFrame) -> WakeHit | None:
        """Take the next inbound audio, consecutive, of any length; a jump in it is the start of other sound."""
        if (other := self._next) is not None:
            self._next = None
            self.close()
            self._choices, self._engines, self._decider = other._choices, other._engines, other._decider
        sources = [engine.feed(frame) for engine in self._engines]
        for scores in sources:
            for score in scores:
                self._scores[score.wake_word] = score
        heard = self._decider.decide(*sources)
        return None if heard is None else WakeHit(heard.wake_word, heard.score, heard.sample)

    @property
    def scores(self) -> Mapping[str, WakeScore]:
        """The last step of each word that has had one."""
        return self._scores

    def reset(self) -> None:
        """Forget all sound heard so far: another stream begins."""
        for engine in self._engines:
            engine.reset()
        self._decider.reset()
        self._scores.clear()

    def close(self) -> None:
        """Release every engine; `load` brings them back."""
        engines, self._engines = self._engines, []
        for engine in engines:
            engine.close()
        self._scores.clear()


def _margin(score: WakeScore) -> float:
    """How far past its threshold a score is, 0 to 1, so that words with different thresholds compare."""
    return (score.score - score.threshold) / max(1e-6, 1.0 - score.threshold)
