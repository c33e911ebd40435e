"""What the loudspeaker was given, kept for some seconds, so that it can be found again in the microphone."""

from collections import deque

import numpy as np
import numpy.typing as npt

from auricle.model.audio import INBOUND_RATE_HZ
from auricle.pipeline.devices import Format
from auricle.pipeline.rate import Resampler

Floats = npt.NDArray[np.float32]

_KEPT = 4 * INBOUND_RATE_HZ
_REACH = 16
"""Samples on either side that an interpolated one is made of."""
_STEPS = 512
_WAITING = 1_024
_CLOCK_BLOCKS = 100
_FULL_SCALE = 32_768.0


class FarEnd:
    """A ring of what was played, 16 kHz mono. `played` is called on the sound device's thread, the rest on the ears'.

    A position is an index in all that the open device has asked for, silence too, since it was opened.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[bytes, int, Format, float]] = deque(maxlen=_WAITING)
        self._resampler: Resampler | None = None
        self._format: Format | None = None
        self._asked_s = 0.0
        self._clock: deque[float] = deque(maxlen=_CLOCK_BLOCKS)
        """Of the last blocks: one that a device asked for early, and threw away, is forgotten."""
        self._ring = np.zeros(_KEPT, np.float32)
        self.opened = 0
        """How often the device's sound began anew."""
        self.end = 0
        """Position after the last sample."""
        self.sounded = -_KEPT
        """Position after the last sample that was no silence."""
        self.began_s = 0.0
        """time.monotonic() at which position 0 was asked for, as the device's steady pace has it."""

    def played(self, sound: bytes, frames: int, form: Format, asked_s: float) -> None:
        """Sound as the device got it; shorter than `frames`, the rest is silence. No frames: what was asked for before
        is not played, and positions begin anew.
        """
        self._waiting.append((sound, frames, form, asked_s))

    def take_in(self) -> None:
        """Convert what was played since the last call."""
        while self._waiting:
            sound, frames, form, asked_s = self._waiting.popleft()
            if not frames:
                self._format = None
                continue
            if form != self._format or asked_s - self._asked_s > 1.0 or self._resampler is None:
                self._begin(form, asked_s)
            self._asked_s = asked_s
            self._clock.append(asked_s - self.end / INBOUND_RATE_HZ)
            self.began_s = min(self._clock)
            samples = np.zeros(frames, "<i2")
            given = np.frombuffer(sound, "<i2")[:: form.channels]
            samples[: len(given)] = given
            assert self._resampler is not None
            self._keep(np.frombuffer(self._resampler.feed(samples.tobytes()), "<i2"), bool(given.any()))

    def read(self, first: float, count: int, pace: float) -> Floats:
        """Return `count` samples from a fractional position on, `pace` apart; silence where nothing is known.

        Windowed-sinc interpolation with 32 points.
        """
        at = first + pace * np.arange(count)
        whole = np.floor(at).astype(np.int64)
        step = ((at - whole) * _STEPS).astype(np.int64)
        index = whole[:, None] + _TAPS
        known = (index >= max(0, self.end - _KEPT)) & (index < self.end)
        samples = np.where(known, self._ring[index % _KEPT], np.float32(0))
        return np.asarray(np.einsum("ij,ij->i", samples, _KERNELS[step]), np.float32)

    def _begin(self, form: Format, asked_s: float) -> None:
        self._format = form
        self._resampler = Resampler(form.rate_hz, INBOUND_RATE_HZ)
        self._ring[:] = 0
        self.opened += 1
        self.end = 0
        self.sounded = -_KEPT
        self.began_s = asked_s
        self._clock.clear()

    def _keep(self, samples: npt.NDArray[np.int16], sounds: bool) -> None:
        places = np.arange(self.end, self.end + len(samples)) % _KEPT
        self._ring[places] = samples / np.float32(_FULL_SCALE)
        self.end += len(samples)
        if sounds:
            self.sounded = self.end


_TAPS = np.arange(1 - _REACH, _REACH + 1)


def _kernels() -> Floats:
    distance = _TAPS - np.arange(_STEPS)[:, None] / _STEPS
    window = np.cos(np.pi * distance / (2 * _REACH + 2)) ** 2
    return np.asarray(np.sinc(distance) * window, np.float32)


_KERNELS = _kernels()
