"""From the scores of all wake engines to one decision: was a wake word heard, which one, and where did it end?"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from auricle.api import INBOUND_RATE_HZ, AudioFrame, EngineUnavailable, WakeEngine, WakeScore, WakeWordChoice
from auricle.pipeline.hit import WakeHit as WakeHit
from auricle.pipeline.profiles import Profiles
from auricle.pipeline.recent import RecentSound
from auricle.pipeline.second_look import Candidate, Candidates, JointRule, SecondLook, names_file, spoken_name
from auricle.pipeline.verification import Verdict, Verification
from auricle.settings import SecondLook as SecondLookSettings
from auricle.settings import WakeVerify, WakeWord


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

    def confirm(self, sample: int) -> bool:
        """Take a word that was found to have ended at `sample` in another way; return whether it is heard."""
        if self._refractory(sample):
            return False
        self._last_sample = sample
        return True

    def forgive(self, sample: int) -> None:
        """The word that was heard to end at `sample` does not count after all: one that follows it is heard."""
        if self._last_sample == sample:
            self._last_sample = None

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
        second: SecondLookSettings | None = None,
        verify: WakeVerify | None = None,
        enrolled: Path | None = None,
        background: bool = False,
    ) -> None:
        """make: gives an engine, not loaded, by its name and its words; called in `load`, and later for a second look.

        second: when a second engine looks at what the first half heard; none never. background: it does so beside
        the ears' thread, for sound that does not wait. verify: whether those who are enrolled in the folder `enrolled`
        are told from others; none never.
        """
        self._choices: dict[str, list[WakeWordChoice]] = {}
        for word in words:
            self._choices.setdefault(word.engine, []).append(WakeWordChoice(word.model, word.threshold))
        self._words = tuple(words)
        self._make = make
        self._settings = second if second is not None and second.enabled else None
        self._verification: Verification | None = None
        if verify is not None and verify.enabled and enrolled is not None:
            self._verification = Verification(Profiles(enrolled), verify.threshold)
        self._background = background
        self._engines: list[WakeEngine] = []
        self._decider = WakeDecider(round(refractory_s * INBOUND_RATE_HZ))
        self._recent = RecentSound()
        self._second: _Seconds | None = None
        self._scores: dict[str, WakeScore] = {}
        self._next: deque[WakeDetector] = deque()

    def renew(self, other: "WakeDetector") -> None:
        """Go on as `other`, which is loaded and nobody else's, from the next sound on; from any thread."""
        self._next.append(other)

    def load(self) -> None:
        """Make and load every engine but the second, which waits for its first candidate.

        Raises EngineUnavailable; then no engine is loaded.
        """
        self.close()
        try:
            for name, choices in self._choices.items():
                engine = self._make(name, choices)
                self._engines.append(engine)
                engine.load()
            if self._settings is not None:
                self._second = _seconds(
                    self._words, self._settings, self._make, self._recent, background=self._background
                )
        except BaseException:
            self.close()
            raise

    def feed(self, frame: AudioFrame) -> WakeHit | None:
        """Take the next inbound audio, consecutive, of any length; a jump in it is the start of other sound."""
        while self._next:
            other = self._next.popleft()
            self._release(wait_s=0)
            self._choices, self._engines, self._decider = other._choices, other._engines, other._decider
            self._words, self._settings, self._second = other._words, other._settings, other._second
            self._recent, self._verification = other._recent, other._verification
        if self._second is not None or self._verification is not None:
            self._recent.remember(frame)
        sources = [engine.feed(frame) for engine in self._engines]
        for scores in sources:
            for score in scores:
                self._scores[score.wake_word] = score
        second = self._second
        if second is not None:
            sources = second.judged(sources, list(self._choices), frame)
        hit = self._decided(sources)
        if hit is None or self._verification is None or self._verification.accepts(hit, self._recent):
            return hit
        self._decider.forgive(hit.sample)
        return None

    def _decided(self, sources: Sequence[Sequence[WakeScore]]) -> WakeHit | None:
        heard = self._decider.decide(*sources)
        if heard is not None:
            return WakeHit(heard.wake_word, heard.score, heard.sample)
        for candidate in self._second.confirmed() if self._second is not None else ():
            if self._decider.confirm(candidate.sample):
                return WakeHit(candidate.wake_word, candidate.score, candidate.sample)
        return None

    @property
    def scores(self) -> Mapping[str, WakeScore]:
        """The last step of each word that has had one."""
        return self._scores

    @property
    def looks(self) -> int:
        """How often the second engine has been asked since `load`."""
        return 0 if self._second is None else self._second.look.looks

    @property
    def confirmed(self) -> int:
        """How often it took the sound for the word."""
        return 0 if self._second is None else self._second.look.confirmed

    def looked(self) -> list[tuple[Candidate, float]]:
        """Take the last candidates that were looked at (32 at most), with the second engine's scores."""
        if self._second is None:
            return []
        found = list(self._second.look.looked)
        self._second.look.looked.clear()
        return found

    @property
    def refused(self) -> int:
        """How many words did not wake, since they were nobody's who is enrolled."""
        return 0 if self._verification is None else self._verification.refused

    def verdicts(self) -> list[Verdict]:
        """Take the last words (32 at most) of which it was judged whose they are."""
        if self._verification is None:
            return []
        found = list(self._verification.told)
        self._verification.told.clear()
        return found

    def reset(self) -> None:
        """Forget all sound heard so far: another stream begins."""
        for engine in self._engines:
            engine.reset()
        self._recent.reset()
        if self._second is not None:
            self._second.reset()
        self._decider.reset()
        self._scores.clear()

    def close(self) -> None:
        """Release every engine; `load` brings them back."""
        while self._next:
            self._next.popleft().close()
        self._release()

    def _release(self, wait_s: float = 2.0) -> None:
        engines, self._engines = self._engines, []
        for engine in engines:
            engine.close()
        self._recent.reset()
        second, self._second = self._second, None
        if second is not None:
            second.look.close(wait_s)
        self._scores.clear()


