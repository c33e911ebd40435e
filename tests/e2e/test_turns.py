"""Whole turns on a real PulseAudio and a real Mosquitto, spoken by Piper and read back by Whisper."""

import json
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from support.clock import tells_the_hour
from support.daemon import RunningDaemon, running_daemon
from support.mosquitto import Mosquitto
from support.pulse import PulseServer

pytestmark = [pytest.mark.sound, pytest.mark.broker, pytest.mark.models]

Speak = Callable[..., "np.ndarray"]
Read = Callable[["np.ndarray", int], str]

CONFIG = """
[site]
id = "den"
[mqtt]
host = "127.0.0.1"
port = {port}
[listen]
chime = false
"""
BRIEF = """
silence_s = 0.4
[plugins]
disabled = ["clock"]
[[plugins.commands.command]]
name = "time"
sentences = ["what time is it"]
reply = "Late."
"""
"""After CONFIG: turns that are over soon."""


@pytest.fixture
def question(tmp_path: Path, speak: Speak) -> Path:
    """A recording of somebody who asks for the time in one breath, with a little quiet around it."""
    path = tmp_path / "question.wav"
    quiet = np.random.default_rng(1).integers(-3, 4, 6_000).astype(np.int16)
    soundfile.write(path, np.concatenate([quiet, speak("hey jarvis, what time is it?"), quiet]), 16_000)
    return path


@pytest.fixture
def den(tmp_path: Path, pulse: PulseServer, mosquitto: Mosquitto) -> Iterator[RunningDaemon]:
    with running_daemon(tmp_path, CONFIG.format(port=mosquitto.port), pulse.env) as daemon:
        with mosquitto.collect("auricle/den/availability") as told:  # it joins the broker once it listens
            while told.next().payload != b"online":
                pass
        yield daemon


def test_a_spoken_question_is_answered_aloud_and_told_to_the_broker(
    den: RunningDaemon, pulse: PulseServer, mosquitto: Mosquitto, question: Path, read: Read
) -> None:
    with mosquitto.collect("auricle/den/transcript") as told, pulse.recorder() as room:
        pulse.say(question)
        heard = den.wait("transcript")
        den.wait("speech", lambda speech: speech["status"] == "finished")
        transcript = told.next()
        time.sleep(0.3)
        reply = room.stop()
    assert "what time is it" in heard["text"].lower()
    assert heard["wake_word"] == "hey_jarvis"
    assert heard["first_sample"] < heard["last_sample"]
    assert json.loads(transcript.payload) == heard
    assert tells_the_hour(read(reply, 24_000)), read(reply, 24_000)


def test_text_from_the_broker_is_heard_in_the_room(
    den: RunningDaemon, pulse: PulseServer, mosquitto: Mosquitto, read: Read
) -> None:
    with pulse.recorder() as room:
        mosquitto.publish("auricle/den/say", "The washing machine has finished.")
        den.wait("speech", lambda speech: speech["status"] == "finished")
        time.sleep(0.3)
        heard = read(room.stop(), 24_000)
    assert "washing machine" in heard


def test_a_wake_word_without_a_command_ends_quietly(
    tmp_path: Path, den: RunningDaemon, pulse: PulseServer, speak: Speak
) -> None:
    path = tmp_path / "wake.wav"
    soundfile.write(path, np.concatenate([speak("hey jarvis"), np.zeros(8000, np.int16)]), 16_000)
    pulse.say(path)
    den.wait("wake")
    den.wait("state", lambda state: state["state"] == "listening")
    den.wait("state", lambda state: state["state"] in ("idle", "degraded"), timeout_s=15)
    assert {topic for topic, _ in den.events} <= {"wake", "state", "quality"}


def test_a_dead_stt_worker_is_told_and_the_turn_ends_with_a_spoken_word(
    den: RunningDaemon, pulse: PulseServer, question: Path
) -> None:
    pulse.say(question, wait=False)
    den.wait("state", lambda state: state["state"] == "listening")
    den.worker("faster_whisper").send_signal(signal.SIGKILL)
    error = den.wait("error")
    assert error["code"] == "engine_died"
    spoken = den.wait("speech", lambda speech: speech["status"] == "finished")
    assert spoken["text"].startswith(("It is now", "Sorry")), spoken["text"]
    den.wait("state", lambda state: state["state"] in ("idle", "degraded"), timeout_s=30)
    pulse.say(question)
    assert "what time is it" in den.wait("transcript")["text"].lower()


def test_turns_go_on_without_the_broker_and_it_is_found_again(
    den: RunningDaemon, pulse: PulseServer, mosquitto: Mosquitto, question: Path
) -> None:
    mosquitto.kill()
    pulse.say(question)
    den.wait("speech", lambda speech: speech["status"] == "finished")
    mosquitto.start()
    with mosquitto.collect("auricle/den/availability") as availability:
        while availability.next(timeout_s=10).payload != b"online":
            pass


def test_a_microphone_that_is_pulled_and_put_back_is_heard_again(
    den: RunningDaemon, pulse: PulseServer, question: Path
) -> None:
    pulse.say(question)
    den.wait("speech", lambda speech: speech["status"] == "finished")
    pulse.unload_mic()
    pulled = time.monotonic()
    degraded = den.wait("state", lambda state: state["state"] == "degraded", timeout_s=10)
    noticed_s = time.monotonic() - pulled
    assert "microphone" in degraded["detail"]
    time.sleep(2)
    pulse.load_mic()
    put_back = time.monotonic()
    while time.monotonic() < put_back + 30:
        pulse.say(question)
        if any(topic == "wake" for topic, _ in den.events[den.seen :]):
            break
    den.wait("wake", timeout_s=5)
    den.wait("speech", lambda speech: speech["status"] == "finished")
    assert noticed_s < 10


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_forty_turns_leave_nothing_behind(
    tmp_path: Path, pulse: PulseServer, mosquitto: Mosquitto, question: Path
) -> None:
    config = CONFIG.format(port=mosquitto.port) + BRIEF
    counts = []
    with running_daemon(tmp_path, config, pulse.env) as den:
        for _ in range(40):
            pulse.say(question, wait=False)
            den.wait("speech", lambda speech: speech["status"] == "finished")
            den.wait("state", lambda state: state["state"] != "speaking")
            counts.append((den.ps.num_fds(), len(den.workers()), den.ps.num_threads()))
    descriptors, processes, threads = zip(*counts, strict=True)
    assert max(descriptors) <= descriptors[0], descriptors
    assert max(processes) <= processes[0], processes
    # The event loop's pool of threads grows to its bound in the first turns, as they happen to overlap.
    assert max(threads[10:]) <= max(threads[:10]), threads


@pytest.mark.parametrize("state", ["idle", "listening", "speaking"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_the_daemon_in_any_state(
    den: RunningDaemon, pulse: PulseServer, mosquitto: Mosquitto, question: Path, state: str, number: int
) -> None:
    if state == "listening":
        pulse.say(question, wait=False)
        den.wait("state", lambda payload: payload["state"] == "listening")
    elif state == "speaking":
        mosquitto.publish("auricle/den/say", "This is a long story. " * 20)
        den.wait("speech", lambda speech: speech["status"] == "started")
    began = time.monotonic()
    assert den.stop(number) == (0 if number == signal.SIGTERM else 130)
    assert time.monotonic() - began < 3
