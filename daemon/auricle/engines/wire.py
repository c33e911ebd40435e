"""The Wyoming codec: strict caps and time limits; a clean end, a cut, malformed and too large frame are four things.

A frame is one line of JSON (`type`, optional `data`, `data_length`, `payload_length`), then `data_length` bytes of
JSON that are merged over `data`, then `payload_length` bytes of payload.
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Final, TypeVar

import msgspec
from wyoming.event import Event
from wyoming.version import __version__ as wyoming_version

from auricle.model.errors import CutFrame, FrameTooLarge, MalformedFrame, StalledPeer

_PIECE_BYTES: Final = 64 * 1024
_OBJECT: Final = msgspec.json.Decoder(dict[str, object])
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a peer may ask of memory and patience."""

    header_bytes: int = 64 * 1024
    data_bytes: int = 1024 * 1024
    """Larger than the header: a real `info` of a server with all of Piper's voices is some 200 KiB."""
    payload_bytes: int = 16 * 1024 * 1024
    stall_s: float = 30.0
    """Longest time for a begun header, for the data part, for each 64 KiB of payload, and for a write to drain."""
    idle_s: float | None = None
    """Longest time between two frames; none waits for ever."""


DEFAULT_LIMITS: Final = Limits()


class IdlePeer(StalledPeer):
    """Nothing came between two frames for `Limits.idle_s`; the stream is still whole."""


async def read_event(reader: asyncio.StreamReader, limits: Limits = DEFAULT_LIMITS) -> Event | None:
    """Return the next event, or None when the stream ended between two frames.

    Memory grows with what has come, never with what a length claims. After an error the stream is of no more use.
    Raises MalformedFrame, FrameTooLarge, CutFrame, StalledPeer (IdlePeer between two frames).
    """
    header = await _header(reader, limits)
    if header is None:
        return None
    fields = _decode(header, "header")
    kind = fields.get("type")
    if not isinstance(kind, str) or not kind:
        raise MalformedFrame("an event's header has no type that is a non-empty string")
    data = fields.get("data")
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise MalformedFrame(f"the data of {_short(kind)} is no object")
    if data_length := _length(fields, "data_length", limits.data_bytes):
        data.update(_decode(await _exactly(reader, data_length, limits.stall_s), "data"))
    payload: bytes | None = None
    if payload_length := _length(fields, "payload_length", limits.payload_bytes):
        payload = await _exactly(reader, payload_length, limits.stall_s)
    return Event(type=kind, data=data, payload=payload)


async def write_event(writer: asyncio.StreamWriter, event: Event, limits: Limits = DEFAULT_LIMITS) -> None:
    """Send an event and wait until there is room for the next.

    Frames of two tasks do not mix. Raises StalledPeer when the peer takes nothing for `limits.stall_s`, CutFrame when
    it is gone, FrameTooLarge or MalformedFrame for an event that no peer would take.
    """
    head = encode_head(event, limits)
    if writer.is_closing():
        raise CutFrame(f"the connection closed before {_short(event.type)} was sent")
    writer.write(head)
    if event.payload:
        writer.write(event.payload)
    try:
        async with asyncio.timeout(limits.stall_s):
            await writer.drain()
    except TimeoutError:
        raise StalledPeer(f"the peer took no data for {limits.stall_s:g} s") from None
    except OSError as error:
        raise CutFrame(f"the connection broke while {_short(event.type)} was sent: {error}") from error


def encode_head(event: Event, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """All of an event's frame but its payload. Raises FrameTooLarge, MalformedFrame."""
    fields: dict[str, object] = {"type": event.type, "version": wyoming_version}
    try:
        data = msgspec.json.encode(event.data) if event.data else b""
        if data:
            fields["data_length"] = len(data)
        if event.payload:
            fields["payload_length"] = len(event.payload)
        header = msgspec.json.encode(fields) + b"\n"
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise MalformedFrame(f"{_short(event.type)} cannot be written as JSON: {error}") from error
    _within(len(header), limits.header_bytes, "header")
    _within(len(data), limits.data_bytes, "data_length")
    _within(len(event.payload or b""), limits.payload_bytes, "payload_length")
    return header + data


async def _header(reader: asyncio.StreamReader, limits: Limits) -> bytes | None:
    try:
        async with asyncio.timeout(limits.idle_s):
            first = await reader.read(1)
    except TimeoutError:
        raise IdlePeer(f"nothing came for {limits.idle_s:g} s") from None
    except OSError as error:
        raise CutFrame(f"the connection broke: {error}") from error
    if not first:
        return None
    if first == b"\n":
        raise MalformedFrame("an event's header is an empty line")
    try:
        rest = await _within_time(reader.readuntil(b"\n"), limits.stall_s)
    except asyncio.LimitOverrunError:
        raise FrameTooLarge(f"a header is longer than {limits.header_bytes} bytes") from None
    _within(1 + len(rest), limits.header_bytes, "header")
    return first + rest


async def _exactly(reader: asyncio.StreamReader, length: int, stall_s: float) -> bytes:
    if length <= _PIECE_BYTES:
        return await _within_time(reader.readexactly(length), stall_s)
    received = bytearray()
    while len(received) < length:
        received += await _within_time(reader.readexactly(min(_PIECE_BYTES, length - len(received))), stall_s)
    return bytes(received)


async def _within_time(reading: Awaitable[T], stall_s: float) -> T:
    try:
        async with asyncio.timeout(stall_s):
            return await reading
    except TimeoutError:
        raise StalledPeer(f"a begun frame stood still for {stall_s:g} s") from None
    except (asyncio.IncompleteReadError, OSError) as error:
        raise CutFrame("the stream ended in the middle of a frame") from error


def _decode(text: bytes, part: str) -> dict[str, object]:
    try:
        return _OBJECT.decode(text)
    except RecursionError:
        raise MalformedFrame(f"the {part} of an event is nested too deep") from None
    except ValueError as error:  # msgspec's errors and UnicodeDecodeError are ValueErrors
        raise MalformedFrame(f"the {part} of an event is no JSON object: {error}") from None


def _length(fields: dict[str, object], key: str, cap: int) -> int:
    length = fields.get(key)
    if length is None:
        return 0
    if isinstance(length, bool) or not isinstance(length, int) or length < 0:
        raise MalformedFrame(f"{key} is no count of bytes")
    _within(length, cap, key)
    return length


def _within(length: int, cap: int, part: str) -> None:
    if length > cap:
        raise FrameTooLarge(f"{part} of {_short(str(length))} bytes is over the cap of {cap}")


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:40] + "…"
