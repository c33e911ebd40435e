"""Judges generated speech: the model may fall silent, babble, hang on a sound or say nothing like the text."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

CODES_PER_S = 25
"""Sounds that the model makes per second of speech."""
RATE_HZ = 24_000
_SLOWEST_S = 0.09
"""Per character; slower than that is babble."""
_QUICKEST_S = 0.02
_SILENT_RMS = 0.001
_FULL_SCALE = 0.999
_CLIPPED_SHARE = 0.005
_SAME_CODES = 30
"""The same code so often in a row is a hum of more than a second."""
_LOOP_CODES = 20
"""Longest run of codes that counts as a loop when it comes again and again."""
_LOOPS = 5


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a piece of speech."""

    text: str
    unusable: bool
    """Nothing that could be played; other faults are still better than silence."""
    hangs: bool = False
    """There is nothing but noise from somewhere on."""


def most_codes(characters: int) -> int:
    """After how many codes a text is to have been said, however slowly."""
    return int(CODES_PER_S * (_SLOWEST_S * characters + 2))


def judge(samples: FloatArray, codes: Sequence[int], characters: int) -> Fault | None:
    """The worst that is wrong, if anything. samples: at 24 kHz, full scale 1; codes: that they were made of."""
    if not len(samples) or (np.isfinite(samples).all() and _rms(samples) < _SILENT_RMS):
        return Fault("there is no sound", True)
    if (fault := judge_so_far(samples, codes)) is not None:
        return fault
    if len(codes) >= most_codes(characters):
        return Fault(f"{len(codes) / CODES_PER_S:.1f} s are too long for {characters} characters", False)
    if (spoken_s := len(samples) / RATE_HZ) < _QUICKEST_S * characters:
        return Fault(f"{spoken_s:.1f} s are too short for {characters} characters", False)
    return None


def judge_so_far(samples: FloatArray, codes: Sequence[int]) -> Fault | None:
    """As `judge`, of a sentence that goes on: neither its length nor silence tells anything yet."""
    if not np.isfinite(samples).all():
        return Fault("the sound is no numbers", True)
    if float(np.mean(np.abs(samples) >= _FULL_SCALE)) > _CLIPPED_SHARE:
        return Fault("the sound is clipped", False)
    if _hangs(codes):
        return Fault("a sound is repeated over and over", False, hangs=True)
    return None


def _rms(samples: FloatArray) -> float:
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))


def _hangs(codes: Sequence[int]) -> bool:
    """Whether a run of codes comes again and again without a break, anywhere."""
    found = np.asarray(codes)
    for period in range(1, min(_LOOP_CODES, len(found) // 2) + 1):
        wanted = _SAME_CODES if period == 1 else period * (_LOOPS - 1)
        same = np.concatenate(([0], (found[period:] == found[:-period]).astype(np.int64), [0]))
        edges = np.flatnonzero(np.diff(same))
        if len(edges) and int((edges[1::2] - edges[::2]).max()) >= max(wanted, 12):
            return True
    return False
