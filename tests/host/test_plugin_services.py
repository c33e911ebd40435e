"""What plugins get from the running daemon: speech, schedules, topics of their own; and how they are bounded."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta

import pytest
import pytest_asyncio

from auricle.api import (
    Adapter,
    Command,
    Event,
    Intent,
    NotConnected,
    PluginContext,
    PluginError,
    Reply,
    Sentences,
    TimerChanged,
    Turn,
    hookimpl,
)
from auricle.host import PluginHost
from auricle.host.breaker import Breaker
from auricle.host.scheduler import PluginScheduler
from support.plugin_host import (
    LIGHT,
    Answers,
    Faults,
    Plain,
    faults_fixture,  # noqa: F401 -- a fixture
    handled,
    make_fixture,  # noqa: F401 -- a fixture
    status,
)
from support.scripted_assistant import ScriptedAssistant


class Topics:
    """A broker that keeps what it got."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str | bytes]] = []
        self.calls: dict[str, Callable[[bytes], None]] = {}

    async def publish(self, topic: str, payload: str | bytes, qos: int, retain: bool) -> None:
        self.sent.append((topic, payload))

    def subscribe(self, topic: str, call: Callable[[bytes], None], *, whole: bool = False) -> None:
        self.calls[topic] = call


class House:
    def __init__(self) -> None:
        self.assistant = ScriptedAssistant()
        self.topics = Topics()


@pytest.fixture
def house() -> House:
    return House()


@pytest_asyncio.fixture
async def served(make: Callable[..., PluginHost], house: House) -> AsyncIterator[Callable[..., PluginHost]]:
    def serve(plugins: dict[str, type], **wanted: object) -> PluginHost:
        host = make(plugins, **wanted)
        host.attach(house.assistant, house.topics)  # type: ignore[arg-type]
        return host

    yield serve


