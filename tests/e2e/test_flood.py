"""A flood from the broker beside somebody who speaks: the daemon stays small and right, and hears its wake word."""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile
from paho.mqtt.client import Client

from support.daemon import running_daemon
from support.mosquitto import Mosquitto
from support.pulse import PulseServer

pytestmark = [pytest.mark.sound, pytest.mark.broker, pytest.mark.models]

T = "auricle/den"
CONFIG = """
[site]
id = "den"
[mqtt]
host = "127.0.0.1"
port = {port}
[listen]
chime = false
"""
TAKEN = (
    *(f"{T}/{name}" for name in ("say", "ask", "listen", "stop", "synthesize", "transcribe")),
    *(f"{T}/{name}/set" for name in ("mute", "volume", "voice")),
    "auricle/all/say",
)
FINAL = ("finished", "cancelled", "expired", "failed")
A_SECOND = 1_000
LARGE = bytes([0xF0]) * (10 * 1024 * 1024)
ROOM = 1_000
"""Requests that may wait to be said."""


def flood(client: Client, seconds: int, rng: random.Random) -> int:
    """A thousand messages a second: garbage on every topic, every fourth a good `say`; returns how many were good."""
    began_s, good = time.monotonic(), 0
    for number in range(A_SECOND * seconds):
        if number % 4 == 0:
            client.publish(f"{T}/say", json.dumps({"text": "One of very many.", "id": f"f{good}"}), 1)
            good += 1
        else:
            garbage = b"{" + rng.randbytes(rng.randrange(200))
            client.publish(rng.choice(TAKEN), garbage + b"\xff", number % 2)
        time.sleep(max(0.0, began_s + number / A_SECOND - time.monotonic()))
    return good


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seconds", [6, pytest.param(30, marks=pytest.mark.long)])
def test_a_flood_changes_nothing_for_those_in_the_room(
    tmp_path: Path, pulse: PulseServer, mosquitto: Mosquitto, speak: "Callable[..., np.ndarray]", seconds: int
) -> None:
    question = tmp_path / "question.wav"
    quiet = np.random.default_rng(1).integers(-3, 4, 6_000).astype(np.int16)
    soundfile.write(question, np.concatenate([quiet, speak("hey jarvis, what time is it?"), quiet]), 16_000)
    mosquitto.stop()
    mosquitto.lines.append("max_queued_messages 0")  # it drops what is over 1,000 for a daemon that is slower
    mosquitto.start()
    topics = [f"{T}/{name}" for name in ("availability", "wake", "speech", "error", "volume", "mute", "response/last")]
    with (
        running_daemon(tmp_path, CONFIG.format(port=mosquitto.port), pulse.env) as daemon,
        mosquitto.collect(*topics) as seen,
        mosquitto.client() as (client, _),
    ):
        while seen.next(f"{T}/availability", timeout_s=60).payload != b"online":
            pass
        mosquitto.publish(f"{T}/volume/set", "55")
        while seen.next(f"{T}/volume", timeout_s=30).payload != b"55":
            pass
        before_mb = daemon.ps.memory_info().rss / 1e6
        most_mb: list[float] = []
        good: list[int] = []
        flooding = threading.Thread(target=lambda: good.append(flood(client, seconds, random.Random(3))))
        flooding.start()
        for topic in TAKEN:
            client.publish(topic, LARGE, 1)
        time.sleep(1.0)
        pulse.say(question)
        assert flooding.is_alive(), "the flood was over before the wake word was"
        while flooding.is_alive():
            most_mb.append(daemon.ps.memory_info().rss / 1e6)
            time.sleep(0.1)
        wake = seen.next(f"{T}/wake", timeout_s=120)
        assert json.loads(wake.payload)["wake_word"] == "hey_jarvis"
        mosquitto.publish(f"{T}/stop")
        mosquitto.publish(f"{T}/ask", '{"text": "what time is it", "id": "last"}')
        assert json.loads(seen.next(f"{T}/response/last", timeout_s=120).payload)["reply"]
        found = [*seen.seen, *seen.rest(3.0)]
        assert daemon.ps.status() != psutil.STATUS_ZOMBIE
    speech = [json.loads(message.payload) for message in found if message.topic == f"{T}/speech"]
    errors = [json.loads(message.payload) for message in found if message.topic == f"{T}/error"]
    waiting = most_waiting = 0
    for change in speech:
        waiting += {"queued": 1, "started": 0}.get(change["status"], -1)
        most_waiting = max(most_waiting, waiting)
    assert 0 < most_waiting <= ROOM + 1
    flooded = [change for change in speech if change["id"].startswith("f")]
    ended = Counter(change["id"] for change in flooded if change["status"] in FINAL)
    assert set(ended.values()) == {1}
    assert set(ended) == {change["id"] for change in flooded}
    codes = Counter(error["code"] for error in errors)
    assert good[0] - len(ended) <= codes["queue_full"], codes
    bad = [error["message"] for error in errors if error["code"] == "bad_request"]
    assert len(bad) > A_SECOND
    assert all(":" in message for message in bad)
    states = [message for message in found if message.topic in (f"{T}/volume", f"{T}/mute") and not message.retain]
    assert {message.payload for message in states} <= {b"55", b"OFF"}
    assert max(most_mb) < before_mb + 150, (before_mb, max(most_mb))
