"""When what sounds like a sentence is taken for it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SoundRule:
    """When a sentence that sounds like the transcript is taken for it."""

    distance: float = 0.25
    """Cost of a phoneme, on average, up to which it is taken; 0 takes none."""
    margin: float = 0.001
    """How much farther the next sentence of another meaning must be."""
    folder: Path | None = None
    """Where phonemes are kept over a restart."""
