"""Home Assistant's WebSocket API: one connection, kept up; commands with their results."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import aiohttp
import msgspec

from auricle.api import AuricleError

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
_ANSWER_S = 10.0
_BEAT_S = 30.0
_MOST_BYTES = 16 * 1024 * 1024
_MOST_WAITING = 64


class Away(AuricleError):
    """Home Assistant is not reachable, refuses, or does not answer."""

    code = "homeassistant"


class Link:
    """Connects until it is stopped, with a pause that grows from 1 s to a minute, and jitter.

    Belongs to one event loop. See developers.home-assistant.io/docs/api/websocket.
    """

    def __init__(
        self,
        url: str,
        token: str,
        log: logging.Logger,
        on_connect: Callable[["Link"], Awaitable[None]],
        *,
        first_pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        """on_connect: runs from each connection to its end, beside commands of others; its AuricleErrors are logged."""
        self._url = f"{url.rstrip('/')}/api/websocket"
        self._token = token
        self._log = log
        self._on_connect = on_connect
        self._first_pause_s = first_pause_s
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._ids = 0
        self.why_away = "not connected yet"

    @property
    def connected(self) -> bool:
        return self._socket is not None

    async def run(self) -> None:
        """Until cancelled."""
        pause_s = self._first_pause_s
        async with aiohttp.ClientSession() as session:
            while True:
                try:
                    await self._serve(session)
                    pause_s = self._first_pause_s
                    self._away("the connection ended")
                except Away as error:
                    self._away(error.message)
                except (aiohttp.ClientError, OSError, TimeoutError, msgspec.DecodeError) as error:
                    self._away(str(error) or type(error).__name__)
                await asyncio.sleep(pause_s * random.uniform(0.7, 1.3))
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def command(self, type: str, **fields: object) -> Any:
        """The result of a command. Raises Away."""
        socket = self._socket
        if socket is None:
            raise Away(f"Home Assistant is away: {self.why_away}")
        if len(self._waiting) >= _MOST_WAITING:
            raise Away("Home Assistant owes too many answers")
        self._ids += 1
        number = self._ids
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(_ANSWER_S):
                await socket.send_json({"id": number, "type": type, **fields})
                return await answer
        except TimeoutError:
            raise Away(f"Home Assistant did not answer {type} within {_ANSWER_S:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise Away(f"Home Assistant: {error}") from None
        finally:
            self._waiting.pop(number, None)

    async def _serve(self, session: aiohttp.ClientSession) -> None:
        async with asyncio.timeout(_ANSWER_S):
            socket = await session.ws_connect(self._url, heartbeat=_BEAT_S, max_msg_size=_MOST_BYTES)
        try:
            async with asyncio.timeout(_ANSWER_S):
                await self._authenticate(socket)
            self._socket = socket
            self._log.info("connected to %s", self._url)
            greeting = asyncio.create_task(self._greet(), name="homeassistant names")
            try:
                async for message in socket:
                    if message.type is aiohttp.WSMsgType.TEXT:
                        self._take(message.data)
            finally:
                greeting.cancel()
                await asyncio.gather(greeting, return_exceptions=True)
        finally:
            self._socket = None
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(Away("the connection to Home Assistant ended"))
            with suppress(aiohttp.ClientError, OSError):
                await socket.close()

    async def _authenticate(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            said = await self._said(socket)
            match said.get("type"):
                case "auth_required":
                    await socket.send_json({"type": "auth", "access_token": self._token})
                case "auth_ok":
                    return
                case "auth_invalid":
                    raise Away("Home Assistant refuses the token: see [plugins.homeassistant] token_file")
                case other:
                    raise Away(f"{self._url} is no Home Assistant: it says {other}")

    async def _said(self, socket: aiohttp.ClientWebSocketResponse) -> dict[str, Any]:
        message = await socket.receive()
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise Away(f"{self._url} ended the connection")
        return msgspec.json.decode(message.data, type=dict[str, Any])

    async def _greet(self) -> None:
        try:
            await self._on_connect(self)
        except AuricleError as error:
            self._log.warning("%s", error)

    def _take(self, data: str) -> None:
        said = msgspec.json.decode(data, type=dict[str, Any])
        answer = self._waiting.get(said.get("id", 0))
        if said.get("type") != "result" or answer is None or answer.done():
            return
        if said.get("success"):
            answer.set_result(said.get("result"))
        else:
            told = said.get("error") or {}
            answer.set_exception(Away(f"Home Assistant refuses: {told.get('message') or told.get('code')}"))

    def _away(self, why: str) -> None:
        """Told once for each reason."""
        if why != self.why_away:
            self._log.warning("Home Assistant is away: %s", why)
        self.why_away = why
