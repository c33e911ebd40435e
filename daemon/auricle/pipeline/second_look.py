"""A second look at wake words: what a light detector half heard goes, as sound, to a second engine, and both decide."""

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from auricle.api import INBOUND_RATE_HZ, AudioFrame, AuricleError, WakeEngine, WakeScore, WakeWordChoice
from auricle.memory import give_back
from auricle.pipeline.recent import RecentSound

_LOG = logging.getLogger(__name__)
_SETTLED_SAMPLES = INBOUND_RATE_HZ // 5
"""A score that has not risen for so long has had its peak; the second engine has heard the word's end by then too."""
_BEFORE_SAMPLES = 2 * INBOUND_RATE_HZ
"""What openWakeWord's scores depend on."""
_APART_SAMPLES = INBOUND_RATE_HZ // 2
"""Engines put the end of a word at most so far apart."""
_LATEST_SAMPLES = 3 * INBOUND_RATE_HZ
"""An answer that comes later than this is about sound that the ears have forgotten."""
_WAITING = 2
_KEPT = 32
_IDLE_S = 60.0
"""The second engine is let go of after so long without a candidate."""
_CLOSE_S = 2.0


@dataclass(frozen=True, slots=True)
class JointRule:
    """Heard is what the light engine is sure of, or what it takes to be possible and the second confirms.

    Each is a score, 0 to 1.
    """

    strong: float = 0.95
    weak: float = 0.1
    confirm: float = 0.01

    def hears(self, light: float, second: float) -> bool:
        return light >= self.strong or (light >= self.weak and second >= self.confirm)


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the light engine half heard, at its highest."""

    wake_word: str
    score: float
    sample: int
    """Where the word, if it was one, ended."""


class Candidates:
    """Finds the peaks of one word's scores between `weak` and its threshold. Time is counted in samples alone."""

    def __init__(self, weak: float) -> None:
        self._weak = weak
        self._peak: WakeScore | None = None
        self._told = 0.0
        """The highest score that was told or heard since the score was last below `weak`."""

    def take(self, score: WakeScore) -> Candidate | None:
        """Take the next step; return the candidate that it ripens. One that comes to its threshold is none."""
        peak = self._peak
        if score.score >= score.threshold:
            self._peak, self._told = None, 1.0
            return None
        if score.score >= self._weak and score.score > self._told and (peak is None or score.score > peak.score):
            self._peak = score
            return None
        below = score.score < self._weak
        ripe = None
        if peak is not None and score.sample - peak.sample >= _SETTLED_SAMPLES:
            ripe, self._peak, self._told = Candidate(peak.wake_word, peak.score, peak.sample), None, peak.score
        if below and self._peak is None:
            self._told = 0.0
        return ripe

    def reset(self) -> None:
        self._peak = None
        self._told = 0.0


@dataclass(frozen=True, slots=True)
class _Look:
    candidate: Candidate
    sound: AudioFrame
    stream: int


