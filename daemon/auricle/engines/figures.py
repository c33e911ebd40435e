"""What is told of an engine: to `T/info`, `auricle engines list` and whoever measures."""

import os
from dataclasses import dataclass
from pathlib import Path

from auricle.api.engines import EngineKind

MIB = 1024 * 1024
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFigures:
    """One engine, in a process of ours or on a server."""

    name: str
    kind: EngineKind
    state: str
    """A WorkerState, or `remote`."""
    detail: str = ""
    uri: str = ""
    pid: int | None = None
    rss_bytes: int = 0
    """Resident size; 0 while there is no process."""
    gpu_mb: float | None = None
    """Memory that torch holds on the GPU, in MiB; none where there is no GPU, or no torch."""
    threads: int = 0
    """Of the process."""
    device: str = ""
    """Where it computes, as the engine says: `cpu`, `cuda`, `mps`."""
    batch: int = 1
    """Whole utterances that it takes at a time."""
    restarts: int = 0
    requests: int = 0
    """Since the daemon started."""
    rtf: float | None = None
    """Seconds of computing for a second of sound, of the last requests; none before the first."""

    def told(self) -> dict[str, object]:
        """As JSON has it."""
        return {
            "name": self.name,
            "kind": self.kind,
            "state": self.state,
            "detail": self.detail,
            "pid": self.pid,
            "rss_mb": round(self.rss_bytes / MIB, 1),
            "gpu_mb": None if self.gpu_mb is None else round(self.gpu_mb, 1),
            "threads": self.threads,
            "device": self.device,
            "restarts": self.restarts,
            "requests": self.requests,
            "rtf": None if self.rtf is None else round(self.rtf, 3),
        }


def rss_bytes(pid: int | str | None) -> int:
    """Resident size of a process, by its number or `self`; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES
    except (OSError, IndexError, ValueError):
        return 0


def thread_count(pid: int | str | None) -> int:
    """How many threads a process has; 0 when it is gone."""
    try:
        return len(os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return 0
