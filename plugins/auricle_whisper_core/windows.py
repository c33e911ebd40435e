"""Sound longer than Whisper can hear at once, cut where it is quiet."""

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from auricle.api import INBOUND_RATE_HZ, AudioFrame, EngineError
from auricle_whisper_core.mel import FloatArray

LONGEST = 28 * INBOUND_RATE_HZ
"""Samples; Whisper's own limit is 30 s, less what is put around a window."""
_EARLIEST = 18 * INBOUND_RATE_HZ
"""No window is cut by its length before this."""
_STEP = INBOUND_RATE_HZ // 20
PAUSE_S = 3.0
"""Quiet that ends a window: over a longer pause Whisper loses what stands on one side of it."""
_QUIET = 1e-6
"""Power, full scale 1; or `_BELOW` of the loudest heard so far."""
_BELOW = 1e-3


def windows(frames: Iterable[AudioFrame]) -> Iterator[FloatArray]:
    """Yield the sound as samples of -1 to 1, one window at a time, each as soon as it is whole.

    No sample is lost or repeated. Never holds much more than a window. Raises EngineError for another rate than 16 kHz.
    """
    for samples, _ in growing_windows(frames, growth=False):
        yield samples


def growing_windows(frames: Iterable[AudioFrame], growth: bool) -> Iterator[tuple[FloatArray, bool]]:
    """Yield the same windows, each with true; with `growth` what there is of one after each frame, with false."""
    held = bytearray()
    loudest, quiet, measured = 0.0, 0, 0
    for frame in frames:
        if frame.rate_hz != INBOUND_RATE_HZ:
            raise EngineError(f"sound at {frame.rate_hz} Hz cannot be transcribed: convert it to {INBOUND_RATE_HZ} Hz")
        held += frame.pcm
        while (measured + _STEP) * 2 <= len(held):
            power = float(_power(_samples(held[measured * 2 : (measured + _STEP) * 2]))[0])
            measured += _STEP
            loudest = max(loudest, power)
            quiet = quiet + 1 if power < max(_QUIET, _BELOW * loudest) else 0
            cut = 0
            if quiet * _STEP >= PAUSE_S * INBOUND_RATE_HZ:
                cut = measured
            elif measured >= LONGEST:
                cut = _quietest(_samples(held[: measured * 2]))
            if cut:
                yield _samples(held[: cut * 2]), True
                del held[: cut * 2]
                measured -= cut
                quiet = 0
        if growth and len(held) > 1:
            yield _samples(held), False
    if len(held) > 1:
        yield _samples(held), True


def halves(samples: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Two parts, cut at the quietest third of a second of the middle half. samples: a second of them at least."""
    quarter = len(samples) // 4
    cut = _quietest(samples[: len(samples) - quarter], quarter)
    return samples[:cut], samples[cut:]


def _samples(pcm: bytearray) -> FloatArray:
    whole = len(pcm) // 2 * 2
    return np.frombuffer(bytes(pcm[:whole]), dtype="<i2").astype(np.float32) / 32768.0


def _power(samples: FloatArray) -> npt.NDArray[np.float32]:
    """Mean square of each whole step."""
    steps = samples[: len(samples) // _STEP * _STEP].reshape(-1, _STEP)
    return np.asarray((steps**2).mean(axis=1), dtype=np.float32)


def _quietest(samples: FloatArray, earliest: int = _EARLIEST) -> int:
    """Middle of the quietest third of a second between `earliest` and the end."""
    spread = 6
    smooth = np.convolve(_power(samples[earliest:]), np.ones(spread), mode="valid")
    return earliest + (int(smooth.argmin()) + spread // 2) * _STEP
