"""What is to be said, and how far it got."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from uuid import uuid4


class Priority(IntEnum):
    """Order in the speech queue; `ALARM` interrupts what is being said, the others wait."""

    LOW = 0
    NORMAL = 1
    HIGH = 2
    ALARM = 3

    @classmethod
    def parse(cls, name: str) -> "Priority":
        """Raises ValueError for a name that is none of low, normal, high, alarm."""
        try:
            return cls[name.upper()]
        except KeyError:
            raise ValueError(f"priority {name!r} is none of low, normal, high, alarm") from None


class SpeechStatus(StrEnum):
    QUEUED = "queued"
    STARTED = "started"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    FAILED = "failed"

    @property
    def final(self) -> bool:
        return self not in (SpeechStatus.QUEUED, SpeechStatus.STARTED)


@dataclass(frozen=True, slots=True)
class SynthesisRequest:
    """One piece of text for a TTS engine."""

    text: str
    voice: str | None = None
    language: str | None = None
    speed: float = 1.0
    """0.5 to 2; 1 is the voice's own pace."""
    pitch: float = 0.0
    """Semitones, -12 to 12; only for an engine with `native_pitch`."""
    options: Mapping[str, object] = field(default_factory=dict)
    """The engine's own parameters, checked by the engine."""


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """Something to say aloud."""

    text: str
    id: str = field(default_factory=lambda: str(uuid4()))
    voice: str | None = None
    language: str | None = None
    priority: Priority = Priority.NORMAL
    interrupt: bool = False
    """Cut what is being said, whatever its priority."""
    speed: float | None = None
    pitch: float | None = None
    """Semitones, -12 to 12."""
    volume: int | None = None
    """0 to 100; none is the site's volume."""
    chime: bool = False
    """Sound the attention chime first."""
    expires_s: float | None = None
    """Not begun within this many seconds of being queued, it is not said."""
    engine: Mapping[str, object] = field(default_factory=dict)
    turn: str | None = None
    """The turn that this is the reply of."""
