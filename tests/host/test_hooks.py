"""Each hook does what the guide says of it; one test a hook, named after it."""

from collections.abc import Mapping, Sequence

from auricle.api import (
    Adapter,
    Command,
    EngineSpec,
    Event,
    Intent,
    PluginConfig,
    PluginContext,
    Reply,
    Sentences,
    StopAsked,
    Transcript,
    Turn,
    hookimpl,
)
from auricle.testing import Harness

STORY: list[str] = []


class Door:
    def start(self) -> None:
        STORY.append("adapter started")

    async def stop(self) -> None:
        STORY.append("adapter stopped")


class Every:
    """Has every hook."""

    def __init__(self, context: PluginContext, config: PluginConfig) -> None:
        self.context = context

    @hookimpl
    def auricle_engines(self) -> Sequence[EngineSpec]:
        return [EngineSpec("echo", "tts", "nowhere:Echo")]

    @hookimpl
    def auricle_sentences(self) -> Mapping[str, Sentences]:
        return {"en": Sentences({"knock": ("knock knock",)})}

    @hookimpl
    def auricle_adapters(self) -> Sequence[Adapter]:
        return [Door()]

    @hookimpl
    def auricle_commands(self) -> Sequence[Command]:
        return [Command("knock", "knocks at the door", lambda args: 0)]

    @hookimpl
    async def auricle_startup(self) -> None:
        STORY.append("startup")

    @hookimpl
    async def auricle_recognize(self, transcript: Transcript, turn: Turn) -> Intent | None:
        return Intent("bell") if "ring" in transcript.text else None

    @hookimpl
    async def auricle_handle(self, intent: Intent, turn: Turn) -> Reply | None:
        return Reply(f"Who is there at the {intent.name}?")

    @hookimpl
    async def auricle_event(self, event: Event) -> None:
        STORY.append(type(event).__name__)

    @hookimpl
    async def auricle_shutdown(self) -> None:
        STORY.append("shutdown")


def house() -> Harness:
    STORY.clear()
    return Harness(Every, near_miss=1.0)


def test_auricle_engines() -> None:
    with house() as harness:
        assert list(harness.host.engines()) == ["echo"]


def test_auricle_sentences() -> None:
    with house() as harness:
        assert harness.say("Knock, knock!").intent == "knock"


def test_auricle_adapters() -> None:
    with house():
        assert STORY == ["startup", "adapter started"]
    assert STORY[-2:] == ["adapter stopped", "shutdown"]


def test_auricle_commands() -> None:
    with house() as harness:
        assert list(harness.host.commands()) == ["knock"]


def test_auricle_startup() -> None:
    with house():
        assert STORY[0] == "startup"


def test_auricle_recognize() -> None:
    with house() as harness:
        assert harness.say("somebody rings").intent == "bell"
        assert harness.say("nobody is there").intent is None


def test_auricle_handle() -> None:
    with house() as harness:
        assert harness.say("knock knock") == "Who is there at the knock?"


def test_auricle_event() -> None:
    with house() as harness:
        harness.tell(StopAsked())
        harness.until(lambda: "StopAsked" in STORY)


def test_auricle_shutdown() -> None:
    with house():
        assert "shutdown" not in STORY
    assert STORY[-1] == "shutdown"
