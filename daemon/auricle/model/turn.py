"""One exchange, from the wake word to the end of the reply."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from uuid import uuid4


def utc_now() -> datetime:
    return datetime.now(UTC)


class Stage(StrEnum):
    """What a turn, and so the site, is doing."""

    IDLE = "idle"
    LISTENING = "listening"
    TRANSCRIBING = "transcribing"
    THINKING = "thinking"
    SPEAKING = "speaking"


class Outcome(StrEnum):
    """How a turn ended."""

    ANSWERED = "answered"
    NOT_UNDERSTOOD = "not_understood"
    NOTHING_HEARD = "nothing_heard"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Turn:
    """Who began a turn, and where in the sound."""

    id: str = field(default_factory=lambda: str(uuid4()))
    wake_word: str | None = None
    """None for push to talk and typed commands."""
    score: float = 0.0
    first_sample: int = 0
    """Where the wake word ended: the command's audio begins here."""
    language: str | None = None
    patience_s: float | None = None
    """How long to wait for speech; None is as configured."""
    answers: bool = False
    """The microphone opened by itself, for the answer to a question."""
    cut: str = ""
    """What had been heard of the speech that this turn interrupted."""
    at: datetime = field(default_factory=utc_now)
