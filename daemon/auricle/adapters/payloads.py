"""What MQTT and `--events` send: the type of every payload, and `encode`, which turns a fact into messages."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from auricle.model.events import (
    ComponentChanged,
    ErrorRaised,
    Event,
    IntentHandled,
    Lagged,
    MuteSet,
    PartialHeard,
    QualityFound,
    SpeechChanged,
    StageChanged,
    TimerChanged,
    Transcribed,
    VoiceSet,
    VolumeSet,
    WakeHeard,
)
from auricle.status import Status

ONLINE, OFFLINE = "online", "offline"


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """One JSON object as it is sent; times are RFC 3339 in UTC."""


class State(Payload, frozen=True, kw_only=True):
    """`T/state`, retained."""

    state: str
    """`idle`, `listening`, `transcribing`, `thinking`, `speaking`, `muted` or `degraded`."""
    since: datetime
    detail: str


class Wake(Payload, frozen=True, kw_only=True):
    """`T/wake`."""

    turn: str
    wake_word: str
    score: float
    sample: int
    at: datetime


class Partial(Payload, frozen=True, kw_only=True):
    """`T/partial`."""

    turn: str
    text: str


class TranscriptHeard(Payload, frozen=True, kw_only=True):
    """`T/transcript`."""

    turn: str
    text: str
    language: str | None
    confidence: float | None
    wake_word: str | None
    audio_s: float
    first_sample: int
    last_sample: int
    latency_ms: float
    at: datetime


class IntentFound(Payload, frozen=True, kw_only=True):
    """`T/intent`."""

    turn: str
    name: str | None
    slots: dict[str, object]
    text: str
    handled_by: str
    reply: str


class Speech(Payload, frozen=True, kw_only=True):
    """`T/speech`."""

    id: str
    status: str
    """A `SpeechStatus`."""
    text: str
    at: datetime
    reason: str | None


class Timer(Payload, frozen=True, kw_only=True):
    """`T/timer`."""

    id: str
    name: str
    status: str
    """`started`, `cancelled` or `finished`."""
    remaining_s: float
    at: datetime


class Quality(Payload, frozen=True, kw_only=True):
    """`T/quality`: how the microphone sounds, when that changes."""

    finding: str
    """`dead`, `clipping`, `too_quiet`, `dc_offset`, or `good` again."""
    detail: str
    rms_dbfs: float
    peak_dbfs: float
    at: datetime


class Error(Payload, frozen=True, kw_only=True):
    """`T/error`, and the answer to a refused request."""

    code: str
    message: str
    at: datetime
    id: str | None


class SpeechAnswer(Payload, frozen=True, kw_only=True):
    """The answer to `T/say`, once the speech has ended."""

    id: str
    status: str
    """`finished`, `cancelled`, `expired` or `failed`."""
    reason: str | None


class ReplyAnswer(Payload, frozen=True, kw_only=True):
    """The answer to `T/ask`."""

    id: str
    intent: str | None
    slots: dict[str, object]
    reply: str
    handled_by: str


class ListenAnswer(Payload, frozen=True, kw_only=True):
    """The answer to `T/listen`, once the turn has ended; `text` is null when no words were heard."""

    id: str
    outcome: str
    text: str | None


class StopAnswer(Payload, frozen=True, kw_only=True):
    """The answer to `T/stop`: how many speeches were cancelled."""

    id: str | None
    cancelled: int


class TranscriptAnswer(Payload, frozen=True, kw_only=True):
    """The answer to `T/transcribe`."""

    id: str
    text: str
    language: str | None
    confidence: float | None
    audio_s: float
    latency_ms: float


class SetAnswer(Payload, frozen=True, kw_only=True):
    """The answer to `T/mute/set`, `T/volume/set` and `T/voice/set`: what holds now."""

    value: str | int


Answer = SpeechAnswer | ReplyAnswer | ListenAnswer | StopAnswer | SetAnswer | TranscriptAnswer | bytes
"""Bytes are a WAV file: the answer to `T/synthesize`."""


@dataclass(frozen=True, slots=True)
class Message:
    """Something to send below `T/`."""

    topic: str
    value: Payload | Mapping[str, object] | str | int
    """An object is sent as JSON, a word or number as it is written."""
    retain: bool = False

    @property
    def payload(self) -> bytes:
        if isinstance(self.value, str | int):
            return str(self.value).encode()
        return to_json(self.value)


def encode(event: Event, status: Status) -> list[Message]:
    """Return what is sent of `event`, which led to `status`; nothing for facts that have no topic."""
    match event:
        case WakeHeard():
            wake = Wake(
                turn=event.turn, wake_word=event.wake_word, score=event.score, sample=event.sample, at=_utc(event.at)
            )
            return [Message("wake", wake)]
        case PartialHeard():
            return [Message("partial", Partial(turn=event.turn, text=event.text))]
        case Transcribed():
            return [Message("transcript", _transcript(event))]
        case IntentHandled():
            intent = IntentFound(
                turn=event.turn,
                name=event.name,
                slots=dict(event.slots),
                text=event.text,
                handled_by=event.handled_by,
                reply=event.reply,
            )
            return [Message("intent", intent)]
        case SpeechChanged():
            speech = Speech(
                id=event.id, status=event.status.value, text=event.text, at=_utc(event.at), reason=event.reason
            )
            return [Message("speech", speech), state_of(status)]
        case QualityFound():
            quality = Quality(
                finding=event.finding,
                detail=event.detail,
                rms_dbfs=event.rms_dbfs,
                peak_dbfs=event.peak_dbfs,
                at=_utc(event.at),
            )
            return [Message("quality", quality)]
        case TimerChanged():
            timer = Timer(
                id=event.id,
                name=event.name,
                status=event.status,
                remaining_s=round(event.remaining_s, 3),
                at=_utc(event.at),
            )
            return [Message("timer", timer)]
        case ErrorRaised():
            return [Message("error", error_of(event))]
        case MuteSet():
            return [_mute(status), state_of(status)]
        case VolumeSet():
            return [_volume(status)]
        case VoiceSet():
            return [_voice(status)]
        case StageChanged() | ComponentChanged():
            return [state_of(status)]
        case Lagged():
            return retained(status)
    return []


def mirrored(message: Message) -> Message:
    """The same as a payload of Home Assistant's `event`: its kind as `event_type`, then its fields."""
    return Message("event", {"event_type": message.topic, **msgspec.to_builtins(message.value, enc_hook=str)})


