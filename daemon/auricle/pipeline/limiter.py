"""Peaks held below a ceiling, those between the samples too (BS.1770 true peak), without a click."""

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

CEILING = 10 ** (-1 / 20)
"""-1 dBFS, EBU R128's highest true peak."""
_REACH_S = 0.003
"""The gain begins to sink so long before a peak, and is back so long after it."""
_TAPS = 12
_OVERSAMPLING = 4
_SAFE = 0.5
"""No sound between samples goes over the ceiling where all samples are below this share of it."""


class Limiter:
    """A stream limited to `CEILING`; it holds back a few milliseconds to see peaks come."""

    def __init__(self, rate_hz: int) -> None:
        self._reach = max(1, round(_REACH_S * rate_hz))
        self._context = 2 * self._reach + _TAPS
        self._kept: Samples = np.zeros(self._context, np.float32)
        """What was given already and still bears on the gain, then what is held back."""
        window = np.hanning(2 * self._reach + 3)[1:-1]
        self._smooth = (window / window.sum()).astype(np.float32)

    def feed(self, samples: Samples) -> Samples:
        """Return what is ready of all fed so far: all but the last milliseconds."""
        context = self._context
        buffer = np.concatenate([self._kept, samples])
        self._kept = buffer[-2 * context :]
        return self._limited(buffer)[context : max(context, len(buffer) - context)]

    def finish(self) -> Samples:
        """Return the rest. Nothing may be fed afterwards."""
        return self.feed(np.zeros(self._context, np.float32))

    def _limited(self, samples: Samples) -> Samples:
        if float(np.max(np.abs(samples), initial=0.0)) <= CEILING * _SAFE:
            return samples
        peaks = true_peaks(samples)
        if float(peaks.max()) <= CEILING:
            return samples
        wanted = np.minimum(1.0, CEILING / np.maximum(peaks, CEILING))
        lowest = _lowest_around(wanted, self._reach)
        gain = np.convolve(np.pad(lowest, self._reach, mode="edge"), self._smooth, "valid")
        return np.clip(samples * gain, -CEILING, CEILING).astype(np.float32)


def true_peaks(samples: Samples) -> Samples:
    """The highest magnitude at each sample and between it and its neighbours, by fourfold oversampling."""
    highest = np.abs(samples)
    for kernel in _KERNELS:
        between = np.abs(np.convolve(samples, kernel, "same"))
        highest = np.maximum(highest, between)
        # A peak between two samples is both neighbours'.
        highest[1:] = np.maximum(highest[1:], between[:-1])
        highest[:-1] = np.maximum(highest[:-1], between[1:])
    return highest.astype(np.float32)


def _kernels() -> tuple[Samples, ...]:
    places = np.arange(-_TAPS, _TAPS + 1)
    found = []
    for part in range(1, _OVERSAMPLING):
        at = places + part / _OVERSAMPLING
        window = np.cos(0.5 * np.pi * at / (_TAPS + 1)) ** 2
        found.append((np.sinc(at) * window).astype(np.float32))
    return tuple(found)


_KERNELS = _kernels()


def _lowest_around(values: Samples, reach: int) -> Samples:
    """The lowest value within `reach` places on either side, by doubling."""
    width, lowest, have = 2 * reach + 1, np.pad(values, reach, mode="edge"), 1
    while have < width:
        shift = min(have, width - have)
        lowest = np.minimum(lowest[:-shift], lowest[shift:])
        have += shift
    return lowest
