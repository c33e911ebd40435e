"""Requests at QoS 1 while the daemon is killed and the broker restarted: each ends once, none is lost."""

import random
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from auricle.service import RETOLD
from support.daemon import RunningDaemon, running_daemon
from support.mosquitto import Mosquitto

pytestmark = [pytest.mark.broker, pytest.mark.models]

CONFIG = """
[site]
id = "attic"
[audio.input]
device = "file:{sound}"
[audio.output]
device = "null"
[wake]
words = []
[mqtt]
host = "127.0.0.1"
port = {port}
max_backoff_s = 1.0
"""
FINAL = {"finished", "cancelled", "expired", "failed"}


class Publisher:
    """A client that gives up on nothing: paho sends again what the broker did not acknowledge."""

    def __init__(self, port: int) -> None:
        self.client = Client(CallbackAPIVersion.VERSION2, "publisher", protocol=MQTTProtocolVersion.MQTTv5)
        self.client.reconnect_delay_set(0.1, 0.5)
        self.client.max_queued_messages_set(0)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        self.sent: set[int] = set()
        self.taken: set[int] = set()
        self.client.on_publish = lambda client, data, mid, reason, properties: self.taken.add(mid)

    def publish(self, topic: str, payload: str) -> None:
        self.sent.add(self.client.publish(topic, payload, qos=1).mid)

    def finish(self, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while not self.sent <= self.taken:
            assert time.monotonic() < deadline, "the broker did not take everything"
            time.sleep(0.05)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def ends(daemon: RunningDaemon) -> Counter[str]:
    return Counter(
        payload["id"] for topic, payload in daemon.events if topic == "speech" and payload["status"] in FINAL
    )


def retold(daemon: RunningDaemon) -> Counter[str]:
    """Ends told after a kill that hit in the moment between the end and its telling."""
    return Counter(
        payload["id"]
        for topic, payload in daemon.events
        if topic == "speech" and payload["status"] in FINAL and RETOLD in (payload["reason"] or "")
    )


def storm(folder: Path, mosquitto: Mosquitto, requests: int, kills: int, restarts: int, pause_s: float) -> None:
    """Publish while everything falls over; then wait until all has ended, and compare."""
    rng = random.Random(7)
    mosquitto.stop()
    mosquitto.persistent = True
    mosquitto.lines.append("max_queued_messages 10000")  # it drops what is over 1,000 while the daemon is away
    mosquitto.start()
    ids = [f"r{number:04d}" for number in range(requests)]
    soundfile.write(folder / "hour.flac", np.zeros(3600 * 8_000, np.int16), 8_000)
    config = CONFIG.format(port=mosquitto.port, sound=folder / "hour.flac")
    with running_daemon(folder, config) as daemon:
        # What is published before its first subscription ever is nobody's.
        with mosquitto.collect("auricle/attic/availability") as told:
            while told.next().payload != b"online":
                pass
        publisher = Publisher(mosquitto.port)

        def publish() -> None:
            for number, id in enumerate(ids):
                named = f'{{"text": "Go.", "id": "{id}"}}'
                publisher.publish("auricle/attic/say", named)
                if number % 7 == 0:
                    publisher.publish("auricle/attic/say", named)  # an impatient caller
                time.sleep(pause_s)

        publishing = threading.Thread(target=publish)
        publishing.start()
        falls = ["kill"] * kills + ["restart"] * restarts
        rng.shuffle(falls)
        for fall in falls:
            time.sleep(rng.uniform(0.5, 3.0))
            if fall == "kill":
                daemon.kill_and_start()
            else:
                mosquitto.restart()
        publishing.join()
        publisher.finish(120)
        deadline = time.monotonic() + 90 + requests
        while len(ends(daemon)) < requests and time.monotonic() < deadline:
            if daemon.process.poll() is not None:
                raise AssertionError(daemon.story())
            time.sleep(0.2)
        time.sleep(1.0)
        publisher.close()
        found = ends(daemon)
        log = daemon.log_path.read_text()
    lost = sorted(set(ids) - set(found))
    assert not lost, f"lost: {lost}\nthe broker: {[line for line in mosquitto.log().splitlines() if lost[0] in line]}"
    late = retold(daemon)
    assert sum(late.values()) <= kills
    assert {id: count for id, count in found.items() if count - late[id] > 1} == {}, "ended twice"
    begun = Counter(
        payload["id"] for topic, payload in daemon.events if topic == "speech" and payload["status"] == "started"
    )
    again = {id for id, count in begun.items() if count > 1}
    assert len(again) <= kills
    assert all(f"speech {id} had begun" in log for id in again)


@pytest.mark.timeout(600)
def test_requests_survive_kills_of_the_daemon_and_a_restart_of_the_broker(tmp_path: Path, mosquitto: Mosquitto) -> None:
    storm(tmp_path, mosquitto, requests=40, kills=3, restarts=1, pause_s=0.1)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_thousand_requests_survive_twenty_kills_and_five_restarts(tmp_path: Path, mosquitto: Mosquitto) -> None:
    storm(tmp_path, mosquitto, requests=1000, kills=20, restarts=5, pause_s=0.04)
