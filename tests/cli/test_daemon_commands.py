"""Commands that talk to the running daemon over a real bus: what they do, print and return, and how light they are."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auricle.adapters.dbus import DbusAdapter
from auricle.cli.bus_wire import CALL, Message, decode, encode, size, split
from auricle.cli.status import lines
from auricle.model.events import ComponentChanged, IntentHandled, TurnEnded
from auricle.model.turn import Outcome
from auricle.settings import Dbus, Site
from support.message_bus import MessageBus
from support.scripted_assistant import ScriptedAssistant, transcribed

pytestmark = pytest.mark.bus


@dataclass
class Done:
    status: int
    out: str
    err: str


async def auricle(*words: str, bus: MessageBus | None, before: Sequence[str] = ()) -> Done:
    import os

    env = {name: value for name, value in os.environ.items() if not name.startswith("AURICLE")}
    env |= {"AURICLE__DBUS__BUS": bus.address} if bus is not None else {}
    process = await asyncio.create_subprocess_exec(
        *(before or (sys.executable, "-m", "auricle")),
        *words,
        env=env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    return Done(process.returncode or 0, out.decode(), err.decode())


@asynccontextmanager
async def house(bus: MessageBus, assistant: ScriptedAssistant | None = None) -> AsyncIterator[ScriptedAssistant]:
    assistant = assistant or ScriptedAssistant()
    assistant.description = {
        "version": "1.2.3",
        "site": "kitchen",
        "voices": ["amy"],
        "wake_words": ["hey_jarvis"],
        "engines": [{"name": "piper", "kind": "tts", "state": "running", "detail": ""}],
        "plugins": [
            {"name": "clock", "state": "active", "detail": ""},
            {"name": "radio", "state": "failed", "detail": "no module named tuner"},
        ],
    }

    async def reload() -> None: ...

    adapter = DbusAdapter(
        assistant,
        Dbus(bus=bus.address),
        Site(id="kitchen"),
        version="1.2.3",
        reload=reload,
        on_change=lambda change: None,
    )
    await adapter.start()
    try:
        await bus.until_served()
        yield assistant
    finally:
        await adapter.stop()


async def test_say_speaks_with_its_options(message_bus: MessageBus) -> None:
    async with house(message_bus) as assistant:
        options = "--voice joe --language de --priority high --speed 1.5 --pitch -2 --volume 30"
        done = await auricle("say", "Guten Tag", *options.split(), bus=message_bus)
        refused = await auricle("say", "x", "--language", "4", bus=message_bus)
        never_asked = await auricle("say", "x", "--volume", "300", bus=message_bus)
    [said] = assistant.said
    assert (done.status, done.out.strip()) == (0, said.id)
    assert (said.text, said.voice, said.language, said.priority.name) == ("Guten Tag", "joe", "de", "HIGH")
    assert (said.speed, said.pitch, said.volume) == (1.5, -2.0, 30)
    assert refused.status == 1
    assert "language: " in refused.err
    assert (never_asked.status, "argument --volume: 300: 0 to 100 fit" in never_asked.err) == (2, True)


@pytest.mark.parametrize(("end", "status"), [("finished", 0), ("cancelled", 1)])
async def test_say_waits_for_the_end(end: str, status: int, message_bus: MessageBus) -> None:
    async with house(message_bus, ScriptedAssistant(at_once=False)) as assistant:
        saying = asyncio.create_task(auricle("say", "--wait", "--json", "Hello", bus=message_bus))
        async with asyncio.timeout(60):
            while not assistant.waiting:
                await asyncio.sleep(0.01)
        assert not saying.done()
        if end == "finished":
            assistant.finish(next(iter(assistant.waiting)))
        else:
            await assistant.stop()
        done = await saying
    assert (done.status, json.loads(done.out)["status"]) == (status, end)


async def test_ask_goes_through_the_daemon_when_there_is_one(message_bus: MessageBus) -> None:
    async with house(message_bus) as assistant:
        done = await auricle("ask", "--json", "--speak", "lights on", bus=message_bus)
    assert assistant.asked == [("lights on", None, True)]
    told = json.loads(done.out)
    assert (told["intent"], told["slots"], told["reply"]) == ("TurnOn", {"lamp": "desk"}, "you said lights on")


async def test_listen_prints_the_transcript(message_bus: MessageBus) -> None:
    async with house(message_bus) as assistant:
        done = await auricle("listen", "--say", "Which room?", bus=message_bus)
        assert (done.status, done.out, assistant.prompts) == (0, "turn on the light\n", ["Which room?"])
        assistant.hears = ""
        done = await auricle("listen", bus=message_bus)
        assert (done.status, done.out) == (1, "")
        assert "no words were heard (nothing_heard)" in done.err
        assistant.set_muted(True)
        done = await auricle("listen", bus=message_bus)
        assert done.status == 1
        assert "muted" in done.err


async def test_stop_mute_and_volume(message_bus: MessageBus) -> None:
    async with house(message_bus) as assistant:
        for words in ("stop", "stop one", "mute on", "volume 35"):
            assert (await auricle(*words.split(), bus=message_bus)).status == 0
        assert assistant.stopped == [None, "one"]
        assert (assistant.status.muted, assistant.status.volume) == (True, 35)
        assert (await auricle("mute", bus=message_bus)).out == "on\n"
        assert (await auricle("volume", bus=message_bus)).out == "35\n"
        assert json.loads((await auricle("mute", "--json", bus=message_bus)).out) == {"muted": True}
        assert json.loads((await auricle("volume", "--json", "40", bus=message_bus)).out) == {"volume": 40}
        for words in ("volume 101", "mute maybe"):
            assert (await auricle(*words.split(), bus=message_bus)).status == 2


async def test_status_tells_all_at_a_glance(message_bus: MessageBus) -> None:
    async with house(message_bus) as assistant:
        for part, ok, detail in (
            ("microphone", True, "USB mic, 48 kHz"),
            ("broker", False, "broker.lan: refused; trying again"),
        ):
            assistant.publish(ComponentChanged(component=part, ok=ok, detail=detail, essential=False))
        assistant.publish(transcribed("t", "what time is it"))
        assistant.publish(
            IntentHandled(turn="t", name="time", slots={}, text="x", handled_by="clock", reply="Half past two.")
        )
        assistant.publish(TurnEnded(turn="t", outcome=Outcome.ANSWERED))
        await message_bus.until_served()
        told = (await auricle("status", bus=message_bus)).out
        as_json = json.loads((await auricle("status", "--json", bus=message_bus)).out)
        assistant.set_muted(True)
        assert (await auricle("status", bus=message_bus)).out.startswith("not listening: muted")
    shown = told.splitlines()
    assert shown[0] == "listening for hey jarvis"
    assert "  microphone  USB mic, 48 kHz" in shown
    assert "  engine      piper (tts) running" in shown
    assert "  broker      NOT WELL: broker.lan: refused; trying again" in shown
    assert any('"what time is it" → "Half past two." (answered)' in line for line in shown)
    assert any("transcript 310 ms, intent" in line for line in shown)
    assert shown[-2:] == ["plugins in trouble", "  radio: failed: no module named tuner"]
    assert as_json["turns"][0]["stages_ms"]["transcript"] == 310.5


def test_the_headline_says_why_it_does_not_listen() -> None:
    told = {"site": "a", "version": "1", "bus": "session bus", "wake_words": []}
    faulty = {**told, "state": "degraded", "detail": "microphone: no microphone"}
    assert next(lines(faulty)) == "degraded: microphone: no microphone"
    assert next(lines({**told, "state": "speaking"})) == "in a turn: speaking"
    assert next(lines({**told, "state": "idle"})) == "listening when asked to: no wake word is configured"


@pytest.mark.parametrize("words", ["status", "say x", "listen", "stop", "mute on", "volume"])
async def test_without_a_daemon_it_says_what_to_type_and_3(words: str, message_bus: MessageBus) -> None:
    for bus in (message_bus, None):
        done = await auricle(*words.split(), bus=bus)
        assert (done.status, done.out) == (3, "")
        assert done.err.startswith("auricle: no daemon is running")
        assert "type: " in done.err


async def test_the_configuration_names_the_bus(message_bus: MessageBus, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    async with house(message_bus):
        config.write_text(f'[dbus]\nbus = "{message_bus.address}"\n')
        assert (await auricle("--config", str(config), "volume", bus=None)).out == "80\n"
        config.write_text("[dbus]\nbus = 3\n")
        wrong = await auricle("--config", str(config), "volume", bus=None)
        assert wrong.status == 2
        assert f"{config}:2: dbus.bus" in wrong.err
        assert (await auricle("--config", f"{config}x", "volume", bus=None)).status == 2


async def test_status_imports_nothing_heavy(message_bus: MessageBus) -> None:
    code = "import sys; from auricle.cli.main import main; main(['status']); print(*sys.modules, file=sys.stderr)"
    async with house(message_bus):
        done = await auricle(bus=message_bus, before=(sys.executable, "-c", code))
    loaded = {name.partition(".")[0] for name in done.err.split()}
    assert "auricle" in loaded
    assert not loaded & {
        "dataclasses",
        "typing",
        "shutil",
        "asyncio",
        "msgspec",
        "numpy",
        "paho",
        "pluggy",
        "rich",
        "wyoming",
        "dbus_fast",
        "sounddevice",
    }
    assert "auricle.config" not in done.err.split()
    assert done.out.startswith("listening for hey jarvis")


async def test_help_and_status_are_done_soon(message_bus: MessageBus) -> None:
    """CPU time of the whole process, which a busy machine does not lengthen as it does the clock."""
    code = "import os, sys; from auricle.cli.main import main; main(sys.argv[1:])"
    code += "; print(sum(os.times()[:2]), file=sys.stderr)"
    async with house(message_bus):
        for words, limit_s in ((["--help"], 0.15), (["status"], 0.2)):
            done = [await auricle(*words, bus=message_bus, before=(sys.executable, "-c", code)) for _ in range(4)]
            assert min(float(one.err.split()[-1]) for one in done) < limit_s


# --- the bytes


@settings(max_examples=60, deadline=None)
@given(
    st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=50),
    st.dictionaries(
        st.text(alphabet="abc_", min_size=1, max_size=8),
        st.one_of(st.booleans(), st.integers(-(2**31), 2**31 - 1), st.floats(allow_nan=False), st.text("ab")),
        max_size=5,
    ),
)
def test_what_is_written_is_what_a_library_reads(text: str, options: dict[str, object]) -> None:
    import io

    from dbus_fast import unpack_variants
    from dbus_fast._private.unmarshaller import Unmarshaller

    data = encode(Message(CALL, 7, "/a", "b.c", "D", "e.f", "sa{sv}", [text, options]))
    read = Unmarshaller(io.BytesIO(data)).unmarshall()
    assert read is not None
    assert unpack_variants(read.body) == [text, options]
    assert size(data[:16]) == len(data)
    again = decode(data)
    assert (again.serial, again.path, again.member, again.body) == (7, "/a", "D", [text, options])


def test_signatures_are_split() -> None:
    assert split("sa{sv}(is)aasav") == ["s", "a{sv}", "(is)", "aas", "av"]


async def test_plugins_are_begun_ended_and_reloaded(message_bus: MessageBus) -> None:
    async with house(message_bus) as assistant:
        for action in ("disable", "enable", "reload"):
            done = await auricle("plugins", action, "clock", bus=message_bus)
            assert (done.status, done.out) == (0, f"clock is {action.removesuffix('e')}ed\n")
        assert assistant.plugins == [("clock", False), ("clock", True), ("clock", None)]
        done = await auricle("plugins", "enable", "clokc", bus=message_bus)
        assert done.status == 1
        assert "did you mean clock?" in done.err
