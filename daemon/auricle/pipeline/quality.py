"""Whether the microphone's sound is any good: dead, clipping, with a DC offset, too quiet."""

from dataclasses import dataclass
from math import log10

import numpy as np

from auricle.model.audio import INBOUND_RATE_HZ, SAMPLE_BYTES
from auricle.model.events import QualityFound

_WINDOW_BYTES = INBOUND_RATE_HZ * SAMPLE_BYTES
_FULL_SCALE = 32_768.0
_FLOOR_DBFS = -120.0
_CLIP_LEVEL = 32_700
_CLIPPED_SAMPLES = 32
"""Per second; a shout touches full scale now and then, an overdriven input stays there."""
_OFFSET = 0.02
_QUIET_DBFS = -75.0
_HEARD_DBFS = -70.0


@dataclass(frozen=True, slots=True)
class _Finding:
    name: str
    detail: str
    windows: int
    """Seconds in a row that it takes to be found."""
    clear_windows: int
    """Seconds in a row without it that it takes to be over."""


_FINDINGS = (
    _Finding("dead", "only zeros come from the microphone: is it muted or unplugged?", 2, 1),
    _Finding("clipping", "the microphone is overdriven: lower its gain", 2, 5),
    _Finding("dc_offset", "the microphone's sound is off centre: set audio.input.high_pass = true", 3, 3),
    _Finding("too_quiet", "hardly anything comes from the microphone: raise its gain, or is it covered?", 10, 1),
)
"""The gravest first: one is told at a time."""


class QualityCheck:
    """Judges inbound audio second by second; pure, nothing but the sound counts."""

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._streak = dict.fromkeys((finding.name for finding in _FINDINGS), 0)
        self._clear = 0
        self._found: _Finding | None = None

    def feed(self, pcm: bytes) -> QualityFound | None:
        """Take the next sound, of any length; return what has become different, if anything.

        A finding stands until its opposite has lasted; `good` is told when none stands any more.
        """
        self._held.append(pcm)
        self._held_bytes += len(pcm)
        if self._held_bytes < _WINDOW_BYTES:
            return None
        sound = np.frombuffer(b"".join(self._held), "<i2")
        self._held, self._held_bytes = [], 0
        return self._judge(sound)

    def reset(self) -> None:
        """Forget the second begun, as after a gap."""
        self._held, self._held_bytes = [], 0

    def _judge(self, sound: "np.ndarray[tuple[int], np.dtype[np.int16]]") -> QualityFound | None:
        exact = sound.astype(np.float32)
        mean = float(exact.mean())
        rms_dbfs = _dbfs(float(np.sqrt(np.dot(exact, exact) / len(exact))))
        peak = max(int(sound.max()), -int(sound.min()))
        now = set[str]()
        if peak == 0:
            now.add("dead")
        elif rms_dbfs < (_HEARD_DBFS if self._found is not None and self._found.name == "too_quiet" else _QUIET_DBFS):
            now.add("too_quiet")
        if peak >= _CLIP_LEVEL and int(np.count_nonzero(np.abs(exact) >= _CLIP_LEVEL)) >= _CLIPPED_SAMPLES:
            now.add("clipping")
        if abs(mean) > _OFFSET * _FULL_SCALE:
            now.add("dc_offset")
        for name in self._streak:
            self._streak[name] = self._streak[name] + 1 if name in now else 0
        return self._change(now, rms_dbfs, _dbfs(float(peak)))

    def _change(self, now: set[str], rms_dbfs: float, peak_dbfs: float) -> QualityFound | None:
        stands = self._found
        if stands is not None:
            self._clear = 0 if stands.name in now else self._clear + 1
            if self._clear >= stands.clear_windows:
                self._found = None
        due = next((finding for finding in _FINDINGS if self._streak[finding.name] >= finding.windows), None)
        if due is not None and (self._found is None or _FINDINGS.index(due) < _FINDINGS.index(self._found)):
            self._found, self._clear = due, 0
        if self._found is stands:
            return None
        if self._found is None:
            return QualityFound(
                finding="good", detail="the microphone sounds well", rms_dbfs=rms_dbfs, peak_dbfs=peak_dbfs
            )
        return QualityFound(finding=self._found.name, detail=self._found.detail, rms_dbfs=rms_dbfs, peak_dbfs=peak_dbfs)


def _dbfs(level: float) -> float:
    return round(max(_FLOOR_DBFS, 20 * log10(level / _FULL_SCALE)), 1) if level > 0 else _FLOOR_DBFS
