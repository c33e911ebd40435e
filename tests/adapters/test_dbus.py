"""D-Bus on a real bus: every method, property and signal as busctl and gdbus see them."""

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from auricle.adapters.dbus_interface import INTERFACE, NAME, PATH, XML, parent_xml
from auricle.model.errors import ConfigError
from auricle.model.events import (
    ComponentChanged,
    IntentHandled,
    PartialHeard,
    TurnEnded,
    WakeHeard,
)
from auricle.model.speech import Priority
from auricle.model.turn import Outcome
from support.golden import Golden
from support.message_bus import CallFailed, MessageBus, run
from support.scripted_assistant import ScriptedAssistant, transcribed
from support.served_dbus import UNIT_FILES, WAV, call_with_fd, serving

pytestmark = pytest.mark.bus


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert [thread.name for thread in threading.enumerate() if thread.name == "auricle-dbus"] == []


# --- what is served


async def test_what_is_served_is_the_installed_description(message_bus: MessageBus, golden: Golden) -> None:
    golden(UNIT_FILES / "org.auricle.Auricle1.xml", XML)
    async with serving(message_bus):
        options = ("--address", message_bus.address, "--dest", NAME, "--object-path", PATH, "--xml")
        assert (await run("gdbus", "introspect", *options)).strip() == XML.strip()
        shown = await message_bus.busctl("introspect", INTERFACE)
        tree = await run("busctl", f"--address={message_bus.address}", "tree", "--list", NAME)
    rows = {line.split()[0]: line.split()[1:4] for line in shown.splitlines()[1:]}
    assert rows[".Say"] == ["method", "sa{sv}", "s"]
    assert rows[".Transcribe"] == ["method", "ha{sv}", "a{sv}"]
    assert rows[".Volume"] == ["property", "u", "80"]
    assert rows[".WakeHeard"] == ["signal", "ssd", "-"]
    assert PATH in tree.split()


def test_the_way_to_the_object_can_be_browsed() -> None:
    assert [parent_xml(path) for path in ("/", "/org", "/org/auricle")] == [
        f'<node>\n  <node name="{name}"/>\n</node>\n' for name in ("org", "auricle", "Auricle1")
    ]
    assert [parent_xml(path) for path in (PATH, "/or", "/other", f"{PATH}/x")] == [None] * 4


# --- methods


async def test_say_is_accepted_with_every_option(message_bus: MessageBus) -> None:
    async with serving(message_bus) as served:
        [id] = await message_bus.call("Say", "sa{sv}", "Dinner is ready.", "0")
        options = "6 id s x1 priority s alarm speed d 1.5 pitch i -2 volume y 30 interrupt b true".split()
        [named] = await message_bus.call("Say", "sa{sv}", "Fire!", *options)
        said = await message_bus.gdbus("Say", "Hello", "{'voice': <'amy'>, 'expires_s': <30>}")
    first, second, third = served.assistant.said
    assert (first.text, first.id) == ("Dinner is ready.", id)
    assert named == "x1"
    assert (second.priority, second.speed, second.pitch) == (Priority.ALARM, 1.5, -2)
    assert (second.volume, second.interrupt) == (30, True)
    assert (third.voice, third.expires_s) == ("amy", 30)
    assert said.strip() == f"('{third.id}',)"


async def test_ask_listen_stop_reload_and_describe(message_bus: MessageBus) -> None:
    async with serving(message_bus, ScriptedAssistant(at_once=False)) as served:
        [reply] = await message_bus.call("Ask", "sa{sv}", "lights on", "2", "id", "s", "q", "speak", "b", "true")
        assert reply == {
            "id": "q",
            "intent": "TurnOn",
            "slots": {"lamp": "desk"},
            "reply": "you said lights on",
            "handled_by": "commands",
        }
        assert await message_bus.call("Listen", "a{sv}", "2", "id", "s", "t1", "say", "s", "Which room?") == ["t1"]
        assert served.assistant.prompts == ["Which room?"]
        await message_bus.call("Say", "sa{sv}", "one", "1", "id", "s", "one")
        await message_bus.call("Stop", "s", "one")
        await message_bus.call("Stop", "s", "")
        assert served.assistant.stopped == ["one", None]
        await message_bus.call("Reload")
        assert served.reloads == 1
        served.wrong = ConfigError("config.toml: 1 problem: x")
        with pytest.raises(CallFailed, match=r"config\.toml: 1 problem: x"):
            await message_bus.call("Reload")
        [described] = await message_bus.call("Describe")
    told = json.loads(described)
    assert (told["version"], told["state"], told["volume"]) == ("1.2.3", "idle", 80)
    assert [turn["turn"] for turn in told["turns"]] == ["t1"]
    assert told["turns"][0]["text"] == "turn on the light"


