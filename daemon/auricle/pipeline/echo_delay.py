"""How late our own voice comes back into the microphone, and how much faster one clock runs than the other."""

from collections import deque

import numpy as np
import numpy.typing as npt

from auricle.model.audio import INBOUND_RATE_HZ

Floats = npt.NDArray[np.float32]

_WINDOW = 1 << 15
_EVERY = INBOUND_RATE_HZ // 2
_LOUD = 0.003
"""RMS of full scale below which the far end tells nothing."""
_LOWEST_LAG = -INBOUND_RATE_HZ // 10
_HIGHEST_LAG = INBOUND_RATE_HZ // 2
_BAND_HZ = (200, 6_000)
_CLEAR = 8.0
"""A peak counts if it is this many times as high as the rest is on average (root mean square)."""
_FEWEST, _MOST = 5, 12
_STRAIGHT = 3.0
"""Samples that the lags may lie off their line, on average."""
MOST_DRIFT = 500e-6


class DelayTracker:
    """Fed with the microphone's sound and the far end as the filter gets it; says where the echo lies between them.

    Generalised cross-correlation with phase transform (Knapp and Carter, 1976) over 2 s, twice a second.
    """

    def __init__(self) -> None:
        self._near = np.zeros(_WINDOW, np.float32)
        self._far = np.zeros(_WINDOW, np.float32)
        self._since = 0
        self._filled = 0
        self._lags: deque[tuple[int, float]] = deque(maxlen=_MOST)
        self._window = np.hanning(_WINDOW).astype(np.float32)
        self._size = 2 * _WINDOW
        low, high = (round(hz * self._size / INBOUND_RATE_HZ) for hz in _BAND_HZ)
        self._bins = slice(low, high)

    def feed(self, near: Floats, far: Floats) -> float | None:
        """Return by how many samples the echo lags behind `far`, when that has been found anew. Equal lengths."""
        count = len(near)
        for kept, fresh in ((self._near, near), (self._far, far)):
            kept[:-count] = kept[count:]
            kept[-count:] = fresh
        self._since += count
        self._filled += count
        if self._since < _EVERY or self._filled < _WINDOW // 2:
            return None
        self._since = 0
        return self._measure()

    def forget(self) -> None:
        """The far end was moved, or the sound has a gap: what was heard before cannot be compared."""
        self._near[:] = 0
        self._far[:] = 0
        self._since = self._filled = 0
        self._lags.clear()

    def begin_line(self) -> None:
        """The far end is read at another pace from here on."""
        self._lags.clear()

    def drift(self, position: int, lag: float, *, settled: bool) -> float | None:
        """Return by how much the far end should be read faster, as a share, when enough lags tell.

        position: index of the near sample at which `lag` was found. settled: the pace is known, and only refined.
        """
        self._lags.append((position, lag))
        if len(self._lags) < (_MOST if settled else _FEWEST):
            return None
        at, lags = np.array(self._lags, np.float64).T
        at -= at[0]
        slope, base = np.polyfit(at, lags, 1)
        off = np.abs(lags - base - slope * at)
        if off.max() > _STRAIGHT:  # an echo by another way, taken for the direct one: once more without it
            kept = off <= max(1.0, 2 * float(np.median(off)))
            if kept.sum() < _FEWEST:
                return None
            slope, base = np.polyfit(at[kept], lags[kept], 1)
            off = np.abs(lags - base - slope * at)[kept]
        if off.mean() > _STRAIGHT or abs(slope) > MOST_DRIFT:
            return None
        return float(-slope)

    def _measure(self) -> float | None:
        if np.sqrt(np.mean(self._far * self._far)) < _LOUD:
            return None
        far = np.fft.rfft(self._far * self._window, self._size)[self._bins]
        near = np.fft.rfft(self._near * self._window, self._size)[self._bins]
        cross = near * far.conj()
        whitened = np.zeros(self._size // 2 + 1, np.complex64)
        whitened[self._bins] = cross / (np.abs(cross) + 1e-9)
        curve = np.fft.irfft(whitened)
        curve = np.concatenate((curve[_LOWEST_LAG:], curve[:_HIGHEST_LAG]))
        peak = int(np.argmax(np.abs(curve)))
        if not 0 < peak < len(curve) - 1 or abs(curve[peak]) < _CLEAR * np.sqrt(np.mean(curve * curve)):
            return None
        before, at, after = np.abs(curve[peak - 1 : peak + 2])
        return peak + _LOWEST_LAG + 0.5 * float(before - after) / float(before - 2 * at + after)
