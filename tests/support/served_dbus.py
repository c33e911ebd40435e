"""The D-Bus adapter on a bus of the test's own, with a scripted assistant behind it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from dbus_fast import Message
from dbus_fast.aio import MessageBus as Caller

from auricle.adapters.dbus import DbusAdapter
from auricle.adapters.dbus_interface import INTERFACE, NAME, PATH
from auricle.model.errors import ConfigError
from auricle.model.events import (
    ComponentChanged,
)
from auricle.settings import Dbus, Site
from support.message_bus import CallFailed, MessageBus
from support.scripted_assistant import ScriptedAssistant

WAV = b"RIFF\x24\x00\x00\x00WAVEfmt "
UNIT_FILES = Path(__file__).parents[2] / "systemd" / "dbus"


class Served:
    def __init__(self, bus: MessageBus, assistant: ScriptedAssistant) -> None:
        self.assistant = assistant
        self.told: list[ComponentChanged] = []
        self.reloads = 0
        self.wrong: ConfigError | None = None
        self.adapter = DbusAdapter(
            assistant,
            Dbus(bus=bus.address),
            Site(id="kitchen"),
            version="1.2.3",
            reload=self._reload,
            on_change=self.told.append,
        )

    async def _reload(self) -> None:
        if self.wrong is not None:
            raise self.wrong
        self.reloads += 1

    async def until_told(self, ok: bool) -> None:
        async with asyncio.timeout(30):
            while not self.told or self.told[-1].ok is not ok:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def serving(bus: MessageBus, assistant: ScriptedAssistant | None = None) -> AsyncIterator[Served]:
    served = Served(bus, assistant or ScriptedAssistant())
    await served.adapter.start()
    try:
        await served.until_told(True)
        yield served
    finally:
        await served.adapter.stop()


async def call_with_fd(bus: MessageBus, method: str, signature: str, body: list[object], fd: int) -> dict[str, object]:
    caller = await Caller(bus.address, negotiate_unix_fd=True).connect()
    try:
        call = Message(NAME, PATH, INTERFACE, method, signature=signature, body=body, unix_fds=[fd])
        reply = await caller.call(call)
        if reply.error_name:
            raise CallFailed(f"{reply.error_name}: {reply.body[0]}")
        return reply.body[0] if reply.body else {}
    finally:
        caller.disconnect()
