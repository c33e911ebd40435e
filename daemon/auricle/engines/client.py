"""A connection to a Wyoming server, for one request."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

from auricle.engines import uri, wire
from auricle.engines.messages import EXTRAS, Describe, Event, Info, Ping
from auricle.engines.wire import Limits
from auricle.model.errors import (
    AuricleError,
    BadRequest,
    CutFrame,
    DeviceLost,
    EngineError,
    EngineOutOfMemory,
    EngineUnavailable,
    EngineWrecked,
)

_KINDS = {kind.code: kind for kind in (EngineUnavailable, EngineOutOfMemory, EngineWrecked, DeviceLost)}


class Client:
    """Sends events and takes them; knows nothing of what they mean but `error`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limits: Limits) -> None:
        self._reader = reader
        self._writer = writer
        self._limits = limits

    async def send(self, event: Event) -> None:
        """Raises WireError."""
        await wire.write_event(self._writer, event, self._limits)

    async def receive(self, timeout_s: float | None = None) -> Event:
        """The next event; an `error` is raised as BadRequest, EngineError or one of its kinds, as its code says.

        timeout_s: longest wait for its beginning; none waits for ever. Raises wire.IdlePeer after that, CutFrame when
        the server closed the connection, other WireErrors when it broke the protocol.
        """
        event = await wire.read_event(self._reader, replace(self._limits, idle_s=timeout_s))
        if event is None:
            raise CutFrame("the server closed the connection")
        if event.type == "error":
            raise _told(event)
        return event

    def abort(self) -> None:
        """Close at once, dropping what is not sent; the one who waits in `receive` gets CutFrame."""
        self._writer.transport.abort()


@asynccontextmanager
async def connected(
    address: str, *, timeout_s: float = 5.0, limits: Limits = wire.DEFAULT_LIMITS
) -> AsyncIterator[Client]:
    """A connection that is closed at once when the block is left. Raises EngineUnavailable, ConfigError."""
    reader, writer = await uri.connect(address, timeout_s)
    try:
        yield Client(reader, writer, limits)
    finally:
        writer.transport.abort()
        writer.close()


async def ping(address: str, timeout_s: float) -> Mapping[str, object]:
    """Return what a worker of ours tells of itself with its pong: `EngineServer.figures`; empty from others.

    Raises EngineUnavailable, WireError (IdlePeer for no answer) or EngineError.
    """
    async with connected(address, timeout_s=timeout_s) as client:
        asked = Ping(text="auricle").event()
        asked.data[EXTRAS] = {"figures": True}
        await client.send(asked)
        while (event := await client.receive(timeout_s)).type != "pong":
            pass
    figures = event.data.get(EXTRAS)
    return figures if isinstance(figures, dict) else {}


async def describe(address: str, timeout_s: float) -> Info:
    """What the server says of itself. Raises EngineUnavailable, WireError, EngineError."""
    async with connected(address, timeout_s=timeout_s) as client:
        await client.send(Describe().event())
        while (event := await client.receive(timeout_s)).type != "info":
            pass
    try:
        return Info.from_event(event)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EngineError(f"the info of {address} cannot be read: {type(error).__name__}: {error}") from error


def _told(event: Event) -> AuricleError:
    text, code = event.data.get("text"), event.data.get("code")
    message = text[:500] if isinstance(text, str) and text else "the server told of an error and not of which"
    if code == BadRequest.code:
        extras = event.data.get(EXTRAS)
        field = extras.get("field") if isinstance(extras, dict) else None
        return BadRequest(message, field=field[:64] if isinstance(field, str) else None)
    kind = _KINDS.get(code, EngineError) if isinstance(code, str) else EngineError
    return kind(message, code=code[:64] if isinstance(code, str) and code else None)
