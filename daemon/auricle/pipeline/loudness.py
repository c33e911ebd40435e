"""Loudness as ears judge it: ITU-R BS.1770 with EBU R128's gates.

Of our own because pyloudnorm brings scipy, which would take 78 MB of a daemon that has 100. The tests hold the two
together.
"""

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

SHORTEST_S = 0.4
"""Below this there is no gated loudness: the weighted RMS of all counts."""
_STEP_S = 0.1
_ABSOLUTE_GATE_LUFS = -70.0
_RELATIVE_GATE_LU = -10.0
_OFFSET_LUFS = -0.691
_BLOCK = 24_000
_TAIL = 8_768
"""The filters have rung out after this many samples; with a block it is a power of two."""


class LoudnessMeter:
    """Integrated loudness of one stream of mono samples, known at any time."""

    def __init__(self, rate_hz: int) -> None:
        self._response = _k_weighting(rate_hz)
        self._step = round(_STEP_S * rate_hz)
        self._ringing = np.zeros(_TAIL)
        self._steps: list[float] = []
        """Energy of each 100 ms."""
        self._rest = np.empty(0)
        """Power of the samples that do not fill one yet."""
        self._energy = 0.0
        self._samples = 0

    def feed(self, samples: Samples) -> None:
        for start in range(0, len(samples), _BLOCK):
            power = self._weighted(samples[start : start + _BLOCK]) ** 2
            self._energy += float(power.sum())
            self._samples += len(power)
            power = np.concatenate([self._rest, power])
            whole = len(power) // self._step * self._step
            self._steps += power[:whole].reshape(-1, self._step).sum(axis=1).tolist()
            self._rest = power[whole:]

    def lufs(self) -> float | None:
        """Loudness of all fed so far in LUFS; None for silence."""
        if self._samples == 0:
            return None
        steps_a_block = round(SHORTEST_S / _STEP_S)
        if len(self._steps) < steps_a_block:
            loudness = _lufs(self._energy / self._samples)
            return loudness if loudness > _ABSOLUTE_GATE_LUFS else None
        sums = np.convolve(self._steps, np.ones(steps_a_block), "valid")
        blocks = sums / (steps_a_block * self._step)
        heard = blocks[blocks > _power(_ABSOLUTE_GATE_LUFS)]
        if not len(heard):
            return None
        gate = float(heard.mean()) * 10 ** (_RELATIVE_GATE_LU / 10)
        return _lufs(float(heard[heard > gate].mean()))

    def _weighted(self, samples: Samples) -> npt.NDArray[np.float64]:
        size = _BLOCK + _TAIL
        whole = np.fft.irfft(np.fft.rfft(samples, size) * self._response, size)
        whole[:_TAIL] += self._ringing
        self._ringing = whole[len(samples) : len(samples) + _TAIL].copy()
        return np.asarray(whole[: len(samples)])


def _lufs(power: float) -> float:
    return _OFFSET_LUFS + 10 * math.log10(power) if power > 0 else -math.inf


def _power(lufs: float) -> float:
    return float(10 ** ((lufs - _OFFSET_LUFS) / 10))


@lru_cache(maxsize=2)
def _k_weighting(rate_hz: int) -> npt.NDArray[np.complex64]:
    """Frequency response of BS.1770's two filters: the head as a shelf, and the ear's deafness to rumble.

    The standard gives coefficients for 48 kHz alone; these are the analogue filters behind them (frequencies, gain and
    Q as found by B. De Man, "Evaluation of Implementations of the EBU R128 Loudness Measurement", AES 2018).
    """
    size = _BLOCK + _TAIL
    z = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)

    def biquad(b: tuple[float, float, float], a: tuple[float, float, float]) -> npt.NDArray[np.complex128]:
        return np.asarray((b[0] + b[1] * z + b[2] * z * z) / (a[0] + a[1] * z + a[2] * z * z))

    k, q = math.tan(math.pi * 1681.974450955533 / rate_hz), 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    band = high**0.4996667741545416
    shelf = biquad(
        (high + band * k / q + k * k, 2 * (k * k - high), high - band * k / q + k * k),
        (1 + k / q + k * k, 2 * (k * k - 1), 1 - k / q + k * k),
    )
    k, q = math.tan(math.pi * 38.13547087602444 / rate_hz), 0.5003270373238773
    norm = 1 + k / q + k * k
    rumble = biquad((1.0, -2.0, 1.0), (1.0, 2 * (k * k - 1) / norm, (1 - k / q + k * k) / norm))
    return np.asarray(shelf * rumble, dtype=np.complex64)
