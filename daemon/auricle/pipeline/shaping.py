"""Speech after it was made, the same for every engine: pace, pitch, loudness, clean ends, outbound rate.

Per piece and in a stream: the first sound is not waited for any longer than the engine makes it wait.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soxr

from auricle.api.time_stretch import Stretch
from auricle.model.audio import OUTBOUND_RATE_HZ, SAMPLE_BYTES
from auricle.model.errors import BadRequest
from auricle.pipeline.limiter import Limiter
from auricle.pipeline.loudness import LoudnessMeter

Samples = npt.NDArray[np.float32]

MOST_SEMITONES = 12.0
SPEEDS = (0.5, 2.0)
_FULL_SCALE = 32_768.0
_SAME = 1e-3
_MOST_GAIN_DB = 20.0
_LEAST_GAIN_DB = -40.0
_RAMP_S = 0.1
_QUIET = 0.001
"""RMS of 5 ms, full scale 1, below which the ends of a piece are silence."""
_STEP = OUTBOUND_RATE_HZ // 200
_LEAD_STEPS = 4
_TAIL_STEPS = 12


@dataclass(frozen=True, slots=True)
class Shape:
    """What is left to be done to a piece of speech."""

    speed: float = 1.0
    """0.5 to 2: pace, pitch kept; 1 where the engine has done it."""
    pitch: float = 0.0
    """Semitones, -12 to 12; length kept, formants moved."""
    loudness_lufs: float | None = None
    """None leaves it as it is."""

    def __post_init__(self) -> None:
        """Raises BadRequest naming the part that does not fit."""
        if not SPEEDS[0] <= self.speed <= SPEEDS[1]:
            raise BadRequest(f"speed {self.speed}: 0.5 to 2 fit", field="speed")
        if not -MOST_SEMITONES <= self.pitch <= MOST_SEMITONES:
            raise BadRequest(f"pitch {self.pitch}: -12 to 12 semitones fit", field="pitch")

    @property
    def bend(self) -> float:
        """Frequency ratio."""
        return float(2 ** (self.pitch / 12))

    @property
    def stretch(self) -> float:
        """How many times as long the sound must be before `bend` shortens it."""
        return self.bend / self.speed

    @property
    def neutral(self) -> bool:
        """Whether there is nothing to do but to convert the rate."""
        return self.loudness_lufs is None and abs(self.stretch - 1) < _SAME and abs(self.bend - 1) < _SAME


class Shaper:
    """One piece of speech on its way from the engine, at `rate_hz`, to the speaker, at 24 kHz. Never clips."""

    def __init__(self, shape: Shape, rate_hz: int) -> None:
        self._stretch = None if abs(shape.stretch - 1) < _SAME else Stretch(shape.stretch, rate_hz)
        played_hz = round(rate_hz * shape.bend)
        self._convert: soxr.ResampleStream | None = None
        if played_hz != OUTBOUND_RATE_HZ:
            self._convert = soxr.ResampleStream(played_hz, OUTBOUND_RATE_HZ, 1, dtype="float32", quality="HQ")
        self._ends = _Ends()
        self._level = None if shape.loudness_lufs is None else _Level(shape.loudness_lufs)
        self._limiter = Limiter(OUTBOUND_RATE_HZ)

    def feed(self, pcm: bytes) -> bytes:
        """Return what is ready of all fed so far: nearly all."""
        whole = pcm[: len(pcm) // SAMPLE_BYTES * SAMPLE_BYTES]
        samples = np.frombuffer(whole, "<i2").astype(np.float32) / np.float32(_FULL_SCALE)
        if self._stretch is not None:
            samples = self._stretch.feed(samples)
        return self._pcm(self._limiter.feed(self._levelled(self._ends.feed(self._converted(samples)))))

    def finish(self) -> bytes:
        """Return the rest; nothing may be fed afterwards."""
        samples = np.empty(0, np.float32) if self._stretch is None else self._stretch.finish()
        body = self._ends.feed(self._converted(samples, last=True))
        rest = self._limiter.feed(self._levelled(np.concatenate([body, self._ends.finish()])))
        return self._pcm(np.concatenate([rest, self._limiter.finish()]))

    def _converted(self, samples: Samples, *, last: bool = False) -> Samples:
        if self._convert is None:
            return samples
        return np.asarray(self._convert.resample_chunk(samples, last=last), dtype=np.float32)

    def _levelled(self, samples: Samples) -> Samples:
        return samples if self._level is None else self._level.feed(samples)

    @staticmethod
    def _pcm(samples: Samples) -> bytes:
        return bytes(np.clip(np.rint(samples * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1).astype("<i2").tobytes())


class _Ends:
    """Silence before and after the sound cut to a few hundredths of a second, and both ends faded: no click."""

    def __init__(self) -> None:
        self._held: Samples = np.empty(0, np.float32)
        """Silence that may be the end, the last 5 ms of sound before it, and what fills no step yet."""
        self._begun = False

    def feed(self, samples: Samples) -> Samples:
        held = np.concatenate([self._held, samples])
        steps = len(held) // _STEP
        power = np.mean(held[: steps * _STEP].reshape(steps, _STEP) ** 2, axis=1)
        loud = np.flatnonzero(power > _QUIET**2)
        if not len(loud):
            self._held = held if self._begun else held[max(0, steps - _LEAD_STEPS) * _STEP :]
            return held[:0]
        first = 0
        if not self._begun:
            self._begun = True
            first = max(0, int(loud[0]) - _LEAD_STEPS) * _STEP
            held[first : first + _STEP] *= _RISING
        last = max(first, int(loud[-1]) * _STEP)
        self._held = held[last:]
        return held[first:last]

    def finish(self) -> Samples:
        if not self._begun:
            return self._held[:0]
        end = self._held[: (1 + _TAIL_STEPS) * _STEP].copy()
        fade = min(len(end), _STEP)
        end[len(end) - fade :] *= _RISING[:fade][::-1]
        return end


class _Level:
    """One gain for a piece, from what of it is there when it begins; later sound corrects it, slowly."""

    def __init__(self, target_lufs: float) -> None:
        self._target = target_lufs
        self._meter = LoudnessMeter(OUTBOUND_RATE_HZ)
        self._gain: float | None = None

    def feed(self, samples: Samples) -> Samples:
        if not len(samples):
            return samples
        self._meter.feed(samples)
        gain = self._wanted()
        before = gain if self._gain is None else self._gain
        self._gain = gain
        ramp = min(len(samples), int(_RAMP_S * OUTBOUND_RATE_HZ))
        gains = np.full(len(samples), gain, np.float32)
        gains[:ramp] = np.linspace(before, gain, ramp, dtype=np.float32)
        return samples * gains

    def _wanted(self) -> float:
        lufs = self._meter.lufs()
        if lufs is None:
            return 1.0 if self._gain is None else self._gain
        gain_db = min(_MOST_GAIN_DB, max(_LEAST_GAIN_DB, self._target - lufs))
        return math.pow(10, gain_db / 20)


_RISING: Samples = (np.sin(0.5 * np.pi * np.arange(_STEP) / _STEP) ** 2).astype(np.float32)
