"""An MQTT adapter at work on a scripted Assistant."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from auricle.adapters.mqtt import MqttAdapter
from auricle.adapters.mqtt_extension import MqttExtension
from auricle.model.events import ComponentChanged
from auricle.settings import Mqtt, Site
from support.mosquitto import Collected, Mosquitto, Received
from support.scripted_assistant import ScriptedAssistant

T = "auricle/attic"
SITE = Site(id="attic")
Extensions = Callable[[ScriptedAssistant, Mqtt], Sequence[MqttExtension]]
_Found = TypeVar("_Found")


class Running:
    """An adapter at work, with what it said about the broker."""

    def __init__(self, adapter: MqttAdapter, assistant: ScriptedAssistant, changes: list[ComponentChanged]) -> None:
        self.adapter = adapter
        self.assistant = assistant
        self.changes = changes

    async def until(self, holds: Callable[[], bool], timeout_s: float = 15.0) -> None:
        async with asyncio.timeout(timeout_s):
            while not holds():
                await asyncio.sleep(0.02)

    async def connected(self) -> None:
        await self.until(lambda: self.adapter.connected)


@asynccontextmanager
async def running(
    port: int,
    assistant: ScriptedAssistant | None = None,
    *,
    wait: bool = True,
    extensions: Extensions = lambda assistant, settings: (),
    **keys: object,
) -> AsyncIterator[Running]:
    assistant = assistant or ScriptedAssistant()
    changes: list[ComponentChanged] = []

    def on_change(change: ComponentChanged) -> None:
        changes.append(change)
        assistant.publish(change)

    settings = Mqtt(**{"host": "127.0.0.1", "port": port, "max_backoff_s": 1.0, **keys})  # type: ignore[arg-type]
    before = {*threading.enumerate(), *asyncio.all_tasks()}
    adapter = MqttAdapter(assistant, settings, SITE, on_change, extensions(assistant, settings))
    await adapter.start()
    try:
        found = Running(adapter, assistant, changes)
        if wait:
            await found.connected()
        yield found
    finally:
        await adapter.stop()
        left = {*threading.enumerate(), *asyncio.all_tasks()} - before
        assert not [part for part in left if "mqtt" in (part.name if hasattr(part, "name") else part.get_name())]


async def off(work: Callable[..., _Found], *args: object, **kwargs: object) -> _Found:
    """Blocking work of the test, beside the event loop that the adapter lives on."""
    return await asyncio.to_thread(work, *args, **kwargs)


@asynccontextmanager
async def collect(broker: Mosquitto, *topics: str) -> AsyncIterator[Collected]:
    context = broker.collect(*topics)
    collected = await off(context.__enter__)
    try:
        yield collected
    finally:
        await off(context.__exit__, None, None, None)


def parsed(message: Received) -> dict[str, object]:
    found = json.loads(message.payload)
    assert isinstance(found, dict)
    return found
