"""One measured quantity, and how it is measured."""

import math
import statistics
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    name: str
    unit: str
    samples: tuple[float, ...]

    def as_dict(self) -> dict[str, object]:
        return {
            "median": round(statistics.median(self.samples), 4),
            "p95": round(self.p95, 4),
            "min": round(min(self.samples), 4),
            "max": round(max(self.samples), 4),
            "n": len(self.samples),
            "unit": self.unit,
        }

    @property
    def p95(self) -> float:
        """The sample that 95 % of all do not exceed (nearest rank): one that was measured, the highest of few."""
        return sorted(self.samples)[math.ceil(0.95 * len(self.samples)) - 1]

    def columns(self) -> tuple[str, ...]:
        """Median, 95th percentile, lowest, highest and how many."""
        numbers = (statistics.median(self.samples), self.p95, min(self.samples), max(self.samples))
        return *(f"{number:.0f}" if abs(number) >= 1000 else f"{number:.3g}" for number in numbers), str(
            len(self.samples)
        )


@dataclass(frozen=True, slots=True)
class Bench:
    topic: str
    what: str
    measure: Callable[[], Coroutine[None, None, list[Figure]]]
    needs_microphone: bool = False


@dataclass(slots=True)
class Progress:
    """How far a long measurement is, and whether it was to end early."""

    show: Callable[[str, int, int], None] = lambda what, done, of: None
    """What is done, and how many of how many."""
    note: Callable[[str], None] = lambda text: None
    """Something to be seen beside the figures."""
    interrupted: bool = False
    """Set by a measurement that was cancelled and gives the figures that it has."""


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
    every: int = 1
    """Only every so many-th of them."""
    ablation: bool = False
    """Also without what is to make it faster."""
    minutes: float = 30.0
    """Of our own speech."""
    progress: Progress = field(default_factory=Progress)
