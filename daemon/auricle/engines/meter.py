"""Counts what an engine does: requests, seconds of sound, seconds of computing. Filled on the engine's thread."""

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from typing import Final, TypeVar

from auricle.engines.utterance import Utterance
from auricle.model.audio import AudioFrame
from auricle.model.intent import Transcript

_RECENT: Final = 16

T = TypeVar("T")


class Meter:
    """Of one engine in one process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.requests = 0
        self._clock = clock
        self._recent: deque[tuple[float, float]] = deque(maxlen=_RECENT)

    @property
    def rtf(self) -> float | None:
        """Seconds of computing for a second of sound in the last requests; none before there was any."""
        recent = tuple(self._recent)
        audio_s = sum(audio for _, audio in recent)
        return sum(busy for busy, _ in recent) / audio_s if audio_s else None

    def speech(self, frames: Iterator[AudioFrame]) -> Generator[AudioFrame, None, None]:
        """The same frames, counted."""
        audio_s = 0.0
        timed = _Timed(frames, self._clock)
        try:
            for frame in timed:
                audio_s += frame.seconds
                yield frame
        finally:
            timed.close()
            self._note(timed.busy_s, audio_s)

    def hearing(self, utterance: Utterance, found: Iterator[Transcript]) -> Generator[Transcript, None, None]:
        """The same transcripts, counted; time in which the engine waited for the speaker is none of its own."""
        timed = _Timed(found, self._clock)
        try:
            yield from timed
        finally:
            timed.close()
            self._note(max(0.0, timed.busy_s - utterance.waited_s), utterance.seconds)

    def _note(self, busy_s: float, audio_s: float) -> None:
        self.requests += 1
        if audio_s > 0:
            self._recent.append((busy_s, audio_s))


class _Timed(Iterator[T]):
    """An iterator, and the time that was spent in it."""

    def __init__(self, inner: Iterator[T], clock: Callable[[], float]) -> None:
        self.busy_s = 0.0
        self._inner = inner
        self._clock = clock

    def __next__(self) -> T:
        began = self._clock()
        try:
            return next(self._inner)
        finally:
            self.busy_s += self._clock() - began

    def close(self) -> None:
        if (close := getattr(self._inner, "close", None)) is not None:
            close()
