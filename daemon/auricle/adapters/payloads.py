"""What MQTT and `--events` send: the type of every payload, and `encode`, which turns a fact into messages."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

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


def _is(what: str) -> msgspec.Meta:
    """What a field is, for `docs/mqtt.md` and the JSON Schema, which are generated."""
    return msgspec.Meta(description=what)


_Turn = Annotated[
    str, _is("the id of one exchange, from the wake word to the end of the reply; the same in all its events")
]
_Id = Annotated[str, _is("the request's")]
_Text = Annotated[str, _is("what was heard")]
_At = Annotated[datetime, _is("when that was")]
_Language = Annotated[str | None, _is('such as `"en"`; null where the engine gives none')]
_Confidence = Annotated[float | None, _is("0 to 1; null where the engine gives none")]
_AudioS = Annotated[float, _is("the length of the sound in seconds")]
_Slots = Annotated[dict[str, object], _is("the words of the intent, by name")]
_HandledBy = Annotated[str, _is("the plugin; empty when there was none")]
_Reply = Annotated[str, _is("what is answered; may be empty")]


class State(Payload, frozen=True, kw_only=True):
    """`T/state`, retained."""

    state: Annotated[str, _is("`idle`, `listening`, `transcribing`, `thinking`, `speaking`, `muted` or `degraded`")]
    since: Annotated[datetime, _is("when it began")]
    detail: Annotated[str, _is("what is wrong, in a sentence; else empty")]


class Wake(Payload, frozen=True, kw_only=True):
    """`T/wake`."""

    turn: _Turn
    wake_word: Annotated[str, _is("its model's name")]
    score: Annotated[float, _is("0 to 1")]
    sample: Annotated[int, _is("where the word ended, in the sound heard: 16,000 a second")]
    at: _At


class Partial(Payload, frozen=True, kw_only=True):
    """`T/partial`."""

    turn: _Turn
    text: Annotated[str, _is("what was heard so far")]


class TranscriptHeard(Payload, frozen=True, kw_only=True):
    """`T/transcript`."""

    turn: _Turn
    text: _Text
    language: _Language
    confidence: _Confidence
    wake_word: Annotated[str | None, _is("null when none began the turn")]
    audio_s: _AudioS
    first_sample: Annotated[int, _is("where the command's speech began, as `sample`")]
    last_sample: Annotated[int, _is("the last one of speech")]
    latency_ms: Annotated[float, _is("from the arrival of the last sample of speech to the transcript")]
    at: _At


class IntentFound(Payload, frozen=True, kw_only=True):
    """`T/intent`."""

    turn: _Turn
    name: Annotated[str | None, _is("the intent; null when nothing was understood")]
    slots: _Slots
    text: _Text
    handled_by: _HandledBy
    reply: _Reply


class Speech(Payload, frozen=True, kw_only=True):
    """`T/speech`."""

    id: Annotated[str, _is("the request's, or the turn's of a reply")]
    status: Annotated[str, _is("`queued`, `started`, then one of `finished`, `cancelled`, `expired` and `failed`")]
    text: Annotated[str, _is("what is said")]
    at: _At
    reason: Annotated[str | None, _is("why it was not said to its end, or null")]


class Timer(Payload, frozen=True, kw_only=True):
    """`T/timer`."""

    id: Annotated[str, _is("the timer's or alarm's")]
    name: Annotated[str, _is("as it was given; may be empty")]
    status: Annotated[str, _is("`started`, `cancelled` or `finished`")]
    remaining_s: Annotated[float, _is("seconds until it rings")]
    at: _At


class Quality(Payload, frozen=True, kw_only=True):
    """`T/quality`: how the microphone sounds, when that changes."""

    finding: Annotated[str, _is("`dead`, `clipping`, `too_quiet`, `dc_offset`, or `good` again")]
    detail: Annotated[str, _is("the same in a sentence, with what to do")]
    rms_dbfs: Annotated[float, _is("mean level in dB of full scale")]
    peak_dbfs: Annotated[float, _is("peak in dB of full scale")]
    at: _At


class Error(Payload, frozen=True, kw_only=True):
    """`T/error`, and the answer to a refused request."""

    code: Annotated[str, _is("a short stable word: `bad_request`, `queue_full`, `rate_limited`, `muted`, …")]
    message: Annotated[str, _is("a sentence; for a bad request it begins with the field and says what fits")]
    at: _At
    id: Annotated[str | None, _is("the request's, where it has one")]


class SpeechAnswer(Payload, frozen=True, kw_only=True):
    """The answer to `T/say`, once the speech has ended."""

    id: _Id
    status: Annotated[str, _is("`finished`, `cancelled`, `expired` or `failed`")]
    reason: Annotated[str | None, _is("why it was not said to its end, or null")]


class ReplyAnswer(Payload, frozen=True, kw_only=True):
    """The answer to `T/ask`."""

    id: _Id
    intent: Annotated[str | None, _is("null when nothing was understood")]
    slots: _Slots
    reply: _Reply
    handled_by: _HandledBy


class ListenAnswer(Payload, frozen=True, kw_only=True):
    """The answer to `T/listen`, once the turn has ended."""

    id: _Id
    outcome: Annotated[str, _is("`answered`, `not_understood`, `nothing_heard`, `cancelled` or `failed`")]
    text: Annotated[str | None, _is("what was heard; null when no words were")]


class StopAnswer(Payload, frozen=True, kw_only=True):
    """The answer to `T/stop`."""

    id: Annotated[str | None, _is("the request's; null where all was silenced")]
    cancelled: Annotated[int, _is("how many speeches ended")]


class TranscriptAnswer(Payload, frozen=True, kw_only=True):
    """The answer to `T/transcribe`."""

    id: _Id
    text: _Text
    language: _Language
    confidence: _Confidence
    audio_s: _AudioS
    latency_ms: Annotated[float, _is("from the request to the answer")]


class SetAnswer(Payload, frozen=True, kw_only=True):
    """The answer to `T/mute/set`, `T/volume/set` and `T/voice/set`."""

    value: Annotated[str | int, _is("what holds now")]


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
