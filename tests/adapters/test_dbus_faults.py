"""D-Bus on a real bus: what does not fit, floods, outages, the policy of the system bus, which bus it is."""

import asyncio
import contextlib
import grp
import logging
import os
import pwd
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from dbus_fast import Message
from dbus_fast.aio import MessageBus as Caller

from auricle.adapters.dbus import DbusAdapter
from auricle.adapters.dbus_address import choose_bus
from auricle.adapters.dbus_interface import INTERFACE, NAME, PATH, error_name
from auricle.model.errors import ConfigError
from auricle.settings import Dbus, Site
from support.message_bus import SYSTEM, CallFailed, MessageBus, run
from support.scripted_assistant import ScriptedAssistant, transcribed
from support.served_dbus import UNIT_FILES, WAV, Served, call_with_fd, serving

pytestmark = pytest.mark.bus


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert [thread.name for thread in threading.enumerate() if thread.name == "auricle-dbus"] == []


# --- what does not fit


@pytest.mark.parametrize(
    ("method", "words", "error"),
    [
        ("Say", ("", "{}"), "org.auricle.Error.BadRequest: text: "),
        ("Say", ("x", "{'volume': <101>}"), "org.auricle.Error.BadRequest: volume: a whole number from 0 to 100"),
        ("Say", ("x", "{'volum': <1>}"), "org.auricle.Error.BadRequest: volum: no such field; did you mean volume?"),
        ("Say", ("x" * 4097, "{}"), "org.auricle.Error.BadRequest: text: "),
        ("Listen", ("{'id': <'no spaces'>}",), "org.auricle.Error.BadRequest: id: "),
        ("Ask", ("raise", "{}"), "org.auricle.Error.Internal: the request failed (RuntimeError)"),
        ("Nothing", (), "org.freedesktop.DBus.Error.UnknownMethod"),
    ],
)
async def test_a_misfit_is_a_typed_error_and_nothing_happens(
    method: str, words: tuple[str, ...], error: str, message_bus: MessageBus
) -> None:
    async with serving(message_bus) as served:
        typed = [word if not word.startswith("{") else f"@a{{sv}} {word}" for word in words]
        with pytest.raises(CallFailed) as failed:
            await message_bus.gdbus(method, *typed)
        assert error in failed.value.words
        assert served.assistant.said == []
        await message_bus.call("Say", "sa{sv}", "still here", "0")


async def test_wrong_types_and_read_only_properties_are_refused(message_bus: MessageBus) -> None:
    async with serving(message_bus) as served:
        for words, error in [
            (("Say", "s", "x"), r"Say takes \(sa\{sv\}\), not \(s\)"),
            (("Listen", "a{sv}", "1", "say", "ay", "1", "7"), "options: Object of type bytes"),
        ]:
            with pytest.raises(CallFailed, match=error):
                await message_bus.call(*words)
        for name, kind, value in [
            ("Volume", "i", "3"),
            ("Volume", "u", "101"),
            ("State", "s", "x"),
            ("Nope", "s", "x"),
        ]:
            with pytest.raises(CallFailed):
                await message_bus.set(name, kind, value)
        served.assistant.set_muted(True)
        with pytest.raises(CallFailed, match="muted"):
            await message_bus.call("Listen", "a{sv}", "0")
        assert served.assistant.status.volume == 80


