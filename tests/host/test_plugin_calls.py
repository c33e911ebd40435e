"""Whatever a plugin does when it is called, the host goes on, and the plugin's status says what happened."""

import asyncio
import sys
import threading
from collections.abc import Callable

import pytest

from auricle.api import (
    Intent,
    NotConnected,
    PluginConfig,
    PluginContext,
    PluginError,
    Reply,
    Transcript,
    Turn,
    hookimpl,
)
from auricle.host import PluginHost
from support.plugin_host import (
    LIGHT,
    Answers,
    Faults,
    Plain,
    faults_fixture,  # noqa: F401 -- a fixture
    handled,
    make_fixture,  # noqa: F401 -- a fixture
    status,
    unstuck,
)


async def test_plugins_are_asked_in_the_configured_order_then_by_name(make: Callable[..., PluginHost]) -> None:
    asked: list[str] = []

    class Listens(Plain):
        @hookimpl
        def auricle_recognize(self, transcript: Transcript) -> None:
            asked.append(self.context.name)

    host = make({"zoe": Listens, "bob": Listens, "ann": Listens, "eve": Listens}, order=["eve", "bob"])
    assert await host.recognize(Transcript("hello"), Turn()) is None
    assert asked == ["eve", "bob", "ann", "zoe"]


async def test_first_understanding_wins_and_names_its_plugin(make: Callable[..., PluginHost]) -> None:
    class Nothing(Plain):
        @hookimpl
        async def auricle_recognize(self, transcript: Transcript) -> None:
            await asyncio.sleep(0)

    class Understands(Plain):
        @hookimpl
        async def auricle_recognize(self, turn: Turn, transcript: Transcript) -> Intent:
            await asyncio.sleep(0)
            return Intent(f"{self.context.name}-{transcript.text}-{turn.wake_word}")

    host = make({"a": Nothing, "b": Understands, "c": Understands})
    intent = await host.recognize(Transcript("hi"), Turn(wake_word="jarvis"))
    assert intent is not None
    assert (intent.name, intent.plugin) == ("b-hi-jarvis", "b")


async def test_plugin_of_the_intent_is_asked_first(make: Callable[..., PluginHost]) -> None:
    host = make({"a": Answers, "b": Answers})
    reply = await host.handle(Intent("light", plugin="b"), Turn())
    assert reply == Reply("b says light", handled_by="b")


async def test_plain_function_may_return_an_awaitable(make: Callable[..., PluginHost]) -> None:
    async def later() -> Reply:
        await asyncio.sleep(0)
        return Reply("later")

    class Later(Plain):
        @hookimpl
        def auricle_handle(self, intent: Intent) -> object:
            return later()

    assert await handled(make({"p": Later})) == "p: later"


async def test_blocking_calls_of_a_plugin_share_one_thread(make: Callable[..., PluginHost]) -> None:
    seen: set[int] = set()

    class Bound(Plain):
        def __init__(self, context: PluginContext, config: PluginConfig) -> None:
            super().__init__(context, config)
            seen.add(threading.get_ident())

        @hookimpl
        def auricle_handle(self, intent: Intent) -> Reply:
            seen.add(threading.get_ident())
            return Reply("done")

    host = make({"p": Bound})
    await asyncio.gather(*(handled(host) for _ in range(4)))
    assert len(seen) == 1
    assert threading.get_ident() not in seen


class Raises(Plain):
    @hookimpl
    def auricle_handle(self, intent: Intent) -> Reply:
        raise RuntimeError("the lamp is gone")


class RaisesAsync(Plain):
    @hookimpl
    async def auricle_handle(self, intent: Intent) -> Reply:
        raise RuntimeError("the lamp is gone")


class Exits(Plain):
    @hookimpl
    def auricle_handle(self, intent: Intent) -> Reply:
        sys.exit(4)


class ExitsAsync(Plain):
    @hookimpl
    async def auricle_handle(self, intent: Intent) -> Reply:
        sys.exit(4)


class CancelsItself(Plain):
    @hookimpl
    async def auricle_handle(self, intent: Intent) -> Reply:
        raise asyncio.CancelledError


class CancelsItselfInThread(Plain):
    @hookimpl
    def auricle_handle(self, intent: Intent) -> Reply:
        raise asyncio.CancelledError


class StopsIterating(Plain):
    @hookimpl
    def auricle_handle(self, intent: Intent) -> Reply:
        raise StopIteration


class AnswersNonsense(Plain):
    @hookimpl
    def auricle_handle(self, intent: Intent) -> object:
        return "OK"


class AnswersWithoutText(Plain):
    @hookimpl
    def auricle_handle(self, intent: Intent) -> Reply:
        return Reply(None)  # type: ignore[arg-type]


