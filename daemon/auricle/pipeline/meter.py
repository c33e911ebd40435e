"""How loud it is and how near to a wake word, a tenth of a second at a time, for whoever watches."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping

import numpy as np

from auricle.api import AudioFrame, WakeScore
from auricle.model.audio import INBOUND_RATE_HZ, SAMPLE_BYTES

BIN_S = 0.1
FLOOR_DBFS = -90.0
_BIN_BYTES = round(BIN_S * INBOUND_RATE_HZ) * SAMPLE_BYTES
_KEPT = 50
_WATCHED_S = 5.0


class Meter:
    """Fed on the ears' thread, read on any; it costs nothing while nobody has read it for 5 s."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._watched_until_s = -math.inf
        self._lock = threading.Lock()
        self._pcm = bytearray()
        self._highest: dict[str, float] = {}
        self._thresholds: dict[str, float] = {}
        self._bins: deque[tuple[float, dict[str, float]]] = deque(maxlen=_KEPT)
        self._number = 0

    def feed(self, frame: AudioFrame, scores: Mapping[str, WakeScore]) -> None:
        """Take the next inbound audio, of any length, and what the wake words' last step gave."""
        if self._now_s() > self._watched_until_s:
            return
        with self._lock:
            self._pcm += frame.pcm
            for word, score in scores.items():
                self._thresholds[word] = score.threshold
                self._highest[word] = max(score.score, self._highest.get(word, 0.0))
            if len(self._pcm) < _BIN_BYTES:
                return
            while len(self._pcm) >= _BIN_BYTES:
                level = level_dbfs(bytes(self._pcm[:_BIN_BYTES]))
                del self._pcm[:_BIN_BYTES]
                self._number += 1
                self._bins.append((level, {word: round(score, 3) for word, score in self._highest.items()}))
            self._highest = {}

    def told(self) -> dict[str, object]:
        """The last 5 s, oldest first: `bin_s`, `last` (number of the newest bin), `level_dbfs`, `scores` and
        `thresholds` by wake word (0 to 1; the highest of each bin). Nothing of the time when nobody looked.
        """
        with self._lock:
            if self._now_s() > self._watched_until_s:
                self._bins.clear()
                self._pcm.clear()
                self._highest = {}
            self._watched_until_s = self._now_s() + _WATCHED_S
            words = sorted({word for _, scores in self._bins for word in scores})
            return {
                "bin_s": BIN_S,
                "last": self._number,
                "level_dbfs": [round(level, 1) for level, _ in self._bins],
                "scores": {word: [scores.get(word, 0.0) for _, scores in self._bins] for word in words},
                "thresholds": {word: self._thresholds[word] for word in words},
            }


def level_dbfs(pcm: bytes) -> float:
    """Root mean square of 16-bit samples, full scale being 0; -90 at the least."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
    power = float(np.mean(samples * samples)) / 32768.0**2 if len(samples) else 0.0
    return max(FLOOR_DBFS, 10 * math.log10(power)) if power > 0 else FLOOR_DBFS
