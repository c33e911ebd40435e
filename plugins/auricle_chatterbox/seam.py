"""Cuts renders of a sentence that grows into pieces to be played one after the other, joined without clicks."""

import numpy as np
import numpy.typing as npt

from auricle_chatterbox.sound import EDGE_S, LEAD_S, TAIL_S, loud_part

FloatArray = npt.NDArray[np.float32]

HELD_S = 0.24
"""Of a render's end, not played: the decoder looks three codes (0.12 s) ahead, the watermark about as far again."""
_FADE_S = 0.02


class Seam:
    """One sentence. Silence before and after it is left out, as `sound.trimmed` does."""

    def __init__(self, rate_hz: int) -> None:
        self.given = False
        """Whether there was any sound yet."""
        self._rate_hz = rate_hz
        self._fade = self._samples(_FADE_S)
        self._done = 0
        self._over: FloatArray = np.zeros(0, dtype=np.float32)
        """What the render before had after the sound that was given."""

    def next(self, render: FloatArray, *, last: bool) -> FloatArray:
        """What is to be played now; may be empty. last: the render is of the whole sentence."""
        loud, quiet = loud_part(render, self._rate_hz)
        end = min(len(render), quiet + self._samples(TAIL_S)) if last else len(render) - self._samples(HELD_S)
        if not self.given:
            self._done = max(0, loud - self._samples(LEAD_S))
        if last and self.given and end - self._done < self._fade:
            return self._over * _ramp(len(self._over))[::-1]
        if not last and (end - self._done < self._fade or end <= loud):
            return np.zeros(0, dtype=np.float32)
        piece = render[self._done : end].copy()
        if self.given:
            ramp = _ramp(len(self._over))
            piece[: len(ramp)] = self._over * (1.0 - ramp) + piece[: len(ramp)] * ramp
        edge = min(self._samples(EDGE_S), len(piece) // 2)
        if not self.given:
            piece[:edge] *= _ramp(edge)
        if last and edge:
            piece[-edge:] *= _ramp(edge)[::-1]
        self._over = render[end : end + self._fade].copy()
        self._done = end
        self.given = True
        return piece

    def _samples(self, seconds: float) -> int:
        return int(seconds * self._rate_hz)


def _ramp(count: int) -> FloatArray:
    return np.linspace(0.0, 1.0, count, dtype=np.float32)
