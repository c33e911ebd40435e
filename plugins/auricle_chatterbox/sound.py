"""Speech as it leaves the engine: without dead ends, with soft edges."""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

_QUIET = 0.002
"""RMS of 5 ms, full scale 1, below which generated sound is silence."""
_STEP_S = 0.005


def trimmed(samples: FloatArray, rate_hz: int, *, lead_s: float = 0.03, tail_s: float = 0.08) -> FloatArray:
    """The sound with at most so much silence before and after; as it is if it is silence throughout."""
    step = int(_STEP_S * rate_hz)
    steps = -(-len(samples) // step)
    power = (np.pad(samples, (0, steps * step - len(samples))).reshape(-1, step) ** 2).mean(axis=1)
    loud = np.flatnonzero(power > _QUIET**2)
    if not len(loud):
        return samples
    first = max(0, int(loud[0]) * step - int(lead_s * rate_hz))
    return samples[first : (int(loud[-1]) + 1) * step + int(tail_s * rate_hz)]


def faded(samples: FloatArray, rate_hz: int, seconds: float = 0.005) -> FloatArray:
    """The sound with a rise at its start and a fall at its end, so that neither clicks."""
    count = min(int(seconds * rate_hz), len(samples) // 2)
    if not count:
        return samples
    ramp = np.linspace(0.0, 1.0, count, dtype=np.float32)
    result = samples.copy()
    result[:count] *= ramp
    result[-count:] *= ramp[::-1]
    return result
