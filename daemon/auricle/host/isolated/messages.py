"""What the daemon and a plugin's process say to each other."""

from typing import Any

import msgspec

from auricle.api import Event, Reply, Sentences
from auricle.model import events


class Birth(msgspec.Struct, frozen=True, kw_only=True):
    """What a plugin's process is told at its start."""

    name: str
    options: dict[str, Any]
    language: str
    site: str
    data_dir: str
    topic_prefix: str
    timeout_s: float
    load_timeout_s: float


class Hello(msgspec.Struct, frozen=True, kw_only=True):
    """What it answers, when the plugin is loaded or cannot be."""

    error: str = ""
    hooks: tuple[str, ...] = ()
    sentences: dict[str, Sentences] = {}


class Told(msgspec.Struct, frozen=True):
    """What a plugin answered to an intent."""

    reply: Reply | None
    stream: int = 0
    """What the pieces that follow are asked for by; 0 if none do."""


class Happened(msgspec.Struct, frozen=True):
    """An event: its type's name, and its fields."""

    kind: str
    fields: msgspec.Raw


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a plugin asks of the daemon; which fields count depends on the method."""

    text: str = ""
    topic: str = ""
    payload: bytes = b""
    qos: int = 0
    retain: bool = False
    number: int = 0
    id: str | None = None
    language: str | None = None
    voice: str | None = None
    priority: str = "normal"
    chime: bool = False
    expires_s: float | None = None
    wait: bool = False


def happened(event: Event) -> Happened:
    return Happened(type(event).__name__, msgspec.Raw(msgspec.msgpack.encode(event, enc_hook=str)))


def event_of(message: Happened) -> Event | None:
    """The event; None for one that this version does not know."""
    kind = getattr(events, message.kind, None)
    if not (isinstance(kind, type) and issubclass(kind, Event)):
        return None
    return msgspec.msgpack.decode(message.fields, type=kind)
