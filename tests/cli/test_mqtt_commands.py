"""`auricle say --mqtt` and `auricle mqtt watch` on a real Mosquitto, with the adapter at the other end."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from auricle.cli.main import main
from auricle.cli.mqtt_watch import is_taken, summary, value_of
from auricle.model.events import ErrorRaised, WakeHeard
from auricle.model.speech import Priority, SpeechStatus
from support.mosquitto import Mosquitto, free_port
from support.running_mqtt import T, off, running
from support.scripted_assistant import ScriptedAssistant

pytestmark = pytest.mark.broker


@pytest.fixture
def config(tmp_path: Path) -> Callable[[int], str]:
    def write(port: int) -> str:
        path = tmp_path / "config.toml"
        path.write_text(f'[site]\nid = "attic"\n[mqtt]\nhost = "127.0.0.1"\nport = {port}\n')
        return str(path)

    return write


async def test_say_returns_once_the_daemon_has_it(
    mosquitto: Mosquitto, config: Callable[[int], str], capsys: pytest.CaptureFixture[str]
) -> None:
    async with running(mosquitto.port, ScriptedAssistant(at_once=False)) as run:
        options = ["--priority", "high", "--volume", "30", "--speed", "1.5"]
        command = ["--config", config(mosquitto.port), "say", "--mqtt", *options, "dinner"]
        assert await off(main, command) == 0
        (request,) = run.assistant.said
        assert (request.text, request.priority, request.volume, request.speed) == ("dinner", Priority.HIGH, 30, 1.5)
        assert capsys.readouterr().out.split() == [request.id]


async def test_say_waits_for_the_end_and_tells_how_it_was(
    mosquitto: Mosquitto, config: Callable[[int], str], capsys: pytest.CaptureFixture[str]
) -> None:
    async with running(mosquitto.port, ScriptedAssistant(at_once=False)) as run:
        command = ["--config", config(mosquitto.port), "say", "--mqtt", "--wait", "--json", "dinner"]
        saying = asyncio.create_task(off(main, command))
        await run.until(lambda: bool(run.assistant.waiting))
        await asyncio.sleep(0.3)
        assert not saying.done()
        (id,) = run.assistant.waiting
        run.assistant.finish(id, SpeechStatus.FAILED, "the speaker is gone")
        assert await saying == 1
        told = capsys.readouterr()
        assert json.loads(told.out) == {"id": id, "status": "failed", "reason": "the speaker is gone"}
        assert "the speaker is gone" in told.err


async def test_say_tells_a_refusal_in_the_daemons_words(
    mosquitto: Mosquitto, config: Callable[[int], str], capsys: pytest.CaptureFixture[str]
) -> None:
    assistant = ScriptedAssistant()
    assistant.room = 0
    async with running(mosquitto.port, assistant):
        assert await off(main, ["--config", config(mosquitto.port), "say", "--mqtt", "dinner"]) == 1
        assert "requests wait to be said" in capsys.readouterr().err
        assert await off(main, ["--config", config(mosquitto.port), "say", "--mqtt", "--language", "4", "dinner"]) == 1
        assert "language: " in capsys.readouterr().err


async def test_say_knows_a_daemon_and_a_broker_that_are_not_there(
    mosquitto: Mosquitto, config: Callable[[int], str], capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--config", config(mosquitto.port), "say", "--mqtt", "dinner"]
    assert await off(main, command) == 3
    assert "knows no daemon of auricle/attic" in capsys.readouterr().err
    async with running(mosquitto.port):
        pass
    assert await off(main, command) == 3
    assert "is offline" in capsys.readouterr().err
    assert await off(main, ["--config", config(free_port()), "say", "--mqtt", "dinner"]) == 3
    assert "refused the connection" in capsys.readouterr().err


def test_both_need_a_broker_in_the_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "c.toml").write_text("")
    for command in (["say", "--mqtt", "dinner"], ["mqtt", "watch"]):
        assert main(["--config", str(tmp_path / "c.toml"), *command]) == 2
        assert "mqtt.host" in capsys.readouterr().err


@pytest.mark.parametrize("as_json", [True, False])
async def test_watch_shows_what_the_site_takes_and_sends(
    mosquitto: Mosquitto, config: Callable[[int], str], capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    async with running(mosquitto.port) as run:
        command = ["--config", config(mosquitto.port), "mqtt", "watch", "--count", "10", *["--json"] * as_json]
        watching = asyncio.create_task(off(main, command))
        shown = ""
        async with asyncio.timeout(20):
            while f"{T}/voice" not in shown and "voice " not in shown:
                await asyncio.sleep(0.05)
                shown += capsys.readouterr().out
        await off(mosquitto.publish, f"{T}/volume/set", "loud")  # is shown, and one error
        run.assistant.publish(WakeHeard(turn="t", wake_word="hey_jarvis", score=0.97, sample=32_000))
        run.assistant.publish(ErrorRaised(code="x", message="red \x1b[31m alert"))
        assert await watching == 0
        shown += capsys.readouterr().out
    lines = shown.splitlines()
    assert len(lines) == 10
    if as_json:
        found = {message["topic"]: message for message in map(json.loads, lines)}
        assert found[f"{T}/availability"]["payload"] == "online"
        assert (found[f"{T}/state"]["retained"], found[f"{T}/state"]["payload"]["state"]) == (True, "idle")
        assert (found[f"{T}/volume/set"]["direction"], found[f"{T}/volume/set"]["payload"]) == ("in", "loud")
        assert (found[f"{T}/wake"]["direction"], found[f"{T}/wake"]["payload"]["sample"]) == ("out", 32_000)
    else:
        assert "\x1b" not in shown
        assert any("← volume/set" in line and "loud" in line for line in lines)
        assert any("→ wake" in line and "hey_jarvis" in line for line in lines)


@pytest.mark.parametrize(
    ("topic", "taken"),
    [
        ("home/attic/say", True),
        ("home/all/say", True),
        ("home/pool/transcribe", True),
        ("home/pool/members/attic", False),
        ("home/attic/mute/set", True),
        ("home/attic/mute", False),
        ("home/attic/response/say", False),
        ("home/other/ask", True),
        ("home/other/speech", False),
    ],
)
def test_what_is_taken_is_told_from_what_is_sent(topic: str, taken: bool) -> None:
    assert is_taken(topic, "home/attic", "home") is taken


def test_any_payload_can_be_shown() -> None:
    assert value_of(b"RIFF\xff\xfe") == {"bytes": 6}
    assert value_of(b"{cut") == "{cut"
    assert value_of(b"[" * 60_000) == "[" * 60_000
    assert summary("x", "a\x1b[2Jb\n") == "a\\x1b[2Jb\\x0a"
    assert summary("transcript", {"turn": "t", "text": "on", "language": "en"}) == "on  language=en"
    assert len(summary("x", "y" * 1000)) == 160
