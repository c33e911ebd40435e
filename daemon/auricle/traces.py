"""Traces: what was heard in a turn and what each stage made of it, as files that only their owner can read."""

import os
import time
import wave
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from auricle.model.audio import INBOUND_RATE_HZ, SAMPLE_BYTES, AudioFrame
from auricle.model.errors import AuricleError

_PRIVATE_FILE, _PRIVATE_FOLDER = 0o600, 0o700
_DAY_S = 86_400.0


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What one stage had before it, what it decided, and when."""

    stage: str
    after_ms: float
    """Since the turn began."""
    input: dict[str, Any] = {}
    decision: dict[str, Any] = {}


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """One turn. Samples count from the start of the daemon, as in its events; the WAV begins at `first_sample`."""

    turn: str
    site: str
    at: datetime
    outcome: str
    wake_word: str | None = None
    listens_from: int = 0
    """The sample from which the command was listened for."""
    first_sample: int = 0
    samples: int = 0
    settings: dict[str, Any] = {}
    """What the stages went by."""
    steps: tuple[Step, ...] = ()
    version: str = ""
    """Of the program."""


@dataclass(frozen=True, slots=True)
class Traces:
    """A folder of traces: `<time>-<turn>.json`, and `.wav` with inbound audio."""

    folder: Path
    days: float = 7.0
    limit_bytes: int = 200_000_000

    def write(self, trace: Trace, sound: AudioFrame) -> Path:
        """Keep a trace, and forget what is too old or too much. Raises AuricleError naming the file."""
        stem = f"{trace.at:%Y%m%dT%H%M%S}-{trace.turn.replace(':', '_')}"
        path = self.folder / f"{stem}.json"
        try:
            self.folder.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
            self.folder.chmod(_PRIVATE_FOLDER)
            with _private(path.with_suffix(".wav")) as file, wave.open(file) as wav:
                wav.setparams((1, SAMPLE_BYTES, INBOUND_RATE_HZ, 0, "NONE", "not compressed"))
                wav.writeframes(sound.pcm)
            with _private(path) as file:
                file.write(msgspec.json.format(msgspec.json.encode(trace), indent=1))
            self.tidy()
        except OSError as error:
            raise AuricleError(f"{path} cannot be written: {error.strerror or error}", code="trace") from error
        return path

    def tidy(self) -> None:
        """Remove traces that are over their days, then the oldest until the rest fits."""
        total = 0
        for path in sorted(self.folder.glob("*.json"), reverse=True):
            pair = [one for one in (path, path.with_suffix(".wav")) if one.exists()]
            total += sum(one.stat().st_size for one in pair)
            if total > self.limit_bytes or path.stat().st_mtime < time.time() - self.days * _DAY_S:
                for one in pair:
                    one.unlink(missing_ok=True)

    def all(self) -> Iterator[tuple[Path, Trace]]:
        """Every trace that can be read, the oldest first."""
        for path in sorted(self.folder.glob("*.json")):
            try:
                yield path, msgspec.json.decode(path.read_bytes(), type=Trace)
            except (OSError, msgspec.MsgspecError):
                continue

    def find(self, name: str) -> tuple[Path, Trace]:
        """The trace of a turn, by its id or the beginning of it, or `last`. Raises AuricleError."""
        found = [(path, trace) for path, trace in self.all() if name == "last" or trace.turn.startswith(name)]
        if not found:
            raise AuricleError(
                f"there is no trace of turn {name} in {self.folder}; see auricle trace list", code="trace"
            )
        if name != "last" and len(found) > 1 and not any(trace.turn == name for _, trace in found):
            raise AuricleError(f"{len(found)} turns begin with {name}; give more of it", code="trace")
        return next((one for one in found if one[1].turn == name), found[-1])


def decisions(trace: Trace) -> Mapping[str, object]:
    """What a trace came to, by name; samples count from where its sound begins."""
    found: dict[str, object] = {}
    for step in trace.steps:
        for name, value in step.decision.items():
            if step.stage in ("wake", "endpoint", "transcribe", "intent"):
                told = value - trace.first_sample if name.endswith("sample") else value
                found[f"{step.stage}.{name}"] = told
    return found


def _private(path: Path) -> Any:
    """A new file for writing, readable by its owner from the first moment on."""
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE_FILE), "wb")
