"""Plugins are started, told of events and shut down, each without harm to the others."""

import asyncio
import threading
from collections.abc import Callable

from auricle.api import Event, hookimpl
from auricle.host import PluginHost
from auricle.model.events import Lagged, WakeHeard
from support.plugin_host import (
    Answers,
    Faults,
    Plain,
    faults_fixture,  # noqa: F401 -- a fixture
    handled,
    make_fixture,  # noqa: F401 -- a fixture
    make_host,
    status,
)


async def test_plugin_that_fails_to_start_is_not_asked(make: Callable[..., PluginHost], faults: Faults) -> None:
    class Unstarted(Answers):
        @hookimpl
        async def auricle_startup(self) -> None:
            raise OSError("no such device")

    class Slow(Answers):
        @hookimpl
        async def auricle_startup(self) -> None:
            await asyncio.sleep(60)

    host = make({"a": Unstarted, "b": Slow, "c": Answers}, load_timeout_s=0.3)
    await host.startup()
    assert [status.state for status in host.statuses()] == ["failed", "failed", "active"]
    assert status(host, "a").detail == "auricle_startup raised OSError: no such device"
    assert status(host, "b").detail == "auricle_startup took longer than 0.3 s"
    assert await handled(host) == "c: c says light"


async def test_shutdown_reaches_every_plugin_in_time(faults: Faults) -> None:
    ended: list[str] = []

    class Ends(Plain):
        @hookimpl
        def auricle_shutdown(self) -> None:
            ended.append(self.context.name)

    class Hangs(Plain):
        @hookimpl
        async def auricle_shutdown(self) -> None:
            await asyncio.sleep(60)

    host = make_host(faults, timeout_s=0.3)
    for name, plugin in {"a": Ends, "b": Hangs, "c": Ends}.items():
        host.register(name, plugin)
    await asyncio.wait_for(host.shutdown(), 10)
    assert sorted(ended) == ["a", "c"]
    assert faults == [("b", "auricle_shutdown took longer than 0.3 s")]


def wake(sample: int) -> WakeHeard:
    return WakeHeard(turn="t", wake_word="hey_jarvis", score=0.9, sample=sample)


async def test_events_arrive_in_order_before_shutdown(make: Callable[..., PluginHost], faults: Faults) -> None:
    seen: list[int] = []

    class Watches(Plain):
        @hookimpl
        async def auricle_event(self, event: Event) -> None:
            assert isinstance(event, WakeHeard)
            await asyncio.sleep(0)
            seen.append(event.sample)

    host = make({"p": Watches})
    for sample in range(20):
        await host.event(wake(sample))
    await host.shutdown()
    assert seen == list(range(20))
    assert faults == []


async def test_slow_plugin_delays_no_other_and_loses_the_oldest_events(make: Callable[..., PluginHost]) -> None:
    let_go = threading.Event()
    slow: list[Event] = []
    quick: list[Event] = []
    all_seen = threading.Event()

    class Slow(Plain):
        @hookimpl
        async def auricle_event(self, event: Event) -> None:
            while not let_go.is_set():
                await asyncio.sleep(0.01)
            slow.append(event)

    class Quick(Plain):
        @hookimpl
        async def auricle_event(self, event: Event) -> None:
            quick.append(event)
            if len(quick) == 300:
                all_seen.set()

    host = make({"a": Slow, "b": Quick}, timeout_s=10)
    for sample in range(300):
        await host.event(wake(sample))
        async with asyncio.timeout(10):
            while len(quick) <= sample:
                await asyncio.sleep(0.001)
    assert all_seen.is_set()
    assert slow == []
    let_go.set()
    await host.shutdown()
    lost = next(event for event in slow if isinstance(event, Lagged))
    assert lost.count == 300 - (len(slow) - 1)
    assert isinstance(slow[-1], WakeHeard)
    assert slow[-1].sample == 299


async def test_plugin_that_fails_at_every_event_is_rested(make: Callable[..., PluginHost], faults: Faults) -> None:
    class Allergic(Plain):
        @hookimpl
        async def auricle_event(self, event: Event) -> None:
            raise ValueError("an event")

    host = make({"p": Allergic})
    for sample in range(30):
        await host.event(wake(sample))
    async with asyncio.timeout(10):
        while len(faults) < 5:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    assert len(faults) == 5
    assert faults[-1][1] == "auricle_event raised ValueError: an event; it failed often and is rested"
    assert status(host, "p").state == "resting"
    assert status(host, "p").detail.startswith("it failed often and is asked again in ")
