"""Speech as it leaves the engine: without dead ends, with soft edges."""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

_QUIET = 0.002
"""RMS of 5 ms, full scale 1, below which generated sound is silence."""
_STEP_S = 0.005
LEAD_S, TAIL_S = 0.03, 0.08
"""Silence that is left before and after speech."""
EDGE_S = 0.005
"""Rise and fall at the edges."""


def trimmed(samples: FloatArray, rate_hz: int) -> FloatArray:
    """The sound with at most LEAD_S of silence before and TAIL_S after; as it is if it is silence throughout."""
    first, end = loud_part(samples, rate_hz)
    if first == end:
        return samples
    return samples[max(0, first - int(LEAD_S * rate_hz)) : end + int(TAIL_S * rate_hz)]


def loud_part(samples: FloatArray, rate_hz: int) -> tuple[int, int]:
    """Where the sound begins and ends that is no silence; of silence throughout, its end twice."""
    step = int(_STEP_S * rate_hz)
    steps = -(-len(samples) // step)
    power = (np.pad(samples, (0, steps * step - len(samples))).reshape(-1, step) ** 2).mean(axis=1)
    loud = np.flatnonzero(power > _QUIET**2)
    if not len(loud):
        return len(samples), len(samples)
    return int(loud[0]) * step, min(len(samples), (int(loud[-1]) + 1) * step)


def faded(samples: FloatArray, rate_hz: int) -> FloatArray:
    """The sound with a rise at its start and a fall at its end, so that neither clicks."""
    count = min(int(EDGE_S * rate_hz), len(samples) // 2)
    if not count:
        return samples
    ramp = np.linspace(0.0, 1.0, count, dtype=np.float32)
    result = samples.copy()
    result[:count] *= ramp
    result[-count:] *= ramp[::-1]
    return result