async def test_a_recording_becomes_a_transcript_and_text_a_file(message_bus: MessageBus, tmp_path: Path) -> None:
    """gdbus hands on descriptors of its own by number."""
    sound, made = tmp_path / "in.wav", tmp_path / "out.wav"
    sound.write_bytes(WAV)
    async with serving(message_bus):
        with sound.open("rb") as file:
            said = await call_with_fd(message_bus, "Transcribe", "ha{sv}", [0, {}], file.fileno())
        assert (said["text"].value, said["language"].value, said["audio_s"].value) == ("turn on the light", "en", 1.5)
        with made.open("wb") as file:
            await call_with_fd(message_bus, "Synthesize", "sha{sv}", ["Hello", 0, {}], file.fileno())
        assert made.read_bytes() == b"RIFFHello"
        reader, writer = os.pipe()
        await call_with_fd(message_bus, "Synthesize", "sha{sv}", ["To a pipe", 0, {}], writer)
        assert os.get_blocking(writer)
        os.close(writer)
        assert os.read(reader, 100) == b"RIFFTo a pipe"
        os.close(reader)


async def test_gdbus_hands_over_files_too(message_bus: MessageBus, tmp_path: Path) -> None:
    sound, made = tmp_path / "in.wav", tmp_path / "out.wav"
    sound.write_bytes(WAV)
    shell = ("sh", "-c", f'exec "$@" 3<{sound} 4>{made}', "sh")
    async with serving(message_bus):
        said = await message_bus.gdbus("Transcribe", "3", "@a{sv} {}", before=shell)
        assert "'text': <'turn on the light'>" in said
        assert await message_bus.gdbus("Synthesize", "Hello", "4", "@a{sv} {}", before=shell) == "()\n"
    assert made.read_bytes() == b"RIFFHello"


# --- properties and signals


async def test_properties_are_views_and_tell_when_they_change(message_bus: MessageBus) -> None:
    assistant = ScriptedAssistant()
    assistant.description["wake_words"] = ["hey_jarvis"]
    async with serving(message_bus, assistant), message_bus.monitor() as monitor:
        names = ("State", "Muted", "Volume", "Voice", "Voices", "WakeWords", "Site", "Version")
        assert [await message_bus.get(name) for name in names] == [
            "idle", False, 80, "amy", ["amy"], ["hey_jarvis"], "kitchen", "1.2.3",
        ]  # fmt: skip
        await message_bus.set("Muted", "b", "true")
        assert (await message_bus.get("Muted"), await message_bus.get("State")) == (True, "muted")
        assert "'State': <'muted'>" in await monitor.line("PropertiesChanged", "'Muted': <true>")
        await message_bus.set("Volume", "u", "35")
        await monitor.line("PropertiesChanged", "'Volume': <uint32 35>")
        await message_bus.set("Voice", "s", "joe")
        await monitor.line("PropertiesChanged", "'Voice': <'joe'>")
        assert (assistant.status.volume, assistant.status.voice) == (35, "joe")
        assistant.description["voices"] = ["amy", "joe"]
        assistant.publish(ComponentChanged(component="tts", ok=True, detail="piper"))
        await monitor.line("PropertiesChanged", "'Voices': <['amy', 'joe']>")


async def test_every_signal_is_seen(message_bus: MessageBus) -> None:
    async with serving(message_bus) as served, message_bus.monitor() as monitor:
        publish = served.assistant.publish
        publish(WakeHeard(turn="t", wake_word="hey_jarvis", score=0.97, sample=16_000))
        assert "('t', 'hey_jarvis', 0.9" in await monitor.line(".WakeHeard")
        publish(PartialHeard(turn="t", text="turn on"))
        assert "('t', 'turn on')" in await monitor.line(".Partial")
        publish(transcribed("t", "turn on the light"))
        heard = await monitor.line(".Transcript")
        for part in ("('t', 'turn on the light', {", "'last_sample': <int64 40000>", "'latency_ms': <310.5>"):
            assert part in heard
        slots = {"lamp": "desk", "level": 3, "at": None, "odd": object, "rooms": ["a", "b"], "pair": (1, 2.5)}
        publish(IntentHandled(turn="t", name="TurnOn", slots=slots, text="x", handled_by="commands", reply="Done."))
        intent = await monitor.line(".Intent")
        for part in (
            "'TurnOn'",
            "'lamp': <'desk'>",
            "'level': <int64 3>",
            "'rooms': <['a', 'b']>",
            "'reply': <'Done.'>",
        ):
            assert part in intent
        await message_bus.call("Say", "sa{sv}", "Hello", "1", "id", "s", "h")
        assert "('h', 'queued')" in await monitor.line(".SpeechChanged")
        assert "('h', 'finished')" in await monitor.line(".SpeechChanged")
        publish(TurnEnded(turn="t", outcome=Outcome.ANSWERED))
        assert "('t', 'answered')" in await monitor.line(".TurnEnded")