class SecondLook:
    """Has a second engine listen to the sound in which a candidate was.

    The engine is loaded for the first candidate and let go of when none came for a minute, so that idle listening
    costs neither CPU nor memory for it. In the background a look costs the caller nothing and is answered by a later
    `take`; otherwise `take` answers at once. All methods are for one thread.
    """

    def __init__(
        self,
        seconds: Mapping[str, str],
        make: Callable[[Sequence[WakeWordChoice]], WakeEngine],
        confirm: float,
        recent: RecentSound,
        *,
        background: bool,
        idle_s: float = _IDLE_S,
    ) -> None:
        """seconds: the light engine's name of a word to the second's model. make: the second engine, not loaded.

        recent: the sound so far, whenever a method is called.
        """
        self._seconds = dict(seconds)
        self._make = make
        self._confirm = confirm
        self._background = background
        self._idle_s = idle_s
        self._recent = recent
        self._engine: WakeEngine | None = None
        self._names: dict[str, str] = {}
        self._broken = False
        self._looks: queue.Queue[_Look | None] = queue.Queue(_WAITING)
        self._answers: queue.Queue[tuple[_Look, float]] = queue.Queue(_WAITING * 2)
        self._worker: threading.Thread | None = None
        self._ending = threading.Lock()
        self._closing = False
        self.looks = 0
        """How many candidates the second engine has been asked about."""
        self.confirmed = 0
        """How many of them it took for the word."""
        self.looked: deque[tuple[Candidate, float]] = deque(maxlen=_KEPT)
        """The last answers, with the second engine's score."""

    def take(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Have these looked at; return those, of now or earlier, that the second engine confirms."""
        for candidate in candidates:
            self._ask(_Look(candidate, self._sound(candidate), self._recent.stream))
        found: list[Candidate] = []
        while True:
            try:
                look, score = self._answers.get_nowait()
            except queue.Empty:
                return found
            late = (self._recent.end_sample or 0) - look.candidate.sample
            current = look.stream == self._recent.stream and late <= _LATEST_SAMPLES
            self.looked.append((look.candidate, score))
            _LOG.debug("second look at %s: %.3f and %.3f", look.candidate.wake_word, look.candidate.score, score)
            if current and score >= self._confirm:
                self.confirmed += 1
                found.append(look.candidate)

    def score(self, candidate: Candidate, sound: AudioFrame) -> float:
        """The second engine's highest score around a candidate in this sound. Raises AuricleError."""
        engine = self._loaded()
        engine.reset()
        name = self._names[candidate.wake_word]
        near = [
            step.score
            for step in engine.feed(sound)
            if step.wake_word == name and abs(step.sample - candidate.sample) <= _APART_SAMPLES
        ]
        return max(near, default=0.0)

    def close(self, wait_s: float = _CLOSE_S) -> None:
        """Let go of the engine; a look in flight ends first, for which is waited at most `wait_s`."""
        self._closing = True
        if (worker := self._worker) is None:
            self._release()
            return
        while True:
            try:
                self._looks.put_nowait(None)
                break
            except queue.Full:
                self._drop_oldest()
        worker.join(wait_s)

    def _sound(self, candidate: Candidate) -> AudioFrame:
        """From 2 s before the end of the word to half a second after it, as far as there is sound."""
        return self._recent.between(candidate.sample - _BEFORE_SAMPLES, candidate.sample + _APART_SAMPLES)

    def _ask(self, look: _Look) -> None:
        if self._broken or self._closing:
            return
        self.looks += 1
        if not self._background:
            self._answer(look)
            return
        with self._ending:
            try:
                self._looks.put_nowait(look)
            except queue.Full:
                _LOG.info("a possible wake word went without a second look: this machine is too slow for it just now")
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name="second look", daemon=True)
                self._worker.start()

    def _work(self) -> None:
        """The background thread; it owns the engine and ends, with it, when there was nothing to do for long."""
        while (look := self._next()) is not None:
            if look.stream == self._recent.stream and not self._closing:
                self._answer(look)
        give_back()

    def _next(self) -> _Look | None:
        """Wait for the next look; none where the thread is to end, of whose engine nothing is left then."""
        while True:
            try:
                look = self._looks.get(timeout=self._idle_s)
            except queue.Empty:
                look = None
            if look is not None:
                return look
            with self._ending:
                # What was asked in between would wait for a thread that has ended.
                if not self._closing and not self._looks.empty():
                    continue
                self._worker = None
                engine, self._engine = self._engine, None
            if engine is not None:
                engine.close()
            return None

    def _answer(self, look: _Look) -> None:
        try:
            score = self.score(look.candidate, look.sound)
        except Exception as error:  # an engine's top: wake words are heard without it
            self._broken = True
            told = error.message if isinstance(error, AuricleError) else repr(error)
            _LOG.warning("wake words go without a second look until the next start: %s", told)
            return
        if self._answers.full():
            self._answers.get_nowait()
        self._answers.put_nowait((look, score))

    def _loaded(self) -> WakeEngine:
        if self._engine is None:
            models = list(dict.fromkeys(self._seconds.values()))
            engine = self._make([WakeWordChoice(model) for model in models])
            try:
                engine.load()
                self._names = {word: spoken_name(model) for word, model in self._seconds.items()}
            except BaseException:
                engine.close()
                raise
            self._engine = engine
        return self._engine

    def _release(self) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()

    def _drop_oldest(self) -> None:
        try:
            self._looks.get_nowait()
        except queue.Empty:
            return


def names_file(model: str) -> bool:
    """Whether a model is given as a file rather than as a name that the engine knows."""
    return "/" in model or model.endswith((".onnx", ".tflite", ".json"))


def spoken_name(model: str) -> str:
    """What an engine calls the word of a model: the name itself, or a file's without folder and suffix."""
    last = model.replace("\\", "/").rpartition("/")[2]
    stem, dot, suffix = last.rpartition(".")
    return stem if dot and suffix in ("onnx", "tflite", "json") else last