async def until(fact: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not fact():
            await asyncio.sleep(0.01)


async def test_plugin_speaks_asks_and_publishes_from_its_own_loop(
    served: Callable[..., PluginHost], house: House, faults: Faults
) -> None:
    class Uses(Plain):
        @hookimpl
        async def auricle_handle(self, intent: Intent) -> Reply:
            assistant = self.context.assistant
            spoken = await assistant.say("hello", priority="high", wait=True)
            await assistant.publish("seen", "1")
            await assistant.tell(TimerChanged(id="t", name="", status="started", remaining_s=1))
            answer = await assistant.ask("the lamp")
            return Reply(f"{spoken.status}, {answer.text}, {assistant.volume}")

    host = served({"p": Uses})
    assert await handled(host) == "p: finished, you said the lamp, 80"
    assert [request.text for request in house.assistant.said] == ["hello"]
    assert house.topics.sent == [("plugin/p/seen", "1")]
    assert faults == []


async def test_message_on_its_own_topic_reaches_the_plugin(served: Callable[..., PluginHost], house: House) -> None:
    got: list[tuple[str, bytes]] = []

    class Subscribes(Plain):
        @hookimpl
        async def auricle_startup(self) -> None:
            async def take(topic: str, payload: bytes) -> None:
                got.append((topic, payload))

            await self.context.assistant.subscribe("cup/full", take)

    host = served({"p": Subscribes})
    await host.startup()
    house.topics.calls["plugin/p/cup/full"](b"yes")
    await until(lambda: bool(got))
    assert got == [("cup/full", b"yes")]


async def test_without_the_daemon_a_plugin_is_told_so(make: Callable[..., PluginHost]) -> None:
    class Speaks(Plain):
        @hookimpl
        async def auricle_handle(self, intent: Intent) -> Reply:
            assert not self.context.assistant.running
            with pytest.raises(NotConnected):
                await self.context.assistant.say("hello")
            return Reply("silent")

    assert await handled(make({"p": Speaks})) == "p: silent"


async def test_flood_of_speech_is_refused_and_told(
    served: Callable[..., PluginHost], house: House, faults: Faults
) -> None:
    class Floods(Plain):
        @hookimpl
        async def auricle_handle(self, intent: Intent) -> Reply:
            for number in range(50):
                await self.context.assistant.say(f"number {number}")
            return Reply("done")

    host = served({"p": Floods, "q": Answers})
    assert await handled(host) == "q: q says light"
    assert len(house.assistant.said) == 10
    assert "more than 10 things said within 10 s" in faults[0][1]


async def test_calls_to_come_are_made_and_failing_ones_are_faults(
    served: Callable[..., PluginHost], faults: Faults
) -> None:
    made: list[str] = []

    class Schedules(Plain):
        @hookimpl
        def auricle_startup(self) -> None:
            async def later() -> None:
                made.append("later")

            def broken() -> None:
                raise ValueError("a call")

            self.context.scheduler.after(0.05, later)
            self.context.scheduler.after(0.05, broken)
            self.context.scheduler.at(self.context.now() + timedelta(seconds=0.05), lambda: made.append("at"))
            self.context.scheduler.every(0.03, lambda: made.append("every"))
            self.context.scheduler.after(0.05, lambda: made.append("never")).cancel()

    host = served({"p": Schedules})
    await host.startup()
    await until(lambda: made.count("every") >= 4 and {"at", "later"} <= set(made))
    assert "never" not in made
    assert len(faults) == 1
    assert faults[0][1].endswith("raised ValueError: a call")


async def test_thousand_calls_come_in_time_whatever_the_wall_clock_does() -> None:
    offset = timedelta()
    late_s: list[float] = []

    async def fire(call: Callable[[], object]) -> None:
        call()

    scheduler = PluginScheduler(fire, lambda: datetime.now().astimezone() + offset)  # type: ignore[arg-type]
    task = asyncio.create_task(scheduler.run())
    began = time.monotonic()
    for number in range(1000):
        due = 0.2 + number % 100 / 200
        scheduler.after(due, lambda due=due: late_s.append(time.monotonic() - began - due))
    alarms: list[str] = []
    scheduler.at(datetime.now().astimezone() + timedelta(hours=1, seconds=-0.5), lambda: alarms.append("alarm"))
    await asyncio.sleep(0.3)
    offset = timedelta(hours=-1)
    await until(lambda: len(late_s) == 1000)
    assert min(late_s) > -0.002
    assert sorted(late_s)[990] < 0.1
    assert alarms == []
    offset = timedelta(hours=1)
    await until(lambda: alarms == ["alarm"])
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_adapter_runs_as_long_as_the_daemon(served: Callable[..., PluginHost]) -> None:
    story: list[str] = []

    class Door:
        async def start(self) -> None:
            story.append("open")

        def stop(self) -> None:
            story.append("shut")

    class Brings(Plain):
        @hookimpl
        def auricle_adapters(self) -> list[Adapter]:
            return [Door()]

        @hookimpl
        def auricle_commands(self) -> list[Command]:
            return [Command("knock", "knocks", lambda args: 0)]

    host = served({"p": Brings})
    assert list(host.commands()) == ["knock"]
    await host.startup()
    await host.shutdown()
    assert story == ["open", "shut"]


async def test_plugin_is_ended_and_begun_again_while_the_daemon_runs(served: Callable[..., PluginHost]) -> None:
    story: list[str] = []

    class Lives(Answers):
        @hookimpl
        def auricle_sentences(self) -> dict[str, Sentences]:
            return {"en": Sentences({"light": ("light",)})}

        @hookimpl
        def auricle_startup(self) -> None:
            story.append("up")

        @hookimpl
        def auricle_shutdown(self) -> None:
            story.append("down")

    host = served({"p": Lives, "q": Answers})
    await host.startup()
    await host.disable("p")
    assert (status(host, "p").state, list(host.sentences("en"))) == ("disabled", [])
    assert await handled(host) == "q: q says light"
    await host.enable("p")
    assert (status(host, "p").state, list(host.sentences("en"))) == ("active", ["p"])
    assert await handled(host) == "p: p says light"
    assert story == ["up", "down", "up"]
    with pytest.raises(PluginError, match="no plugin r"):
        await host.enable("r")


async def test_plugin_that_fails_often_is_rested_and_others_answer(
    make: Callable[..., PluginHost], faults: Faults
) -> None:
    calls: list[int] = []

    class Fails(Plain):
        @hookimpl
        def auricle_handle(self, intent: Intent) -> Reply:
            calls.append(1)
            raise RuntimeError("again")

    host = make({"a": Fails, "b": Answers})
    for _ in range(8):
        assert await handled(host) == "b: b says light"
    assert len(calls) == 5
    assert status(host, "a").state == "resting"
    with pytest.raises(PluginError, match="a rests"):
        await rested(make, Fails)


async def rested(make: Callable[..., PluginHost], plugin: type) -> None:
    host = make({"a": plugin})
    for _ in range(5):
        with pytest.raises(PluginError, match="again"):
            await host.handle(LIGHT, Turn())
    await host.handle(Intent("light", plugin="a"), Turn())


def test_rest_is_longer_after_each_failed_trial_and_forgotten_when_well() -> None:
    breaker = Breaker()
    assert [breaker.failed(second) for second in (0, 1, 2, 3, 4)] == [False, False, False, False, True]
    assert (breaker.rests(33.9), breaker.rests(34)) == (True, False)
    assert breaker.failed(34) is True
    assert (breaker.left_s(34), breaker.rests(94)) == (60, False)
    breaker.succeeded(95)
    assert [breaker.failed(second) for second in (100, 200, 300, 400, 500, 600)] == [False] * 6


async def test_coroutine_that_blocks_holds_up_nobody_and_is_told(
    make: Callable[..., PluginHost], faults: Faults
) -> None:
    class Blocks(Plain):
        @hookimpl
        async def auricle_handle(self, intent: Intent) -> Reply:
            time.sleep(1.0)
            return Reply("that took a second")

    host = make({"a": Blocks})
    worst_s = 0.0

    async def watch() -> None:
        nonlocal worst_s
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.01)
            worst_s = max(worst_s, time.monotonic() - began)

    watching = asyncio.create_task(watch())
    assert await handled(host) == "a: that took a second"
    watching.cancel()
    assert worst_s < 0.7
    assert faults[0][1].startswith("auricle_handle blocked its event loop for ")


async def test_leaked_tasks_are_cancelled_and_told(make: Callable[..., PluginHost], faults: Faults) -> None:
    ended: list[int] = []

    class Leaks(Plain):
        @hookimpl
        async def auricle_event(self, event: Event) -> None:
            async def leak() -> None:
                try:
                    await asyncio.sleep(3600)
                finally:
                    ended.append(1)

            self.tasks = [asyncio.create_task(leak()) for _ in range(150)]
            await asyncio.sleep(0.01)

    host = make({"a": Leaks})
    await host.event(TimerChanged(id="t", name="", status="started", remaining_s=1))
    await until(lambda: len(ended) == 150)
    assert "left 150 tasks running, over 100: they were cancelled" in faults[0][1]
    await host.shutdown()
    assert not [thread for thread in threading.enumerate() if thread.name in ("plugin-a", "plugin-a-loop")]


def test_text_is_picked_by_language() -> None:
    context = PluginContext(name="p", language="de-AT")
    assert context.translated({"en": "yes", "de": "ja"}) == "ja"
    assert context.translated({"en": "yes", "de": "ja"}, "en-GB") == "yes"
    assert context.translated({"en": "yes", "de": "ja"}, "nl") == "ja"
    assert context.translated({"fr": "oui"}) == "oui"