class HangsAsync(Plain):
    @hookimpl
    async def auricle_handle(self, intent: Intent) -> Reply:
        await asyncio.sleep(60)
        return Reply("late")


@pytest.mark.parametrize(
    ("plugin", "text"),
    [
        (Raises, "auricle_handle raised RuntimeError: the lamp is gone"),
        (RaisesAsync, "auricle_handle raised RuntimeError: the lamp is gone"),
        (Exits, "auricle_handle tried to end the daemon (SystemExit: 4)"),
        (ExitsAsync, "auricle_handle tried to end the daemon (SystemExit: 4)"),
        (CancelsItself, "auricle_handle cancelled itself"),
        (CancelsItselfInThread, "auricle_handle raised CancelledError: "),
        (StopsIterating, "auricle_handle raised StopIteration: "),
        (AnswersNonsense, "auricle_handle answered with a str, not with a Reply or None"),
        (AnswersWithoutText, "auricle_handle answered with a Reply with a wrong field, not with a Reply or None"),
        (HangsAsync, "auricle_handle took longer than 0.3 s"),
    ],
)
async def test_failing_plugin_harms_no_other_and_is_told(
    make: Callable[..., PluginHost], faults: Faults, plugin: type, text: str
) -> None:
    host = make({"a": plugin, "b": Answers}, timeout_s=0.3)
    assert await handled(host) == "b: b says light"
    assert faults == [("a", text)]
    assert (status(host, "a").state, status(host, "a").faults, status(host, "a").detail) == ("active", 1, text)


async def test_failure_without_another_answer_is_an_error(make: Callable[..., PluginHost]) -> None:
    host = make({"a": Raises})
    with pytest.raises(PluginError, match="a: auricle_handle raised RuntimeError"):
        await host.handle(LIGHT, Turn())


async def test_plugin_that_blocks_does_not_stop_the_loop_and_is_refused_until_it_returns(
    make: Callable[..., PluginHost], faults: Faults
) -> None:
    let_go = threading.Event()

    class Blocks(Plain):
        @hookimpl
        def auricle_handle(self, intent: Intent) -> Reply:
            let_go.wait(20)
            return Reply("at last")

    host = make({"a": Blocks, "b": Answers}, timeout_s=0.3)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.01)

    ticking = asyncio.create_task(tick(), name="tick")
    assert await handled(host) == "b: b says light"
    ticking.cancel()
    assert ticks > 3
    assert await handled(host) == "b: b says light"
    assert faults == [
        ("a", "auricle_handle took longer than 0.3 s"),
        ("a", "auricle_handle was not called: auricle_handle has not returned yet"),
    ]
    assert status(host, "a").detail == "auricle_handle has not returned yet; the plugin is not asked until it does"
    let_go.set()
    await unstuck(host, "a")
    assert await handled(host) == "a: at last"


async def test_coroutine_that_will_not_be_cancelled_is_refused_until_it_ends(
    make: Callable[..., PluginHost], faults: Faults
) -> None:
    let_go = threading.Event()

    class Stubborn(Plain):
        @hookimpl
        async def auricle_handle(self, intent: Intent) -> Reply:
            while not let_go.is_set():
                try:
                    await asyncio.sleep(0.01)
                except asyncio.CancelledError:
                    continue
            return Reply("at last")

    host = make({"a": Stubborn, "b": Answers}, timeout_s=0.2)
    assert await handled(host) == "b: b says light"
    assert await handled(host) == "b: b says light"
    assert faults[1] == ("a", "auricle_handle was not called: auricle_handle has not returned yet")
    let_go.set()
    await unstuck(host, "a")
    assert await handled(host) == "a: at last"


async def test_cancelled_turn_cancels_the_plugin(make: Callable[..., PluginHost], faults: Faults) -> None:
    cancelled = threading.Event()

    class Waits(Plain):
        @hookimpl
        async def auricle_handle(self, intent: Intent) -> Reply:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                cancelled.set()
                raise
            return Reply("late")

    host = make({"p": Waits})
    turn = asyncio.create_task(host.handle(LIGHT, Turn()), name="turn")
    await asyncio.sleep(0.05)
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    assert cancelled.is_set()
    assert faults == []


async def test_failed_publish_is_a_fault_even_where_the_plugin_copes(
    make: Callable[..., PluginHost], faults: Faults
) -> None:
    class Publishes(Plain):
        @hookimpl
        async def auricle_handle(self, intent: Intent) -> Reply:
            try:
                await self.context.publish("home/lamp", "ON", 0, False)
            except NotConnected:
                return Reply("no broker")
            return Reply("sent")

    host = make({"p": Publishes})
    assert await handled(host) == "p: no broker"
    assert faults == [("p", "no broker to publish home/lamp to: set [mqtt] host")]
