"""Silence at the ends of generated speech: heard sooner, and followed sooner by what comes next."""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

QUIET = 0.003
"""RMS of 5 ms, full scale 1, below which generated sound is silence; soft fricatives are above."""
_STEP_S = 0.005


def trim(samples: FloatArray, rate_hz: int, *, lead_s: float = 0.02, tail_s: float = 0.05) -> FloatArray:
    """The sound with at most so much silence before and after; nothing at all if it is silence throughout."""
    step = int(_STEP_S * rate_hz)
    steps = -(-len(samples) // step)
    power = (np.pad(samples, (0, steps * step - len(samples))).reshape(-1, step) ** 2).mean(axis=1)
    loud = np.flatnonzero(power > QUIET**2)
    if not len(loud):
        return samples[:0]
    first = max(0, int(loud[0]) * step - int(lead_s * rate_hz))
    last = (int(loud[-1]) + 1) * step + int(tail_s * rate_hz)
    return samples[first:last]
