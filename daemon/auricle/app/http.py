"""The HTTP door as the daemon holds it: nothing of it is imported until `[http] bind` is set."""

import asyncio
import importlib
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from auricle import __version__
from auricle.adapters.http_address import close_socket, open_socket, parse_bind
from auricle.adapters.http_inside import Health, Inside
from auricle.adapters.mqtt import MqttAdapter
from auricle.app.reload import Ready
from auricle.model.events import ComponentChanged
from auricle.pipeline.capture import Capture
from auricle.pipeline.turn import Conversation
from auricle.pipeline.wake import WakeDetector
from auricle.service import Assistant
from auricle.settings import Config, Http

if TYPE_CHECKING:
    from auricle.adapters.http import HttpAdapter


class House(Protocol):
    """The running daemon, as far as it is told over HTTP."""

    config: Config
    assistant: Assistant
    capture: Capture
    conversation: Conversation | None
    detector: WakeDetector

    @property
    def mqtt(self) -> MqttAdapter | None: ...


class HttpDoor:
    """Listens from the daemon's first step to its last, so that its health can be asked all the time."""

    def __init__(
        self, house: House, health: Callable[[], Health], on_change: Callable[[ComponentChanged], None]
    ) -> None:
        self._house = house
        self._health = health
        self._on_change = on_change
        self._adapter: HttpAdapter | None = None

    async def start(self) -> None:
        if self._house.config.http.bind is not None:
            self._adapter = self._made(self._house.config.http)
            await self._adapter.start()

    async def drain(self) -> None:
        """The daemon begins to stop."""
        if self._adapter is not None:
            await self._adapter.drain()

    async def stop(self) -> None:
        adapter, self._adapter = self._adapter, None
        if adapter is not None:
            await adapter.stop()

    async def prepare(self, settings: Http) -> Ready:
        """Make other settings hold; a new address is listened on before anything changes.

        Raises ConfigError that names `http.bind`.
        """
        if settings.bind is None:
            return Ready(self.stop)
        if self._adapter is None:
            await asyncio.to_thread(_load)  # half a second that the event loop does not have
        opened: socket.socket | None = None
        address = parse_bind(settings.bind)
        if self._adapter is None or settings.bind != self._house.config.http.bind:
            opened = open_socket(address)

        async def hold() -> None:
            if self._adapter is not None:
                await self._adapter.move(settings, opened)
            else:
                self._adapter = self._made(settings)
                await self._adapter.start(opened)

        def drop() -> None:
            if opened is not None:
                close_socket(address, opened)

        return Ready(hold, drop)

    def _made(self, settings: Http) -> "HttpAdapter":
        from auricle.adapters.http import HttpAdapter

        house = self._house
        inside = Inside(
            health=self._health,
            since_arrival_s=lambda sample: time.monotonic() - house.capture.arrived_at(sample),
            microphone_overflows=lambda: house.capture.overflows,
            second_looks=lambda: house.detector.looks,
            second_looks_confirmed=lambda: house.detector.confirmed,
            wake_words_refused=lambda: house.detector.refused,
            mqtt_waiting=lambda: 0 if house.mqtt is None else house.mqtt.waiting,
            speech_waiting=lambda: 0 if house.conversation is None else house.conversation.speech.waiting,
        )
        return HttpAdapter(
            house.assistant,
            settings,
            house.config.metrics,
            inside,
            version=__version__,
            on_change=self._on_change,
        )


def _load() -> None:
    importlib.import_module("auricle.adapters.http")
