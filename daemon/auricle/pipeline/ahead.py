"""Speech that is ready before it is heard: how much may be, and how long it lasts against what is still to be made."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

from auricle.model.audio import AudioFrame

MOST_AHEAD_S = 30.0
"""Of sound (1.4 MB) that may be ready: more than the longest piece, so that making one never waits for another."""
_CHARACTERS_A_SECOND = 15.0
"""Of speech, until it is known."""
_UNKNOWN_RTF = 0.5
_LEAST_RTF = 0.02
_SAFETY = 1.25


class Ahead:
    """Frames from their maker to the player, bounded by their length. All calls on the event loop."""

    def __init__(self, most_s: float = MOST_AHEAD_S) -> None:
        self._most_s = most_s
        self._frames: deque[AudioFrame | BaseException | None] = deque()
        self._seconds = 0.0
        self._changed = asyncio.Condition()

    async def put(self, frame: AudioFrame | BaseException | None) -> None:
        """Wait for room. None is the end, an exception too."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._seconds < self._most_s)
            self._frames.append(frame)
            self._seconds += frame.seconds if isinstance(frame, AudioFrame) else 0.0
            self._changed.notify_all()

    async def get(self) -> AudioFrame | BaseException | None:
        async with self._changed:
            await self._changed.wait_for(lambda: bool(self._frames))
            frame = self._frames.popleft()
            self._seconds -= frame.seconds if isinstance(frame, AudioFrame) else 0.0
            self._changed.notify_all()
            return frame


class Pace:
    """How long an engine works for a second of speech, as it was seen lately.

    Grows at once and falls slowly; but from where it could not keep up it falls at once: it was started again, say.
    """

    def __init__(self) -> None:
        self._seen: float | None = None

    @property
    def rtf(self) -> float:
        return _UNKNOWN_RTF if self._seen is None else self._seen

    def made(self, sound_s: float, worked_s: float) -> None:
        if sound_s > 0:
            now = max(_LEAST_RTF, worked_s / sound_s)
            before = self._seen
            self._seen = now if before is None or now > before or before >= 1 else (before + now) / 2


class Lead:
    """Of one text that is spoken while it is made: how much longer the sound lasts that is there already."""

    def __init__(self, pace: Pace, steady_s: Callable[[], float] = time.monotonic) -> None:
        self.pace = pace
        self._steady_s = steady_s
        self._begun_s: float | None = None
        self._sound_s = 0.0
        self._characters = 0

    @property
    def begun(self) -> bool:
        """Whether there is any sound."""
        return self._begun_s is not None

    @property
    def seconds(self) -> float:
        """Counted as if the first frame was heard when it was made, so rather too little."""
        return 0.0 if self._begun_s is None else self._sound_s - (self._steady_s() - self._begun_s)

    @property
    def characters(self) -> float:
        """How long a text can be made before the sound ends; any where it has ended, or will whatever is made.

        A sentence is not spoilt for that.
        """
        if not self.begun or self.seconds <= 0 or self.pace.rtf >= 1:
            return float("inf")
        a_second = self._characters / self._sound_s if self._characters else _CHARACTERS_A_SECOND
        return self.seconds * a_second / (self.pace.rtf * _SAFETY)

    def text(self, text: str) -> None:
        """A piece was made."""
        self._characters += len(text)

    def sound(self, frame: AudioFrame) -> None:
        """A frame was made."""
        if self._begun_s is None:
            self._begun_s = self._steady_s()
        self._sound_s += frame.seconds
