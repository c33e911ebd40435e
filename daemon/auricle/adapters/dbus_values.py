"""Values as D-Bus has them: variants for details, and facts as signals and properties."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from dbus_fast import Variant

from auricle.adapters.dbus_interface import PROPERTIES
from auricle.model.events import (
    Event,
    IntentHandled,
    PartialHeard,
    SpeechChanged,
    Transcribed,
    TurnEnded,
    WakeHeard,
)

_INT64 = 2**63
_MAX_DEPTH = 16
"""Containers within containers; D-Bus allows 32 arrays and 64 in all."""

Properties = Mapping[str, Variant]


def details(values: Mapping[str, object], depth: int = 0) -> dict[str, Variant]:
    """An `a{sv}`; what is None is left out, since D-Bus has no word for it."""
    return {text(str(name)): variant(value, depth) for name, value in values.items() if value is not None}


def variant(value: object, depth: int = 0) -> Variant:
    """The nearest that D-Bus has; what it has no type for is sent as its text, such as a plugin's own slots."""
    if depth < _MAX_DEPTH:
        match value:
            case bool():
                return Variant("b", value)
            case int() if -_INT64 <= value < _INT64:
                return Variant("x", value)
            case float():
                return Variant("d", value)
            case Mapping():
                return Variant("a{sv}", details(value, depth + 1))
            case list() | tuple() | set() | frozenset():
                items = list(value)
                if all(isinstance(item, str) for item in items):
                    return Variant("as", [text(item) for item in items])
                return Variant("av", [variant(item, depth + 1) for item in items if item is not None])
            case datetime():
                return Variant("s", value.isoformat())
    return Variant("s", text(str(value)))


def text(value: str) -> str:
    """A string that a bus takes: no NUL, no lone surrogates."""
    return value.replace("\0", "�").encode(errors="replace").decode()


def properties(values: Mapping[str, object]) -> Properties:
    """Every property of the interface, in its type."""
    return {name: Variant(kind.type, _clean(values[name])) for name, kind in PROPERTIES.items()}


def signals(event: Event) -> Iterator[tuple[str, list[object]]]:
    """Yield the signal that tells of `event`, if any: its name and arguments."""
    match event:
        case WakeHeard():
            yield "WakeHeard", [event.turn, event.wake_word, event.score]
        case PartialHeard():
            yield "Partial", [event.turn, text(event.text)]
        case Transcribed():
            heard: dict[str, object] = {
                "language": event.language,
                "confidence": event.confidence,
                "wake_word": event.wake_word,
                "audio_s": event.audio_s,
                "first_sample": event.first_sample,
                "last_sample": event.last_sample,
                "latency_ms": event.latency_ms,
                "at": event.at,
            }
            yield "Transcript", [event.turn, text(event.text), details(heard)]
        case IntentHandled():
            told: dict[str, object] = {
                "slots": event.slots,
                "text": event.text,
                "handled_by": event.handled_by,
                "reply": event.reply,
            }
            yield "Intent", [event.turn, text(event.name or ""), details(told)]
        case SpeechChanged():
            yield "SpeechChanged", [event.id, event.status.value]
        case TurnEnded():
            yield "TurnEnded", [event.turn, event.outcome.value]


def _clean(value: object) -> object:
    if isinstance(value, str):
        return text(value)
    return [text(str(item)) for item in value] if isinstance(value, list | tuple) else value
