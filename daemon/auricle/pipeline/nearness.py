"""Who speaks near and who in the background: by level, relative to what the command was spoken at so far."""

from bisect import insort
from collections import deque

import numpy as np

SMOOTHED = 2048
"""Samples (0.13 s) over which levels are told: shorter than a syllable's decay, longer than the gap inside a word."""
_SPEAKER = 0.85
"""The speaker's level is that which so much of the voice stays below: a loud word alone does not make the rest far."""
_KNOWN_AFTER = 8192
"""Samples of voice (0.5 s) until which all of it is near."""


def power(pcm: bytes) -> float:
    """Mean square of 16-bit samples; 1 at least."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float32)
    return max(1.0, float(np.dot(samples, samples)) / max(1, len(samples)))


class Nearness:
    """Of one command."""

    def __init__(self, below_db: float) -> None:
        """below_db: so far below the speaker's level voice is somebody else's; 0 takes all for near."""
        self._factor = 10 ** (-below_db / 10) if below_db > 0 else 0.0
        self._lately: deque[tuple[int, float]] = deque()
        self._levels: list[float] = []
        self._voiced = 0

    def near(self, samples: int, power: float, *, voiced: bool) -> bool:
        """Whether the next window, if it is voice, is the speaker's."""
        self._lately.append((samples, power))
        while len(self._lately) > 1 and sum(count for count, _ in self._lately) > SMOOTHED:
            self._lately.popleft()
        if not voiced:
            return False
        level = sum(count * mean for count, mean in self._lately) / sum(count for count, _ in self._lately)
        insort(self._levels, level)
        self._voiced += samples
        speaker = self._levels[min(len(self._levels) - 1, int(_SPEAKER * len(self._levels)))]
        return self._voiced <= _KNOWN_AFTER or level >= speaker * self._factor

    def forget(self) -> None:
        """What was heard was no command."""
        self._levels.clear()
        self._voiced = 0
