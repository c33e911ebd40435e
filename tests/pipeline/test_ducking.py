"""Other players while the daemon listens and speaks, on a real PulseAudio: softer, and afterwards as before."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from support.pulse import PulseServer

pytestmark = pytest.mark.sound

PROGRAM = """
import asyncio, sys
from pathlib import Path
from auricle.bus import EventBus
from auricle.model.events import StageChanged
from auricle.model.turn import Stage
from auricle.pipeline.ducking import Ducking
from auricle.status import Status, reduce

async def main():
    bus, status = EventBus(), Status()
    ducking = Ducking(sys.argv[1], 25, sink="default", file=Path(sys.argv[2]))
    task = asyncio.create_task(ducking.run(bus, lambda: status))
    await asyncio.sleep(0.1)
    print("ready", flush=True)
    while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
        event = StageChanged(stage=Stage(line), turn=None)
        status = reduce(status, event)
        bus.publish(event)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

asyncio.run(main())
"""


class Daemon:
    """What ducks, as a process of its own."""

    def __init__(self, pulse: PulseServer, folder: Path, when: str = "always") -> None:
        command = [sys.executable, "-c", PROGRAM, when, str(folder / "ducked.json")]
        self.process = pulse.spawn(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n"

    def stage(self, name: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{name}\n".encode())
        self.process.stdin.flush()

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=20)


def player(pulse: PulseServer, folder: Path, sink: str) -> int:
    """Begin to play for a minute; the process's id."""
    tone = folder / f"{sink}.wav"
    soundfile.write(tone, np.zeros(60 * 8000, np.int16), 8000)
    return pulse.spawn(["paplay", "-d", sink, "--volume=52428", str(tone)]).pid


def volume(pulse: PulseServer, pid: int) -> int | None:
    """Of a player's stream, in percent."""
    listed = subprocess.run(["pactl", "list", "sink-inputs"], env=pulse.env, capture_output=True, text=True, timeout=20)
    for stream in listed.stdout.split("Sink Input #")[1:]:
        if f'application.process.id = "{pid}"' in stream:
            line = next(line for line in stream.splitlines() if line.strip().startswith("Volume:"))
            return int(line.partition("%")[0].split()[-1])
    return None


def until(pulse: PulseServer, pid: int, wanted: int) -> None:
    deadline = time.monotonic() + 20
    while volume(pulse, pid) != wanted:
        assert time.monotonic() < deadline, volume(pulse, pid)
        time.sleep(0.05)


def test_players_are_soft_during_a_turn_and_as_before_after_it(pulse: PulseServer, tmp_path: Path) -> None:
    music, elsewhere = player(pulse, tmp_path, "speaker"), player(pulse, tmp_path, "mic_sink")
    until(pulse, music, 80)
    until(pulse, elsewhere, 80)
    daemon = Daemon(pulse, tmp_path)
    for stage in ("listening", "speaking"):
        daemon.stage(stage)
        until(pulse, music, 20)
    assert volume(pulse, elsewhere) == 80
    daemon.stage("idle")
    until(pulse, music, 80)
    assert not (tmp_path / "ducked.json").exists()
    daemon.stage("listening")
    until(pulse, music, 20)
    daemon.end()
    until(pulse, music, 80)


def test_after_a_crash_the_next_start_restores(pulse: PulseServer, tmp_path: Path) -> None:
    music = player(pulse, tmp_path, "speaker")
    until(pulse, music, 80)
    crashed = Daemon(pulse, tmp_path)
    crashed.stage("listening")
    until(pulse, music, 20)
    os.kill(crashed.process.pid, signal.SIGKILL)
    crashed.process.wait()
    assert volume(pulse, music) == 20
    daemon = Daemon(pulse, tmp_path, "off")
    until(pulse, music, 80)
    daemon.end()


def test_what_its_user_sets_meanwhile_stays(pulse: PulseServer, tmp_path: Path) -> None:
    music = player(pulse, tmp_path, "speaker")
    until(pulse, music, 80)
    daemon = Daemon(pulse, tmp_path)
    daemon.stage("listening")
    until(pulse, music, 20)
    index = pulse.streams("sink-inputs")[0].split()[0]
    subprocess.run(["pactl", "set-sink-input-volume", index, "50%"], env=pulse.env, check=True, timeout=20)
    daemon.stage("idle")
    daemon.end()
    assert volume(pulse, music) == 50


def test_a_server_that_does_not_answer_for_a_while_is_not_forgotten(pulse: PulseServer, tmp_path: Path) -> None:
    music = player(pulse, tmp_path, "speaker")
    until(pulse, music, 80)
    daemon = Daemon(pulse, tmp_path)
    pulse.freeze()
    daemon.stage("listening")
    time.sleep(2.5)
    pulse.thaw()
    until(pulse, music, 20)
    pulse.freeze()
    daemon.stage("idle")
    time.sleep(2.5)
    pulse.thaw()
    until(pulse, music, 80)
    daemon.end()
