"""One measured quantity, and how it is measured."""

import statistics
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    name: str
    unit: str
    samples: tuple[float, ...]

    def as_dict(self) -> dict[str, object]:
        return {
            "median": round(statistics.median(self.samples), 4),
            "min": round(min(self.samples), 4),
            "max": round(max(self.samples), 4),
            "n": len(self.samples),
            "unit": self.unit,
        }

    def columns(self) -> tuple[str, str, str]:
        median = statistics.median(self.samples)
        return f"{median:.3g}", f"{min(self.samples):.3g}", f"{max(self.samples):.3g}"


@dataclass(frozen=True, slots=True)
class Bench:
    topic: str
    what: str
    measure: Callable[[], Coroutine[None, None, list[Figure]]]
    needs_microphone: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """How thoroughly is measured, and with what."""

    folder: Path
    """Where files go; it is there and empty."""
    rounds: int
    """Repetitions of each measurement."""
    seconds: float
    """Length of each idle run."""
    recordings: Path | None = None
    """Folder of real recordings, for the measurements that need some."""
    noise: Path | None = None
    """A sound file to mix into these."""
