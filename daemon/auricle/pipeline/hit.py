"""A wake word that was heard."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WakeHit:
    """A wake word that was heard."""

    wake_word: str
    score: float
    sample: int
    """Index in inbound audio where the word ended."""