async def test_files_are_capped_and_closed_whatever_happens(
    message_bus: MessageBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auricle.adapters.dbus_link._FILE_S", 0.3)
    big = tmp_path / "big.wav"
    with big.open("wb") as file:
        file.write(WAV)
        file.truncate(10 * 1024 * 1024 + 1)
    reader, writer = os.pipe()
    async with serving(message_bus):
        await message_bus.get("State")
        before = os.listdir("/proc/self/fd")
        for fd, error in [
            (os.open(big, os.O_RDONLY), "BadRequest: fd: at most 10485760 bytes"),
            (os.open(tmp_path, os.O_RDONLY), "BadRequest: fd: Is a directory"),
            (os.open("/dev/null", os.O_RDONLY), "BadRequest: audio: a WAV or FLAC file fits"),
            (os.dup(reader), "Timeout: fd: no end within"),
        ]:
            with pytest.raises(CallFailed, match=error):
                await call_with_fd(message_bus, "Transcribe", "ha{sv}", [0, {}], fd)
            os.close(fd)
        with pytest.raises(CallFailed, match="InvalidArgs"):
            await call_with_fd(message_bus, "Say", "h", [0], reader)
        with pytest.raises(CallFailed, match="BadRequest: fd: not open for writing"):
            await call_with_fd(message_bus, "Synthesize", "sha{sv}", ["x", 0, {}], reader)
        async with asyncio.timeout(20):
            while len(os.listdir("/proc/self/fd")) > len(before):
                await asyncio.sleep(0.01)
    os.close(reader)
    os.close(writer)


# --- floods and outages


async def test_a_flood_is_refused_beyond_a_few_and_harms_nobody(message_bus: MessageBus) -> None:
    async with serving(message_bus) as served:
        served.assistant.think.clear()
        caller = await Caller(message_bus.address).connect()
        calls = [
            asyncio.ensure_future(
                caller.call(Message(NAME, PATH, INTERFACE, "Ask", signature="sa{sv}", body=["x", {}]))
            )
            for _ in range(100)
        ]
        await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        assert await message_bus.call("Say", "sa{sv}", "Hello", "1", "id", "s", "me") == ["me"]
        served.assistant.think.set()
        replies = [reply.error_name for reply in await asyncio.gather(*calls)]
        assert replies.count(None) == 8
        assert replies.count("org.auricle.Error.QueueFull") == 92
        assert len(served.assistant.asked) == 8
        caller.disconnect()


async def test_a_caller_that_never_reads_harms_nobody(message_bus: MessageBus) -> None:
    async with serving(message_bus) as served:
        mute = await Caller(message_bus.address).connect()
        silent = mute._sock
        assert silent is not None
        asyncio.get_running_loop().remove_reader(silent)
        for serial in range(10, 5000):
            call = Message(NAME, PATH, "org.freedesktop.DBus.Introspectable", "Introspect", serial=serial)
            with contextlib.suppress(BlockingIOError):
                silent.send(call._marshall(False))
        for number in range(20):
            assert await message_bus.call("Say", "sa{sv}", "Hello", "1", "id", "s", f"n{number}") == [f"n{number}"]
        silent.close()
        if mute._stream is not None:
            mute._stream.close()  # else the socket is not closed for good
        assert served.told[-1].ok


async def test_the_bus_may_go_and_come_back(message_bus: MessageBus, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with serving(message_bus) as served:
        for how in (signal.SIGTERM, signal.SIGKILL):
            message_bus.stop(how)
            await served.until_told(False)
            served.assistant.set_volume(7)
            message_bus.start()
            await message_bus.until_served()
            await served.until_told(True)
        assert await message_bus.get("Volume") == 7
        async with message_bus.monitor() as monitor:
            served.assistant.set_volume(8)
            await monitor.line("'Volume': <uint32 8>")
    lines = [record.message for record in caplog.records if record.message.startswith("D-Bus: ")]
    assert len([line for line in lines if "trying again" in line]) in (2, 3, 4)


async def test_a_name_that_is_taken_is_waited_for(message_bus: MessageBus) -> None:
    async with serving(message_bus):
        second = Served(message_bus, ScriptedAssistant())
        await second.adapter.start()
        await second.until_told(False)
        assert f"another program has the name {NAME}" in second.told[-1].detail
    async with asyncio.timeout(30):
        await message_bus.until_served()
    await second.until_told(True)
    await second.adapter.stop()


# --- the system bus


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="becoming another user needs root")
async def test_the_system_policy_lets_the_group_call_and_others_read(tmp_path: Path) -> None:
    policy = (UNIT_FILES / "org.auricle.Auricle1.conf").read_text()
    rules = policy.partition("<busconfig>")[2].partition("</busconfig>")[0]
    user = pwd.getpwuid(1)
    group = grp.getgrgid(user.pw_gid)
    bus = MessageBus(_open_folder(), [SYSTEM, rules.replace('group="auricle"', f'group="{group.gr_name}"')], "system")
    stranger = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    member = ("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")
    bus.start()
    try:
        async with serving(bus) as served:
            for words in (["Say", "sa{sv}", "x", "0"], ["Stop", "s", ""], ["Reload"], ["Describe"]):
                with pytest.raises(CallFailed, match=r"(?i)access denied|not allowed"):
                    await bus.call(*words, before=stranger)
            assert served.assistant.said == []
            assert await bus.get("Volume", before=stranger) == 80
            assert "Say" in await bus.busctl("introspect", before=stranger)
            with pytest.raises(CallFailed, match=r"(?i)access denied|not allowed"):
                await bus.busctl("set-property", INTERFACE, "Muted", "b", "true", before=stranger)
            assert not served.assistant.status.muted
            async with bus.monitor(before=stranger) as seen, bus.monitor(before=member) as heard:
                for caller in (member, ()):
                    await bus.call("Say", "sa{sv}", "x", "0", before=caller)
                served.assistant.publish(transcribed("t", "a secret"))
                served.assistant.set_volume(3)
                await heard.line(".Transcript", "a secret")
                await seen.line("'Volume': <uint32 3>")
                assert "secret" not in "".join(seen.seen)
            own = ("/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName", "su", NAME, "0")
            with pytest.raises(CallFailed):
                await run(*stranger, "busctl", f"--address={bus.address}", "call", "org.freedesktop.DBus", *own)
    finally:
        bus.stop()
        shutil.rmtree(bus.folder)


def _open_folder() -> Path:
    """One that every user may enter, as pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="auricle-bus-"))
    folder.chmod(0o755)
    return folder


# --- which bus


def test_auto_takes_the_sessions_bus_else_the_systems_else_none(tmp_path: Path) -> None:
    (tmp_path / "bus").touch()
    nowhere = {"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"}
    session = choose_bus("auto", {**nowhere, "XDG_RUNTIME_DIR": str(tmp_path)})
    assert session is not None
    assert (session.kind, session.address) == ("session bus", f"unix:path={tmp_path}/bus")
    named = choose_bus("auto", {**nowhere, "DBUS_SESSION_BUS_ADDRESS": "unix:abstract=/x"})
    assert named is not None
    assert named.address == "unix:abstract=/x"
    system = choose_bus("auto", {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={tmp_path}/bus", "XDG_RUNTIME_DIR": "/nowhere"})
    assert system is not None
    assert system.kind == "system bus"
    assert choose_bus("auto", nowhere) is None
    assert choose_bus("off", {"XDG_RUNTIME_DIR": str(tmp_path)}) is None


async def test_no_bus_is_quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    adapter = DbusAdapter(
        ScriptedAssistant(),
        Dbus(),
        Site(),
        version="1",
        reload=lambda: asyncio.sleep(0),
        on_change=lambda change: pytest.fail(str(change)),
    )
    await adapter.start()
    await adapter.stop()
    assert [record.message for record in caplog.records] == ["D-Bus is off: no bus is configured or found"]


def test_an_address_that_is_none_is_named() -> None:
    with pytest.raises(ConfigError, match='"sesion" is no bus; auto, system, session, off or an address'):
        DbusAdapter(
            ScriptedAssistant(),
            Dbus(bus="sesion"),
            Site(),
            version="1",
            reload=lambda: asyncio.sleep(0),
            on_change=lambda change: None,
        )


def test_codes_become_names() -> None:
    assert error_name("bad_request") == "org.auricle.Error.BadRequest"
    assert error_name("wire_too_large") == "org.auricle.Error.WireTooLarge"
    assert error_name("a plugin's 1") == "org.auricle.Error.APluginS1"