class _Seconds:
    """The words that a second engine looks at, with the light engine's candidates."""

    def __init__(self, strong: Mapping[tuple[str, str], float | None], rule: JointRule, look: SecondLook) -> None:
        """strong: engine and word to the threshold that the user chose for it, if one."""
        self._strong = strong
        self._rule = rule
        self._candidates = {word: Candidates(rule.weak) for word in strong}
        self._ripe: list[Candidate] = []
        self._next_sample: int | None = None
        self.look = look

    def judged(
        self, sources: Sequence[Sequence[WakeScore]], engines: Sequence[str], frame: AudioFrame
    ) -> list[Sequence[WakeScore]]:
        """Take the steps of one block; return them with the rule's threshold in place of the light model's own."""
        if frame.first_sample != self._next_sample:
            self.reset()
        self._next_sample = frame.end_sample
        judged: list[Sequence[WakeScore]] = []
        for engine, scores in zip(engines, sources, strict=True):
            steps: list[WakeScore] = []
            for step in scores:
                word = engine, step.wake_word
                if word in self._strong:
                    if step.score >= self._rule.weak and self._strong[word] is None:
                        step = replace(step, threshold=max(self._rule.strong, step.threshold))
                    if (ripe := self._candidates[word].take(step)) is not None:
                        self._ripe.append(ripe)
                steps.append(step)
            judged.append(steps)
        return judged

    def confirmed(self) -> list[Candidate]:
        ripe, self._ripe = self._ripe, []
        return self.look.take(ripe)

    def reset(self) -> None:
        for candidates in self._candidates.values():
            candidates.reset()
        self._ripe.clear()
        self._next_sample = None


def _seconds(
    words: Sequence[WakeWord],
    settings: SecondLookSettings,
    make: Callable[[str, Sequence[WakeWordChoice]], WakeEngine],
    recent: RecentSound,
    *,
    background: bool,
) -> _Seconds | None:
    """None where the second engine is not installed or has none of the words.

    Raises EngineUnavailable for a word whose second model was named and is not there.
    """
    try:
        known = set(make(settings.engine, ()).available_words())
    except EngineUnavailable:
        if any(word.second is not None for word in words):
            raise
        return None
    seconds: dict[str, str] = {}
    strong: dict[tuple[str, str], float | None] = {}
    for word in words:
        name = spoken_name(word.model)
        second = word.second or (name if name in known and name == word.model else "")
        if not second or word.engine == settings.engine:
            continue
        if second not in known and not names_file(second):
            raise EngineUnavailable(
                f"[wake] words: {settings.engine} knows no second model {second!r} for {word.model}; use one of "
                f"{', '.join(sorted(known))}, or the path of a file"
            )
        seconds[name] = second
        strong[word.engine, name] = word.threshold
    if not seconds:
        return None
    look = SecondLook(
        seconds, lambda choices: make(settings.engine, choices), settings.confirm, recent, background=background
    )
    return _Seconds(strong, JointRule(settings.strong, settings.weak, settings.confirm), look)


def _margin(score: WakeScore) -> float:
    """How far past its threshold a score is, 0 to 1, so that words with different thresholds compare."""
    return (score.score - score.threshold) / max(1e-6, 1.0 - score.threshold)
