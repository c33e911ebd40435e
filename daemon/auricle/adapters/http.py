"""HTTP: `/metrics`, `/healthz` and OpenAI's speech and transcription; `docs/http.md` tells users all of it."""

import asyncio
import contextlib
import hmac
import logging
import re
import socket
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from ipaddress import ip_address

from aiohttp import web

from auricle.adapters.assistant import Assistant
from auricle.adapters.http_address import Address, close_socket, open_socket, parse_bind
from auricle.adapters.http_connections import Connections
from auricle.adapters.http_errors import Refused, response_of
from auricle.adapters.http_inside import Health, Inside
from auricle.adapters.http_metrics import MetricsPage
from auricle.adapters.http_speech import SpeechPages
from auricle.model.errors import AuricleError, ConfigError
from auricle.model.events import ComponentChanged
from auricle.settings import Http, Metrics

_LOG = logging.getLogger(__name__)
_EVENTS = 1024
_AGAIN_S = 5.0
"""An address that cannot be had is tried again so often."""
_AT_ONCE = 8
"""Requests for speech and transcription in hand."""
_LONGEST_S = 300.0
"""For a request, from its first byte to the last of its answer."""
_DRAIN_S = 1.0
"""So long requests in hand may go on when the daemon stops; then they are answered 503."""
HEALTH, METRICS = "/healthz", "/metrics"
SPEECH, TRANSCRIPTIONS = "/v1/audio/speech", "/v1/audio/transcriptions"
_PATHS = (HEALTH, METRICS, SPEECH, TRANSCRIPTIONS)
_HOST = re.compile(r"(?:\[(?P<six>[^\]]+)\]|(?P<name>[^:\[\]]+))(?::[0-9]{1,5})?\Z")

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class HttpAdapter:
    """One address with all pages. An address that is taken is waited for, and the daemon goes on without it."""

    def __init__(
        self,
        assistant: Assistant,
        settings: Http,
        metrics: Metrics,
        inside: Inside,
        *,
        version: str,
        on_change: Callable[[ComponentChanged], None],
    ) -> None:
        """on_change: told on the event loop when it listens, or cannot.

        Raises ConfigError without `http.bind`, or for one that is no address.
        """
        if settings.bind is None:
            raise ConfigError("http.bind: the address to listen on must be set")
        self._assistant = assistant
        self._inside = inside
        self._on_change = on_change
        self._address = parse_bind(settings.bind)
        self._token = settings.token
        if self._token is None and not self._address.private:
            raise ConfigError(f"http.bind: {settings.bind} can be reached by others, so callers need a token")
        self._metrics = MetricsPage(assistant, metrics, inside, version, lambda: self.in_hand)
        self._speech = SpeechPages(assistant)
        self._connections = Connections(self._app())
        self._subscribed = ExitStack()
        self._counting: asyncio.Task[None] | None = None
        self._trying: asyncio.Task[None] | None = None
        self._in_hand: dict[asyncio.Timeout, bool] = {}
        """The deadline of each request, and whether it is one for speech or transcription."""
        self._serving: tuple[Address, socket.socket, asyncio.Server] | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._fault = ""
        self._stopping = False

    @property
    def in_hand(self) -> int:
        """Requests for speech and transcription."""
        return sum(self._in_hand.values())

    async def start(self, opened: socket.socket | None = None) -> None:
        """Count events from now on, and listen; where that cannot be, it is tried again in the background.

        opened: a socket that listens already.
        """
        subscription = self._subscribed.enter_context(self._assistant.bus.subscribe(_EVENTS))
        self._counting = asyncio.create_task(self._metrics.follow(subscription), name="http metrics")
        await self._connections.start()
        if opened is not None:
            await self._serve(self._address, opened)
        elif not await self._try():
            self._trying = asyncio.create_task(self._try_on(), name="http bind")

    async def move(self, settings: Http, opened: socket.socket | None) -> None:
        """Go by other settings; opened: listens at the new address, if it is another one. Raises ConfigError."""
        self._token = settings.token
        if opened is None or settings.bind is None:
            return
        await self._close()
        self._address = parse_bind(settings.bind)
        await self._serve(self._address, opened)

    async def drain(self) -> None:
        """The daemon stops: nothing new is begun, and what is in hand has a second to end."""
        self._stopping = True
        now = asyncio.get_running_loop().time()
        for limit in self._in_hand:
            if not limit.expired():
                limit.reschedule(now + _DRAIN_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2 * _DRAIN_S):
                await self._idle.wait()

    async def stop(self) -> None:
        """No task, no connection and no socket is left."""
        self._stopping = True
        await self._close()
        await self._connections.stop()
        if self._counting is not None:
            self._counting.cancel()
            await asyncio.gather(self._counting, return_exceptions=True)
        self._subscribed.close()

    async def _close(self) -> None:
        trying, self._trying = self._trying, None
        if trying is not None:
            trying.cancel()
            await asyncio.gather(trying, return_exceptions=True)
        serving, self._serving = self._serving, None
        if serving is not None:
            address, opened, server = serving
            server.close()
            close_socket(address, opened)

    async def _try_on(self) -> None:
        while True:
            await asyncio.sleep(_AGAIN_S)
            if await self._try():
                return

    async def _try(self) -> bool:
        try:
            opened = open_socket(self._address)
        except ConfigError as error:
            if error.message != self._fault:
                self._fault = error.message
                _LOG.error("HTTP is off: %s; trying again", error.message)
                self._on_change(ComponentChanged(component="http", ok=False, detail=error.message, essential=False))
            return False
        await self._serve(self._address, opened)
        return True

    async def _serve(self, address: Address, opened: socket.socket) -> None:
        server = await asyncio.get_running_loop().create_server(self._connections.accept, sock=opened)
        self._serving = (address, opened, server)
        self._fault = ""
        who = "whoever has the token" if self._token is not None else "this machine"
        _LOG.info("HTTP: listening on %s for %s", address.text, who)
        self._on_change(
            ComponentChanged(component="http", ok=True, detail=f"listening on {address.text}", essential=False)
        )

    def _app(self) -> web.Application:
        app = web.Application(middlewares=[self._guard])
        app.router.add_get(HEALTH, self._health)
        app.router.add_get(METRICS, self._metrics.page)
        app.router.add_post(SPEECH, self._speech.speech)
        app.router.add_post(TRANSCRIPTIONS, self._speech.transcription)
        app.on_response_prepare.append(_unnamed)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        with self._connections.busy(request):
            response = await self._answer(request, handler)
        path = request.path if request.path in _PATHS else "other"
        self._metrics.answered(path, response.status)
        return response

    async def _answer(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        try:
            self._admit(request)
            work = request.path in (SPEECH, TRANSCRIPTIONS)
            if work and self._stopping:
                raise Refused(503, "the daemon is stopping", "stopping")
            if work and self.in_hand >= _AT_ONCE:
                raise Refused(429, f"{_AT_ONCE} requests are in hand; try again later", "queue_full")
            async with asyncio.timeout(_LONGEST_S) as limit:
                self._in_hand[limit] = work
                self._idle.clear()
                try:
                    return await handler(request)
                finally:
                    del self._in_hand[limit]
                    if not self._in_hand:
                        self._idle.set()
        except TimeoutError:
            if self._stopping:
                return response_of(Refused(503, "the daemon is stopping", "stopping"))
            return response_of(Refused(504, f"not done within {_LONGEST_S:g} s", "timeout"))
        except web.HTTPException as error:
            allowed = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
            said = f"{request.method} {request.path[:80]}: {error.reason.lower()}; there are {', '.join(_PATHS)}"
            return response_of(Refused(error.status, said, "not_found" if error.status == 404 else "refused", allowed))
        except AuricleError as error:
            return response_of(error)
        except ConnectionError:
            raise  # the client is gone: aiohttp ends the connection
        except Exception as error:
            # This adapter's top: whatever a request runs into ends with the request.
            _LOG.exception("http: %s %s failed", request.method, request.path)
            return response_of(AuricleError(f"the request failed ({type(error).__name__})"))

    def _admit(self, request: web.Request) -> None:
        """Raises Refused for who may not ask."""
        if request.path == HEALTH or self._knows_token(request):
            return
        if self._token is not None:
            raise Refused(
                401,
                "a token is needed: Authorization: Bearer TOKEN, as in [http] token_file",
                "invalid_api_key",
                {"WWW-Authenticate": 'Bearer realm="auricle"'},
            )
        raise Refused(403, "only this machine may ask, by its own name: localhost, 127.0.0.1 or [::1]", "forbidden")

    def _knows_token(self, request: web.Request) -> bool:
        """Without a token, whoever names this machine: a web page that had its own name led here does not."""
        if self._token is None:
            return bool(self._address.path) or _names_loopback(request.headers.get("Host", ""))
        scheme, _, word = request.headers.get("Authorization", "").partition(" ")
        given = word.strip().encode(errors="surrogateescape")
        return scheme.lower() == "bearer" and hmac.compare_digest(given, self._token.encode())

    async def _health(self, request: web.Request) -> web.Response:
        health = Health("stopping", "the daemon is stopping") if self._stopping else self._inside.health()
        told: dict[str, str] = {"status": health.status}
        if health.status != "ok" or self._knows_token(request):
            told["detail"] = health.detail
        return web.json_response(told, status=200 if health.status == "ok" else 503)


def _names_loopback(host: str) -> bool:
    match = _HOST.match(host)
    name = "" if match is None else (match["six"] or match["name"]).lower()
    try:
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


async def _unnamed(request: web.Request, response: web.StreamResponse) -> None:
    """Which versions answer is nobody's business."""
    response.headers["Server"] = "auricle"
