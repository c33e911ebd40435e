"""Voices as reference clips in a folder: found by name, and judged before the model hears them."""

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from auricle.api import EngineUnavailable

OWN_VOICE = "default"
"""The name of the voice that comes with the model."""
_SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_LEAST_S, _MOST_S = 5.0, 10.0
_LEAST_RATE_HZ = 16_000
_FRAME_S = 0.03
_LOUD_RMS = 0.005
_LEAST_LOUD_S = 2.5
_FULL_SCALE = 0.999
_CLIPPED_SHARE = 0.001


@dataclass(frozen=True, slots=True)
class Clip:
    """A file in the voices folder."""

    name: str
    path: Path
    fault: str = ""
    """Why it cannot be used, and what to do; empty if it can."""


def find_clips(voices_dir: str | None) -> Sequence[Clip]:
    """By name; all are read and judged. Raises EngineUnavailable if the folder is none."""
    if not voices_dir:
        return ()
    folder = Path(voices_dir).expanduser()
    if not folder.is_dir():
        raise EngineUnavailable(
            f"[engines.chatterbox] voices_dir {voices_dir!r} is no folder: make it or leave the key out"
        )
    found: dict[str, Clip] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in _SUFFIXES and path.stem not in found:
            found[path.stem] = Clip(path.stem, path, _name_fault(path.stem) or clip_fault(path))
    return list(found.values())


def clip_fault(path: Path) -> str:
    """Why a file cannot be a voice; empty if it can: 5 to 10 s of speech, neither too quiet nor clipped."""
    try:
        found = soundfile.info(str(path))
        if not _LEAST_S < found.duration <= _MOST_S:
            return f"{path.name} is {found.duration:.2f} s long: it has to be longer than 5 s and at most 10 s"
        if found.samplerate < _LEAST_RATE_HZ:
            return f"{path.name} is at {found.samplerate} Hz: it has to be at 16,000 Hz or more"
        samples, rate_hz = soundfile.read(str(path), dtype="float32", always_2d=True)
    except (OSError, RuntimeError) as error:  # soundfile's errors are RuntimeErrors
        return f"{path.name} is no sound that can be read: {error}"
    mono = samples.mean(axis=1)
    if not np.isfinite(mono).all():
        return f"{path.name} holds numbers that are no sound: record it anew"
    frame = int(_FRAME_S * rate_hz)
    frames = mono[: len(mono) // frame * frame].reshape(-1, frame)
    loud_s = float((np.sqrt((frames**2).mean(axis=1)) > _LOUD_RMS).sum()) * _FRAME_S
    if loud_s < _LEAST_LOUD_S:
        return f"{path.name} is silent but for {loud_s:.1f} s: record it louder, {_LEAST_LOUD_S} s of speech at least"
    if float((np.abs(samples) >= _FULL_SCALE).mean()) > _CLIPPED_SHARE:
        return f"{path.name} is clipped: record it more quietly"
    return ""


def prepared_file(cache_dir: str | None, clip: Clip, model: str) -> Path:
    """Where what the model hears in a clip is kept; another clip, or model, has another.

    model: what tells one model, and how it is prepared, from others. Raises OSError if the clip is gone.
    """
    digest = hashlib.sha256(clip.path.read_bytes() + b"\0" + model.encode()).hexdigest()[:24]
    return _cache(cache_dir, os.environ) / f"{clip.name}-{digest}.pt"


def _cache(cache_dir: str | None, environ: Mapping[str, str]) -> Path:
    if cache_dir:
        return Path(cache_dir).expanduser()
    by_systemd = environ.get("CACHE_DIRECTORY", "").split(":")[0]
    if by_systemd:
        return Path(by_systemd) / "chatterbox"
    session = environ.get("XDG_CACHE_HOME", "")
    return (Path(session) if session else Path("~/.cache").expanduser()) / "auricle" / "chatterbox"


def _name_fault(name: str) -> str:
    if name == OWN_VOICE:
        return f"{name} is the name of the model's own voice: give the file another"
    return "" if _NAME.fullmatch(name) else f"{name!r} is no name: letters, digits, _ and - only, 64 at most"
