"""Whatever a plugin does, the host goes on, and the plugin's status says what happened."""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path

import pytest

from auricle.api import (
    EngineSpec,
    Event,
    Intent,
    NotConnected,
    PluginConfig,
    PluginContext,
    PluginError,
    Reply,
    Sentences,
    Transcript,
    Turn,
    hookimpl,
)
from auricle.host import PluginHost, PluginState, PluginStatus
from auricle.model.events import Lagged, WakeHeard
from auricle.settings import Plugins

Faults = list[tuple[str, str]]

LIGHT = Intent("light", {"room": "kitchen"}, "turn on the light")


class Plain:
    """A plugin without a constructor of its own to write in each test."""

    def __init__(self, context: PluginContext, config: PluginConfig) -> None:
        self.context = context
        self.config = config


class Answers(Plain):
    @hookimpl
    def auricle_handle(self, intent: Intent) -> Reply | None:
        return Reply(f"{self.context.name} says {intent.name}")


def make_host(faults: Faults, **wanted: object) -> PluginHost:
    settings = Plugins(
        disabled=tuple(wanted.get("disabled", ())),  # type: ignore[arg-type]
        order=tuple(wanted.get("order", ())),  # type: ignore[arg-type]
    )
    return PluginHost(
        plugins=settings,
        options=wanted.get("options", {}),  # type: ignore[arg-type]
        context=lambda name: PluginContext(name=name),
        timeout_s=float(wanted.get("timeout_s", 5.0)),  # type: ignore[arg-type]
        load_timeout_s=float(wanted.get("load_timeout_s", 5.0)),  # type: ignore[arg-type]
        on_fault=lambda name, text: faults.append((name, text)),
    )


@pytest.fixture
def faults() -> Faults:
    return []


@pytest.fixture
async def make(faults: Faults) -> AsyncIterator[Callable[..., PluginHost]]:
    """Hosts with the plugins that are named; each is shut down at the end."""
    hosts: list[PluginHost] = []

    def make(plugins: Mapping[str, type], **wanted: object) -> PluginHost:
        host = make_host(faults, **wanted)
        hosts.append(host)
        for name, plugin in plugins.items():
            host.register(name, plugin)
        return host

    yield make
    for host in hosts:
        await host.shutdown()


def status(host: PluginHost, name: str) -> PluginStatus:
    return next(status for status in host.statuses() if status.name == name)


async def handled(host: PluginHost) -> str:
    reply = await host.handle(LIGHT, Turn())
    assert reply is not None
    return f"{reply.handled_by}: {reply.text}"


async def unstuck(host: PluginHost, name: str) -> None:
    async with asyncio.timeout(10):
        while status(host, name).detail.endswith("until it does"):
            await asyncio.sleep(0.01)


# Loading


def test_installed_plugins_are_found_by_entry_point(faults: Faults) -> None:
    host = make_host(faults)
    host.load()
    assert status(host, "clock").state is PluginState.ACTIVE
    assert status(host, "clock").distribution == "auricle"
    assert status(host, "clock").hooks == ("auricle_sentences", "auricle_handle")
    assert set(host.sentences("en")) >= {"clock"}


def test_disabled_plugin_is_not_imported(faults: Faults) -> None:
    host = make_host(faults, disabled=["clock"])
    host.load()
    assert status(host, "clock").state is PluginState.DISABLED
    assert "clock" not in host.sentences("en")


def test_settings_that_name_no_plugin_are_told_with_the_nearest(faults: Faults) -> None:
    host = make_host(faults, disabled=["clok"], order=["comands"])
    host.load()
    assert ("clok", "[plugins] disabled names clok, which is not installed; did you mean clock?") in faults
    assert ("comands", "[plugins] order names comands, which is not installed; did you mean commands?") in faults