def retained(status: Status) -> list[Message]:
    """Every retained view of `status`."""
    return [state_of(status), _mute(status), _volume(status), _voice(status)]


def state_of(status: Status) -> Message:
    return Message("state", State(state=status.state, since=_utc(status.since), detail=status.detail), retain=True)


def error_of(event: ErrorRaised) -> Error:
    return Error(code=event.code, message=event.message, at=_utc(event.at), id=event.id)


def to_json(value: object) -> bytes:
    """A plugin's slots may hold anything: what JSON has no word for is sent as its text. Bytes are sent as they are."""
    if isinstance(value, bytes):
        return value
    return msgspec.json.encode(value, enc_hook=str)


def _mute(status: Status) -> Message:
    return Message("mute", "ON" if status.muted else "OFF", retain=True)


def _volume(status: Status) -> Message:
    return Message("volume", status.volume, retain=True)


def _voice(status: Status) -> Message:
    return Message("voice", status.voice, retain=True)


def _transcript(event: Transcribed) -> TranscriptHeard:
    return TranscriptHeard(
        turn=event.turn,
        text=event.text,
        language=event.language,
        confidence=event.confidence,
        wake_word=event.wake_word,
        audio_s=event.audio_s,
        first_sample=event.first_sample,
        last_sample=event.last_sample,
        latency_ms=event.latency_ms,
        at=_utc(event.at),
    )


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)
