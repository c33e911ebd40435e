"""What a transcript may stand for by its sound, and whether it is taken for that."""

from dataclasses import dataclass
from enum import Enum

from auricle.api import Intent


class Verdict(Enum):
    TAKEN = "taken"
    ASK = "ask"
    """It may be meant: worth a question."""
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that may have been said."""

    intent: Intent
    sentence: str
    distance: float
    """Cost of a phoneme, on average; 0 sounds the same."""
    likelihood: float | None = None
    """Natural logarithm of its probability by the decoder, given the sound; none where that was not asked."""


@dataclass(frozen=True, slots=True)
class Option:
    """A sentence that is about as likely as the one that was found."""

    candidate: Candidate
    cost: float
    """Negative logarithm of what all texts say for its meaning."""
    verdict: Verdict
    """If there were no other."""
    reason: str


@dataclass(frozen=True, slots=True)
class Hearing:
    """What a transcript may stand for by its sound."""

    verdict: Verdict
    reason: str
    candidates: tuple[Candidate, ...] = ()
    """Of different meanings, the nearest first."""
    phonemes: int = 0
    """Of what was heard."""
    options: tuple[Option, ...] = ()
    """Among which whoever heard it had better be asked again; none where it is clear."""

    @property
    def intent(self) -> Intent | None:
        """What is taken to be meant."""
        return self.candidates[0].intent if self.verdict is Verdict.TAKEN else None