def test_broken_entry_point_fails_alone(faults: Faults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_plugins.py").write_text("import a_module_that_is_nowhere\n")
    (tmp_path / "leaving_plugin.py").write_text("raise SystemExit(3)\n")
    (tmp_path / "not_a_class.py").write_text("plugin = 5\n")
    found = tmp_path / "broken_plugins-1.2.dist-info"
    found.mkdir()
    (found / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-plugins\nVersion: 1.2\n")
    (found / "entry_points.txt").write_text(
        "[auricle.plugins]\na_broken = broken_plugins:X\na_leaving = leaving_plugin:X\na_number = not_a_class:plugin\n"
        "clock = broken_plugins:X\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    host = make_host(faults)
    host.load()
    broken = status(host, "a_broken")
    assert (broken.state, broken.version, broken.distribution) == (PluginState.FAILED, "1.2", "broken-plugins")
    assert broken.detail == "importing it raised ModuleNotFoundError: No module named 'a_module_that_is_nowhere'"
    assert "tried to end the daemon (SystemExit: 3)" in status(host, "a_leaving").detail
    assert "names a int, not a class" in status(host, "a_number").detail
    assert [status.name for status in host.statuses()].count("clock") == 1
    assert any(name == "clock" and "brings it too" in text for name, text in faults)
    assert status(host, "commands").state is PluginState.ACTIVE


class WrongConfig(Plain):
    Config = dict


class Strict(Plain):
    class Config(PluginConfig):
        volume: int = 5


class Refuses(Plain):
    def __init__(self, context: PluginContext, config: PluginConfig) -> None:
        raise PluginError("put your key into [plugins.p] key")


class Leaves(Plain):
    def __init__(self, context: PluginContext, config: PluginConfig) -> None:
        sys.exit("no licence")


class UnknownHook(Plain):
    @hookimpl
    def auricle_handel(self, intent: Intent) -> None: ...


class UnmarkedHook(Plain):
    def auricle_handle(self, intent: Intent) -> None: ...


class UnknownArgument(Plain):
    @hookimpl
    def auricle_handle(self, intent: Intent, room: str) -> None: ...


class Wrapper(Plain):
    @hookimpl(hookwrapper=True)
    def auricle_handle(self, intent: Intent):  # type: ignore[no-untyped-def]
        yield


class AsyncSentences(Plain):
    @hookimpl
    async def auricle_sentences(self) -> Mapping[str, Sentences]:
        return {}


class NoEngines(Plain):
    @hookimpl
    def auricle_engines(self) -> None: ...


class WrongSentences(Plain):
    @hookimpl
    def auricle_sentences(self) -> object:
        return {"en": ["what time is it"]}


class RaisingSentences(Plain):
    @hookimpl
    def auricle_sentences(self) -> object:
        raise KeyError("en")


@pytest.mark.parametrize(
    ("plugin", "options", "detail"),
    [
        (WrongConfig, {}, "WrongConfig.Config is no subclass of auricle.api.PluginConfig"),
        (Strict, {"volume": "5"}, "[plugins.p] volume: Expected `int`, got `str`"),
        (Strict, {"volumen": 5}, "did you mean volume?"),
        (Plain, {"volume": 5}, "[plugins.p]: Object contains unknown field `volume`"),
        (Refuses, {}, "put your key into [plugins.p] key"),
        (Leaves, {}, "tried to end the daemon (SystemExit: no licence)"),
        (UnknownHook, {}, "there is no hook auricle_handel; did you mean auricle_handle?"),
        (UnmarkedHook, {}, "auricle_handle lacks @hookimpl"),
        (UnknownArgument, {}, "auricle_handle asks for room; it can take intent, turn"),
        (Wrapper, {}, "auricle_handle is a hook wrapper"),
        (AsyncSentences, {}, "auricle_sentences cannot be async"),
        (NoEngines, {}, "auricle_engines answered with None, not a list of EngineSpec"),
        (WrongSentences, {}, "auricle_sentences answered with a dict, not a dict of language to Sentences"),
        (RaisingSentences, {}, "auricle_sentences raised KeyError: 'en'"),
    ],
)
async def test_plugin_that_cannot_be_loaded_says_why(
    make: Callable[..., PluginHost], faults: Faults, plugin: type, options: dict[str, object], detail: str
) -> None:
    host = make({"p": plugin, "q": Answers}, options={"p": options})
    assert status(host, "p").state is PluginState.FAILED
    assert detail in status(host, "p").detail
    assert faults[0][0] == "p"
    assert await handled(host) == "q: q says light"


async def test_plugin_that_hangs_while_it_is_made_fails(make: Callable[..., PluginHost]) -> None:
    let_go = threading.Event()

    class Hangs(Plain):
        def __init__(self, context: PluginContext, config: PluginConfig) -> None:
            let_go.wait(20)

    host = make({"p": Hangs, "q": Answers}, load_timeout_s=0.2)
    try:
        assert status(host, "p").state is PluginState.FAILED
        assert await handled(host) == "q: q says light"
    finally:
        let_go.set()


async def test_engines_of_all_plugins_are_gathered(make: Callable[..., PluginHost], faults: Faults) -> None:
    def bringing(target: str) -> type:
        class Brings(Plain):
            @hookimpl
            def auricle_engines(self) -> Sequence[EngineSpec]:
                return [EngineSpec("ear", "stt", target)]

        return Brings

    host = make({"b": bringing("b:Ear"), "a": bringing("a:Ear")})
    assert host.engines()["ear"].target == "a:Ear"
    assert ("a", "another plugin brings an engine ear too; the first in order is used") in faults


async def test_sentences_of_a_region_are_those_of_its_language(make: Callable[..., PluginHost]) -> None:
    class Speaks(Plain):
        @hookimpl
        def auricle_sentences(self) -> Mapping[str, Sentences]:
            return {"de": Sentences({"x": ("ja",)}), "de-AT": Sentences({"x": ("jo",)})}

    host = make({"p": Speaks})
    assert host.sentences("de-AT")["p"].intents["x"] == ("jo",)
    assert host.sentences("de-CH")["p"].intents["x"] == ("ja",)
    assert host.sentences("en") == {}


# Calls


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
    let_go = asyncio.Event()

    class Stubborn(Plain):
        @hookimpl
        async def auricle_handle(self, intent: Intent) -> Reply:
            while not let_go.is_set():
                try:
                    await let_go.wait()
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
    cancelled = asyncio.Event()

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


# Lifecycle


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
    let_go = asyncio.Event()
    slow: list[Event] = []
    quick: list[Event] = []
    all_seen = asyncio.Event()

    class Slow(Plain):
        @hookimpl
        async def auricle_event(self, event: Event) -> None:
            await let_go.wait()
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
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if sample % 50 == 49:
            await asyncio.sleep(0.01)
    await asyncio.wait_for(all_seen.wait(), 10)
    assert slow == []
    let_go.set()
    await host.shutdown()
    lost = next(event for event in slow if isinstance(event, Lagged))
    assert lost.count == 300 - (len(slow) - 1)
    assert isinstance(slow[-1], WakeHeard)
    assert slow[-1].sample == 299


async def test_plugin_that_fails_at_every_event_is_told_no_more(
    make: Callable[..., PluginHost], faults: Faults
) -> None:
    class Allergic(Plain):
        @hookimpl
        async def auricle_event(self, event: Event) -> None:
            raise ValueError("an event")

    host = make({"p": Allergic})
    for sample in range(30):
        await host.event(wake(sample))
        await asyncio.sleep(0.005)
    assert len(faults) == 5
    assert faults[-1][1] == "auricle_event raised ValueError: an event; it is told of no more events"
