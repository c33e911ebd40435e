"""Past-tense facts that travel on the bus; nobody answers them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from auricle.model.speech import SpeechStatus
from auricle.model.turn import Outcome, Stage, utc_now


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    at: datetime = field(default_factory=utc_now)


@dataclass(frozen=True, slots=True, kw_only=True)
class WakeHeard(Event):
    turn: str
    wake_word: str
    score: float
    sample: int
    """Index in inbound audio where the word ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageChanged(Event):
    """A turn went on to its next stage, or the last turn ended (`IDLE`)."""

    stage: Stage
    turn: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandEnded(Event):
    """Endpointing found the end of the command."""

    turn: str
    first_sample: int
    """First one of speech."""
    last_sample: int
    """Last one of speech."""
    reason: str
    """`silence`, `max_s` or `end_of_audio`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speculated(Event):
    """Speech to text was begun on a command that may go on; or what became of that."""

    turn: str
    status: str
    """`started`; then `cancelled` (the speaker went on), `hit` (it is the transcript) or `failed`."""
    last_sample: int
    """The last one of speech that it covers."""
    standing: str = ""
    """Of a `hit`: how its words stand to the known sentences; see `auricle.model.intent.Standing`."""
    took_s: float = 0.0
    """How long it ran, once it has ended: speech to text with all that it waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialHeard(Event):
    turn: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcribed(Event):
    turn: str
    text: str
    language: str | None
    confidence: float | None
    wake_word: str | None
    audio_s: float
    first_sample: int
    last_sample: int
    """The last one of speech."""
    latency_ms: float
    """From the arrival of `last_sample` to this event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood(Event):
    """How a command was understood, or why not, before anything was done about it."""

    turn: str
    how: str
    """`words`, `near_miss`, `sound`, `plugin` (its own understanding), or `none`."""
    reason: str
    verdict: str | None
    """Of its sound, where that was looked at: `taken`, `ask`, `none`."""
    candidates: Sequence[Mapping[str, object]]
    """What it sounds like, the best first: `sentence`, `plugin`, `intent`, `slots`, `distance` per phoneme, and
    `likelihood` (natural logarithm) where the engine that heard it was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentHandled(Event):
    turn: str
    name: str | None
    """None when nothing was understood."""
    slots: Mapping[str, object]
    text: str
    handled_by: str
    reply: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechChanged(Event):
    id: str
    status: SpeechStatus
    text: str
    reason: str | None = None
    turn: str | None = None
    heard: str | None = None
    """Of what was cancelled: how much of the text had been said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnEnded(Event):
    turn: str
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentChanged(Event):
    """A part (microphone, speaker, an engine, the broker) became well or unwell."""

    component: str
    ok: bool
    detail: str
    """What is wrong and what is done about it; for a well part, what it is."""
    essential: bool = True
    """Whether the site counts as degraded while this part is unwell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityFound(Event):
    """The microphone's sound is `dead`, `clipping`, `too_quiet` or has a `dc_offset`; or is `good` again."""

    finding: str
    detail: str
    rms_dbfs: float
    peak_dbfs: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MuteSet(Event):
    muted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeSet(Event):
    volume: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceSet(Event):
    voice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StopAsked(Event):
    """Somebody wants silence: whatever rings is to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerChanged(Event):
    """A timer or alarm was `started`, `cancelled` or `finished`."""

    id: str
    name: str
    status: str
    remaining_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRaised(Event):
    code: str
    message: str
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lagged(Event):
    """A subscriber was too slow: the oldest `count` events are gone for it."""

    count: int
