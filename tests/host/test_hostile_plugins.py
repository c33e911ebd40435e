"""A plugin that does its worst, in the daemon or in a process of its own: nobody else notices, its status tells."""

import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping

import psutil
import pytest

from auricle.api import Intent, PluginConfig, PluginContext, Reply, Sentences, hookimpl
from auricle.testing.harness import Harness
from support.rude import rude_installed


class Neighbour:
    """Another plugin, which wants to be left alone."""

    def __init__(self, context: PluginContext, config: PluginConfig) -> None:
        pass

    @hookimpl
    def auricle_sentences(self) -> Mapping[str, Sentences]:
        return {"en": Sentences({"ping": ("ping",)})}

    @hookimpl
    async def auricle_handle(self, intent: Intent) -> Reply | None:
        return Reply("pong") if intent.name == "ping" else None


@pytest.fixture(scope="module", autouse=True)
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The rude package, as pip would install it."""
    with rude_installed(tmp_path_factory.mktemp("site")):
        yield


@pytest.fixture
def apart() -> Iterator[Harness]:
    """The rude plugin in a process of its own, beside a neighbour."""
    from auricle_rude import Rude

    config = {"isolated": True, "greeting": "good day"}
    with Harness(Rude, Neighbour, config=config, timeout_s=2, near_miss=1.0) as harness:
        assert harness.status().state == "active", harness.faults
        yield harness


@pytest.fixture
def within() -> Iterator[Harness]:
    """The rude plugin in the daemon's own process, beside a neighbour."""
    from auricle_rude import Rude

    with Harness(Rude, Neighbour, timeout_s=2, near_miss=1.0) as harness:
        yield harness


WRONG = "Something went wrong with that."


@pytest.mark.parametrize(
    ("deed", "reply", "told"),
    [
        ("raise", WRONG, "auricle_handle raised RuntimeError: rude"),
        ("hang", WRONG, "auricle_handle took longer than 2 s"),
        ("leak", "Leaked.", "left 200 tasks running, over 100: they were cancelled"),
        ("block", "Blocked.", "auricle_handle blocked its event loop for "),
        ("exit", WRONG, "auricle_handle tried to end the daemon (SystemExit: 3)"),
        ("talk nonsense", WRONG, "auricle_handle answered with a dict, not with a Reply or None"),
        ("flood", WRONG, "more than 10 things said within 10 s"),
    ],
)
@pytest.mark.parametrize("where", ["within", "apart"])
def test_nobody_else_notices_and_its_status_says_what_happened(
    request: pytest.FixtureRequest, where: str, deed: str, reply: str, told: str
) -> None:
    house: Harness = request.getfixturevalue(where)
    assert house.say(f"be rude and {deed}") == reply
    house.until(lambda: told in " ".join(house.faults))
    began = time.monotonic()
    assert house.say("ping") == "pong"
    assert time.monotonic() - began < 2
    assert house.status("neighbour").faults == 0
    status = house.status()
    assert status.faults >= 1
    assert told in status.detail or "has not returned yet" in status.detail or deed == "flood"
    if deed == "flood":
        assert len(house.said) == 10


def process_of(house: Harness) -> int:
    return int(house.say("where do you live").text.removeprefix("In process ").removesuffix("."))


def test_isolated_plugin_has_its_settings_and_lives_elsewhere(apart: Harness) -> None:
    assert apart.say("greet me") == "good day"
    assert process_of(apart) in {child.pid for child in psutil.Process().children(recursive=True)}


def test_isolated_plugin_that_crashes_is_started_again(apart: Harness) -> None:
    before = process_of(apart)
    assert apart.say("be rude and crash") == WRONG
    assert "its process was killed by SIGSEGV" in apart.status().detail
    assert apart.say("ping") == "pong"
    apart.until(lambda: apart.say("greet me") == "good day", 20)
    assert process_of(apart) != before


def test_isolated_plugin_that_is_killed_between_calls_is_told_and_started_again(apart: Harness) -> None:
    os.kill(process_of(apart), signal.SIGKILL)
    apart.until(lambda: "its process was killed by SIGKILL" in apart.status().detail)
    apart.until(lambda: apart.say("greet me") == "good day", 20)


def test_isolated_plugin_that_stops_answering_is_ended_and_started_again(apart: Harness) -> None:
    os.kill(process_of(apart), signal.SIGSTOP)
    assert apart.say("greet me") == WRONG
    assert "did not answer handle within 2 s" in apart.status().detail
    apart.until(lambda: apart.say("greet me") == "good day", 20)


def test_process_ends_with_the_harness() -> None:
    from auricle_rude import Rude

    with Harness(Rude, config={"isolated": True}, near_miss=1.0) as house:
        process = psutil.Process(process_of(house))
    process.wait(5)


def test_wrong_keys_of_an_isolated_plugin_are_told() -> None:
    from auricle_rude import Rude

    with Harness(Rude, config={"isolated": True, "greting": "hi"}) as house:
        assert house.status().state == "failed"
        assert "greting" in house.status().detail


def test_missing_interpreter_is_named() -> None:
    from auricle_rude import Rude

    with Harness(Rude, config={"isolated": True, "python": "/no/such/python"}) as house:
        assert "/no/such/python" in house.status().detail
    assert sys.executable
