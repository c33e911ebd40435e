"""The system unit, as `auricle service install` puts it in place, under a real systemd and its full hardening."""

import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile

from support.systemd import SHARED, Machine
from support.voice import STEADY_ENV

pytestmark = [pytest.mark.systemd, pytest.mark.models]

Speak = Callable[..., "np.ndarray"]
UNIT = "auricle.service"
CONFIG = f"""
[site]
id = "attic"
[audio.input]
device = "file:{SHARED}/house.wav"
pace = "real"
[audio.output]
device = "null"
[listen]
chime = false
silence_s = 0.4
"""
HEARD = re.compile(r"turn (\S+) \(hey_jarvis\) answered")
FIRST_S, EVERY_S, TIMES = 3.0, 9.0, 60
WATCHDOG_S = 10.0


def quiet(seconds: float) -> "np.ndarray":
    return np.random.default_rng(1).integers(-3, 4, int(seconds * 16_000)).astype(np.int16)


def house(machine: Machine, speak: Speak) -> None:
    """Somebody asks for the time, again and again."""
    asked = speak("hey jarvis, what time is it?")
    pause = quiet(EVERY_S - len(asked) / 16_000)
    soundfile.write(machine.folder / "house.wav", np.concatenate([quiet(FIRST_S), *[asked, pause] * TIMES]), 16_000)


def install(machine: Machine, config: str = CONFIG, drop_in: str = "") -> None:
    """What a user types, and the configuration."""
    machine.run(sys.executable, "-m", "auricle", "service", "install")
    configure(machine, config)
    steady = "".join(f"Environment={name}={text}\n" for name, text in STEADY_ENV.items())
    (machine.folder / "test.conf").write_text(f"[Service]\n{steady}Environment=OMP_NUM_THREADS=1\n{drop_in}")
    machine.run("install", "-D", "-m", "644", f"{SHARED}/test.conf", f"/etc/systemd/system/{UNIT}.d/test.conf")
    machine.run("systemctl", "daemon-reload")


def configure(machine: Machine, config: str) -> None:
    (machine.folder / "config.toml").write_text(config)
    machine.run("install", "-m", "640", "-g", "auricle", f"{SHARED}/config.toml", "/etc/auricle/config.toml")


def pid(machine: Machine) -> int:
    return int(machine.show(UNIT, "MainPID").get("MainPID", "0"))


def restarts(machine: Machine) -> int:
    return int(machine.show(UNIT, "NRestarts").get("NRestarts", "0"))


def listens(machine: Machine) -> bool:
    shown = machine.show(UNIT, "ActiveState", "StatusText", "MainPID")
    return shown.get("ActiveState") == "active" and shown.get("StatusText", "").startswith("listening for hey jarvis")


@pytest.fixture
def den(machine: Machine, speak: Speak) -> Machine:
    """The unit, started; it ends with the machine."""
    house(machine, speak)
    install(machine)
    return machine


@contextmanager
def feeding(fifo: Path) -> Iterator[threading.Event]:
    """Quiet flows into a FIFO at the pace of speech while the event is set; whoever reads it may come and go."""
    flows, over = threading.Event(), threading.Event()
    flows.set()
    pipe = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    piece = quiet(0.1).tobytes()

    def feed() -> None:
        while not over.wait(0.1):
            if flows.is_set():
                with suppress(BlockingIOError):
                    os.write(pipe, piece)

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        yield flows
    finally:
        over.set()
        thread.join()
        os.close(pipe)


def heard(machine: Machine) -> int:
    return len(HEARD.findall(machine.journal(f"--unit={UNIT}")))


