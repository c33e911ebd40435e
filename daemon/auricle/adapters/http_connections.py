"""The server's connections: how many there may be, and how long one may sit there without a request."""

import asyncio
import contextlib
import logging
from collections.abc import Iterator

from aiohttp import web
from aiohttp.http import HttpProcessingError

MOST = 64
FIRST_S = 15.0
"""For the first request's head to arrive."""
IDLE_S = 75.0
"""Between requests, and for the rest of an answer to be taken."""
_LOOK_S = 1.0
_LOG = logging.getLogger(__name__)


class Connections:
    """Makes aiohttp's connections, and ends those that only take up room."""

    def __init__(self, app: web.Application) -> None:
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=_wire_log(),
            handler_cancellation=True,
            keepalive_timeout=IDLE_S,
            lingering_time=2.0,
            shutdown_timeout=0.5,
        )
        self._until_s: dict[object, float] = {}
        """Loop time up to which a connection may be without a request."""
        self._busy: set[object] = set()
        self._looking: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self._runner.setup()
        self._looking = asyncio.create_task(self._look(), name="http connections")

    async def stop(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        await self._runner.cleanup()

    def accept(self) -> asyncio.Protocol:
        """For `loop.create_server`."""
        server = self._runner.server
        if server is None or len(server.connections) >= MOST:
            return _Refusal()
        made = server()
        self._until_s[made] = asyncio.get_running_loop().time() + FIRST_S
        return made

    @contextlib.contextmanager
    def busy(self, request: web.Request) -> Iterator[None]:
        """While a request is in hand its own deadlines hold."""
        connection = request.protocol
        self._busy.add(connection)
        try:
            yield
        finally:
            self._busy.discard(connection)
            self._until_s[connection] = asyncio.get_running_loop().time() + IDLE_S

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            server, now_s = self._runner.server, asyncio.get_running_loop().time()
            open_ = server.connections if server is not None else []
            self._until_s = {one: self._until_s.get(one, now_s + IDLE_S) for one in open_}
            for one in open_:
                if one not in self._busy and now_s > self._until_s[one] and one.transport is not None:
                    _LOG.debug("http: a connection without a request is ended")
                    one.transport.abort()


def _wire_log() -> logging.Logger:
    """aiohttp's log, without a traceback for whatever a stranger sends that is no HTTP."""
    log = logging.getLogger(f"{__name__}.wire")
    if not log.filters:
        log.addFilter(_is_ours)
    return log


def _is_ours(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError) or _LOG.isEnabledFor(logging.DEBUG)


class _Refusal(asyncio.Protocol):
    """One connection too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.abort()
