"""What systemd is told, as a notification socket hears it; and when the watchdog is left to act."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from auricle.app.systemd import Signs, Systemd, in_words, withheld_for, would_hear
from auricle.bus import EventBus
from auricle.model.events import ComponentChanged, Event, MuteSet, StageChanged
from auricle.model.turn import Stage
from auricle.status import Status, reduce

WORDS = ["hey_jarvis"]
STARTING = ComponentChanged(component="start", ok=False, detail="not listening yet")
STARTED = ComponentChanged(component="start", ok=True, detail="")
USB = ComponentChanged(component="microphone", ok=True, detail="USB mic, 16000 Hz")
GONE = ComponentChanged(component="microphone", ok=False, detail="no microphone: USB mic is gone; trying again")


def after(*events: Event) -> Status:
    status = Status()
    for event in events:
        status = reduce(status, event)
    return status


def signs(*, heard_s: float = 0.0, turned_s: float = 0.0, kept_s: float = 0.0, waits: bool = False) -> Signs:
    """Seconds ago, at 1000 s."""
    return Signs(lambda: 1000 - heard_s, lambda: 1000 - turned_s, lambda: 1000 - kept_s, lambda: waits)


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([STARTING], "starting"),
        ([STARTING, USB], "starting"),
        ([STARTED], "degraded: no microphone, retrying (the sound server or driver has not answered yet)"),
        ([USB], "listening for hey jarvis on USB mic"),
        ([USB, GONE], "degraded: no microphone, retrying (USB mic is gone)"),
        ([USB, MuteSet(muted=True)], "muted"),
        ([USB, StageChanged(stage=Stage.THINKING, turn="a")], "in a turn: thinking"),
        ([USB, ComponentChanged(component="broker", ok=False, detail="refused")], "degraded: broker: refused"),
    ],
)
def test_the_state_in_words(events: list[Event], words: str) -> None:
    assert in_words(after(*events), WORDS) == words


def test_several_words_and_files_are_named_as_they_are_spoken() -> None:
    assert in_words(after(USB), ["hey_jarvis", "/etc/auricle/ok_nabu.tflite"]).startswith(
        "listening for hey jarvis or ok nabu on"
    )


def test_a_word_would_be_heard_once_all_has_started_and_the_microphone_sounds() -> None:
    assert not would_hear(after(STARTING, USB))
    assert not would_hear(after(STARTED))
    assert not would_hear(after(STARTED, GONE))
    assert would_hear(after(STARTED, USB))
    assert would_hear(after(STARTED, MuteSet(muted=True)))


@pytest.mark.parametrize(
    ("life", "status", "reason"),
    [
        (signs(), after(USB), ""),
        (signs(heard_s=6), after(USB), "no sound has come from USB mic, 16000 Hz"),
        (signs(heard_s=6), after(USB, MuteSet(muted=True)), ""),
        (signs(heard_s=600), after(USB, GONE), ""),
        (signs(heard_s=600, kept_s=200), after(USB, GONE), "the sound server or driver has not answered for 200 s"),
        (signs(heard_s=100, kept_s=100), after(STARTED), ""),
        (signs(heard_s=130, kept_s=130), after(STARTED), "the sound server or driver has not answered for 130 s"),
        (signs(turned_s=7), after(USB, MuteSet(muted=True)), "the ears have stalled for 7 s"),
        (signs(turned_s=7, heard_s=7, waits=True), after(USB), ""),
    ],
)
def test_pings_stop_when_life_does(life: Signs, status: Status, reason: str) -> None:
    assert withheld_for(life, status, 1000) == reason


class Told:
    """What came on the socket, as assignments in order."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(0)
        self.lines: list[str] = []

    async def until(self, line: str) -> None:
        deadline = time.monotonic() + 10
        while line not in self.lines:
            assert time.monotonic() < deadline, self.lines
            try:
                self.lines += self._socket.recv(4096).decode().splitlines()
            except BlockingIOError:
                await asyncio.sleep(0.01)

    async def later(self, seconds: float) -> list[str]:
        """What comes in the next `seconds`, and not what has come before."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self._socket.recv(4096)
        await asyncio.sleep(seconds)
        lines: list[str] = []
        with contextlib.suppress(BlockingIOError):
            while True:
                lines += self._socket.recv(4096).decode().splitlines()
        return lines

    def close(self) -> None:
        self._socket.close()


@asynccontextmanager
async def running(told_at: Path, life: Signs) -> AsyncIterator[tuple[Told, list[Status], EventBus]]:
    """Systemd's listener over a daemon that is still starting; `publish` by appending a status and telling the bus."""
    told, bus, status = Told(told_at), EventBus(), [after(STARTING)]
    task = asyncio.create_task(Systemd(bus, lambda: status[-1], WORDS).run(life))
    try:
        yield told, status, bus
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        told.close()


@pytest.fixture
def told_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "300000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    return tmp_path / "notify"


async def test_ready_is_told_with_the_first_microphone_and_the_words_follow(told_at: Path) -> None:
    life = Signs(time.monotonic, time.monotonic, time.monotonic, lambda: False)
    async with running(told_at, life) as (told, status, bus):
        for event in (STARTED, GONE):
            status.append(reduce(status[-1], event))
            bus.publish(event)
        await told.until("STATUS=degraded: no microphone, retrying (USB mic is gone)")
        await told.until("EXTEND_TIMEOUT_USEC=30000000")
        assert "READY=1" not in told.lines
        status.append(reduce(status[-1], USB))
        bus.publish(USB)
        await told.until("STATUS=listening for hey jarvis on USB mic")
        assert told.lines[-2:] == ["READY=1", "STATUS=listening for hey jarvis on USB mic"]
        status.append(reduce(status[-1], MuteSet(muted=True)))
        bus.publish(MuteSet(muted=True))
        await told.until("STATUS=muted")


async def test_pings_come_while_there_is_life_and_not_after(told_at: Path, caplog: pytest.LogCaptureFixture) -> None:
    heard = [time.monotonic()]
    life = Signs(lambda: heard[-1], time.monotonic, time.monotonic, lambda: False)
    async with running(told_at, life) as (told, status, _):
        status.append(after(STARTED, USB))
        await told.until("WATCHDOG=1")
        heard.append(time.monotonic() - 60)
        await asyncio.sleep(0.3)
        assert "WATCHDOG=1" not in await told.later(0.5)
        assert "no sound has come from USB mic" in caplog.text