@pytest.mark.timeout(300)
def test_the_unit_is_active_when_it_listens_and_hears_under_full_hardening(den: Machine) -> None:
    den.run("systemctl", "start", "--no-block", UNIT)
    states: list[tuple[str, str]] = []

    def active() -> bool:
        shown = den.show(UNIT, "ActiveState", "StatusText")
        states.append((shown["ActiveState"], shown["StatusText"]))
        return shown["ActiveState"] != "activating"

    den.until("active", active)
    assert ("activating", "starting") in states
    assert states[-1][0] == "active"
    assert states[-1][1].startswith("listening for hey jarvis on ")
    journal = den.journal(f"--unit={UNIT}")
    assert "listening for hey_jarvis" in journal
    den.until("a turn", lambda: heard(den) >= 1)
    turn = HEARD.search(den.journal(f"--unit={UNIT}")).group(1)  # type: ignore[union-attr]
    of_turn = den.run("journalctl", "--output=json", f"AURICLE_TURN={turn}")
    assert "answered" in of_turn
    assert '"AURICLE_SITE":"attic"' in of_turn
    assert "what time is it" not in den.journal(f"--unit={UNIT}").lower()
    groups = den.run("grep", "Groups:", f"/proc/{pid(den)}/status")
    assert den.run("getent", "group", "audio").split(":")[2] in groups.split()

    workers = den.processes(UNIT)
    assert len(workers) >= 3, workers
    den.run("kill", "-KILL", str(pid(den)))
    back_s = den.until("listening again", lambda: restarts(den) == 1 and listens(den))
    assert not set(workers) & set(den.processes(UNIT))
    print(f"killed: listening again after {back_s:.1f} s")
    before_turns = heard(den)
    den.until("another turn", lambda: heard(den) > before_turns)

    den.run("kill", "-STOP", str(pid(den)))
    stopped_s = den.until("the watchdog", lambda: restarts(den) == 2 and listens(den))
    print(f"stopped: listening again after {stopped_s:.1f} s")
    assert "watchdog" in den.journal(f"--unit={UNIT}").lower()

    kept = pid(den)
    wrong = CONFIG.replace("silence_s = 0.4", "silence_s = 0.9") + "[wake]\nwords = [{ model = 'hey_nobody' }]\n"
    for text, words in ((wrong, "hey_nobody"), (CONFIG + "[tts]\nspeeed = 2\n", "speeed")):
        configure(den, text)
        den.run("systemctl", "reload", UNIT)
        den.until(words, lambda words=words: words in den.journal(f"--unit={UNIT}"))  # type: ignore[misc]
    journal = den.journal(f"--unit={UNIT}")
    assert journal.count("not reloaded, the old settings stay") == 2
    assert "reloaded /etc" not in journal
    before_turns = heard(den)
    den.until("a turn after a wrong reload", lambda: heard(den) > before_turns)
    configure(den, CONFIG.replace("silence_s = 0.4", "silence_s = 0.5"))
    den.run("systemctl", "reload", UNIT)
    den.until(
        "reloaded", lambda: "reloaded /etc/auricle/config.toml: listen.silence_s" in den.journal(f"--unit={UNIT}")
    )
    assert (pid(den), den.state(UNIT)) == (kept, "active")

    last = den.processes(UNIT)
    began = time.monotonic()
    den.run("systemctl", "stop", UNIT)
    print(f"stop: {time.monotonic() - began:.1f} s")
    assert den.state(UNIT) == "inactive"
    assert den.show(UNIT, "Result") == {"Result": "success"}
    alive = den.run("ps", "-e", "-o", "pid=").split()
    assert not {str(number) for number in last} & set(alive)


@pytest.mark.timeout(300)
def test_sound_that_stops_coming_ends_in_a_new_start_and_the_journal_says_why(machine: Machine) -> None:
    fifo = machine.folder / "sound.fifo"
    os.mkfifo(fifo, 0o644)
    with feeding(fifo) as flows:
        config = CONFIG.replace(f'"file:{SHARED}/house.wav"', '"-"')
        install(machine, config, f"StandardInput=file:{SHARED}/sound.fifo\n")
        machine.run("systemctl", "start", UNIT)
        time.sleep(WATCHDOG_S + 3)
        assert restarts(machine) == 0, machine.story()
        flows.clear()
        machine.until("the watchdog", lambda: restarts(machine) >= 1)
        flows.set()
        machine.until("listening again", lambda: listens(machine))
    journal = machine.journal(f"--unit={UNIT}")
    assert "no sound has come from standard input" in journal
    assert "Watchdog timeout" in journal
    assert "in _hear_block" in journal or "Current thread" in journal


@pytest.mark.timeout(300)
def test_a_wrong_configuration_is_told_once_and_not_tried_again(machine: Machine) -> None:
    install(machine, CONFIG + "[wake]\nwordz = 1\n")
    machine.run("systemctl", "start", UNIT, check=False)
    machine.until("failed", lambda: machine.state(UNIT) == "failed")
    time.sleep(2)
    assert restarts(machine) == 0
    assert "wordz" in machine.journal(f"--unit={UNIT}")


@pytest.mark.long
@pytest.mark.timeout(300)
def test_without_a_microphone_the_unit_waits_a_while_and_is_then_active_and_says_so(machine: Machine) -> None:
    install(machine, '[audio.output]\ndevice = "null"\n')
    machine.run("systemctl", "start", "--no-block", UNIT)
    said = "degraded: no microphone, retrying"
    machine.until("waiting", lambda: machine.show(UNIT, "StatusText")["StatusText"].startswith(said))
    assert machine.state(UNIT) == "activating"
    machine.until("active", lambda: machine.state(UNIT) == "active")
    assert machine.show(UNIT, "StatusText")["StatusText"].startswith(said)
    time.sleep(WATCHDOG_S + 5)
    assert restarts(machine) == 0


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_twenty_restarts_leave_nothing_behind(den: Machine) -> None:
    def left() -> tuple[int, ...]:
        mounts = len(den.run("cat", "/proc/1/mountinfo").splitlines())
        files = den.run("find", "/run/auricle", "/tmp", "/var/tmp", "/dev/shm", "/var/lib/auricle", "-mindepth", "1")
        return len(den.processes(UNIT)), mounts, len(files.splitlines()), len(den.run("ps", "-e").splitlines())

    den.run("systemctl", "start", UNIT)
    den.until("listening", lambda: listens(den))
    counts = [left()]
    for _ in range(20):
        den.run("systemctl", "restart", UNIT)
        den.until("listening", lambda: listens(den))
        counts.append(left())
    for number, kind in enumerate(zip(*counts[1:], strict=True)):
        assert kind[-1] <= kind[0], (number, counts)
    den.run("systemctl", "stop", UNIT)
    assert den.processes(UNIT) == []
    print(f"processes, mounts, files, all processes: {counts[0]} … {counts[-1]}")
