"""Bodies in and out: with a cap, a deadline, and no regard for clients that dawdle."""

import asyncio

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http import HttpProcessingError

from auricle.adapters.http_errors import Refused
from auricle.adapters.requests import MAX_SOUND_BYTES
from auricle.model.errors import BadRequest

BODY_S = 60.0
"""For a request's body to arrive."""
AHEAD_BYTES = 32 * 1024 * 1024
"""Of one speech that waits for its client in memory: the longest there is, so that no client holds up the engine."""
_ALL_AHEAD_BYTES = 96 * 1024 * 1024
"""Of all of them; beyond this each may have `_LEAST_AHEAD_BYTES`."""
_LEAST_AHEAD_BYTES = 1024 * 1024
_STALL_S = 30.0
_LOOK_S = 0.05
_MOST_PARTS = 32
_FIELD_BYTES = 65_536
_BROKEN = (ValueError, AssertionError, RuntimeError, LookupError, HttpProcessingError, web.RequestPayloadError)
"""What aiohttp raises for a form that is none."""
_SLACK_BYTES = 262_144
"""Of a form beside its file."""


async def read_body(request: web.Request, most: int) -> bytes:
    """Raises Refused for one that is too large or does not arrive."""
    _check_length(request, most)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > most:
                    raise _too_large(most)
    except TimeoutError:
        raise _late() from None
    except web.RequestPayloadError as error:
        raise BadRequest(f"payload: the body cannot be read: {error}", field="payload") from None
    return bytes(body)


async def read_form(request: web.Request) -> tuple[bytes | None, dict[str, str]]:
    """Return the part `file` and the other fields. Raises Refused, BadRequest."""
    if request.content_type != "multipart/form-data":
        raise Refused(415, f"a form fits, multipart/form-data, not {request.content_type}", "unsupported_media_type")
    _check_length(request, MAX_SOUND_BYTES + _SLACK_BYTES)
    try:
        async with asyncio.timeout(BODY_S):
            return await _parts(await request.multipart())
    except TimeoutError:
        raise _late() from None
    except _BROKEN as error:
        raise BadRequest(f"payload: the form is broken: {error}", field="payload") from None


async def _parts(form: MultipartReader) -> tuple[bytes | None, dict[str, str]]:
    file: bytes | None = None
    fields: dict[str, str] = {}
    for _ in range(_MOST_PARTS):
        part = await form.next()
        if part is None:
            return file, fields
        if not isinstance(part, BodyPartReader):
            raise BadRequest("payload: a form within the form does not fit", field="payload")
        name = part.name or ""
        if name == "file":
            file = await _read_part(part, MAX_SOUND_BYTES, "file")
            continue
        try:
            fields[name] = (await _read_part(part, _FIELD_BYTES, name)).decode()
        except UnicodeDecodeError:
            raise BadRequest(f"{name[:40]}: only UTF-8 fits", field=name[:40]) from None
    raise BadRequest(f"payload: at most {_MOST_PARTS - 1} fields fit", field="payload")


async def _read_part(part: BodyPartReader, most: int, name: str) -> bytes:
    found = bytearray()
    while chunk := await part.read_chunk():
        found += chunk
        if len(found) > most:
            raise Refused(413, f"{name[:40]}: at most {most} bytes fit", "too_large")
    return bytes(found)


class Outflow:
    """One answer that is sent piece by piece."""

    def __init__(self, request: web.Request, response: web.StreamResponse, all_open: "set[Outflow]") -> None:
        """all_open: those that are being sent; this one is one of them until `close`."""
        self._request = request
        self._response = response
        self._all = all_open
        all_open.add(self)

    async def begin(self) -> None:
        await self._response.prepare(self._request)
        if (transport := self._request.transport) is not None:
            # aiohttp waits for room without an end; `_room` does so with one.
            transport.set_write_buffer_limits(high=2 * AHEAD_BYTES)

    async def send(self, piece: bytes) -> None:
        """Raises ConnectionResetError for a client that is gone, or has taken nothing for half a minute."""
        crowded = sum(one.waiting_bytes for one in self._all) > _ALL_AHEAD_BYTES
        await self._room(_LEAST_AHEAD_BYTES if crowded else AHEAD_BYTES)
        await self._response.write(piece)

    @property
    def waiting_bytes(self) -> int:
        """What its client has not taken yet."""
        transport = self._request.transport
        return 0 if transport is None else transport.get_write_buffer_size()

    def close(self) -> None:
        self._all.discard(self)

    async def end(self) -> web.StreamResponse:
        """Returns when the client has all of it."""
        await self._response.write_eof()
        await self._room(0)
        return self._response

    async def _room(self, most: int) -> None:
        loop = asyncio.get_running_loop()
        least, since_s = None, loop.time()
        while (transport := self._request.transport) is not None:
            waiting = self.waiting_bytes
            if waiting <= most:
                return
            if least is None or waiting < least:
                least, since_s = waiting, loop.time()
            elif loop.time() - since_s > _STALL_S:
                transport.abort()
                break
            await asyncio.sleep(_LOOK_S)
        raise ConnectionResetError("the client is gone, or takes nothing")


def _check_length(request: web.Request, most: int) -> None:
    if request.content_length is not None and request.content_length > most:
        raise _too_large(most)


def _too_large(most: int) -> Refused:
    return Refused(413, f"at most {most} bytes fit into a request", "too_large", {"Connection": "close"})


def _late() -> Refused:
    return Refused(408, f"the body did not arrive within {BODY_S:g} s", "timeout", {"Connection": "close"})
