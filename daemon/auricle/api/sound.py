"""Arithmetic on sound for engines that need it; imports what `auricle.api` itself must not."""

import numpy as np
import numpy.typing as npt
import soxr

from auricle.api.time_stretch import Stretch

__all__ = ["pitch_shifted"]

Samples = npt.NDArray[np.float32]


def pitch_shifted(samples: Samples, rate_hz: int, semitones: float) -> Samples:
    """A whole piece at another pitch and of the same length; -12 to 12 semitones. Formants move too."""
    if not semitones:
        return samples
    bend = float(2 ** (semitones / 12))
    stretch = Stretch(bend, rate_hz)
    longer = np.concatenate([stretch.feed(samples), stretch.finish()])
    return np.asarray(soxr.resample(longer, round(rate_hz * bend), rate_hz), dtype=np.float32)
