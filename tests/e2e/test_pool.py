"""Daemons that share work: one is killed with requests in hand, and each request is answered once all the same."""

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import soundfile
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from support.daemon import RunningDaemon, running_daemon
from support.mosquitto import Mosquitto

pytestmark = [pytest.mark.broker, pytest.mark.models]

CONFIG = """
[site]
id = "{site}"
[audio.input]
device = "file:{sound}"
[audio.output]
device = "null"
[wake]
words = []
[tts]
cache_mb = 0
[mqtt]
host = "127.0.0.1"
port = {port}
pool = true
"""
SENTENCE = "The quick brown fox jumps over the lazy dog, and number {} follows it down to the river."


REQUESTS = 14


def member(stack: ExitStack, folder: Path, site: str, port: int) -> RunningDaemon:
    (folder / site).mkdir()
    sound = folder / site / "hour.flac"
    soundfile.write(sound, np.zeros(3600 * 8_000, np.int16), 8_000)
    return stack.enter_context(running_daemon(folder / site, CONFIG.format(site=site, port=port, sound=sound)))


@pytest.mark.timeout(300)
def test_what_a_killed_member_had_in_hand_is_done_by_the_other(tmp_path: Path, mosquitto: Mosquitto) -> None:
    with ExitStack() as stack:
        with ThreadPoolExecutor() as starting:
            begun = [starting.submit(member, stack, tmp_path, site, mosquitto.port) for site in ("kitchen", "attic")]
            kitchen, attic = (one.result() for one in begun)
        seen = stack.enter_context(mosquitto.collect("auricle/pool/members/+", "answers/+"))
        present: set[str] = set()
        while len(present) < 2:
            message = seen.next(timeout_s=60)
            if json.loads(message.payload)["online"]:
                present.add(message.topic)
        with mosquitto.client() as (client, _):
            for number in range(REQUESTS):
                properties = Properties(PacketTypes.PUBLISH)
                properties.ResponseTopic = f"answers/{number}"
                text = SENTENCE.format(number)
                client.publish("auricle/pool/synthesize", text, 1, False, properties).wait_for_publish(10)
        answers: Counter[str] = Counter()
        sizes = []
        while not answers:
            if (message := seen.next(timeout_s=60)).topic.startswith("answers/"):
                answers[message.topic] += 1
        children = kitchen.workers()
        kitchen.process.kill()
        for child in children:
            child.wait(10)
        killed_with = REQUESTS - sum(answers.values())
        deadline = time.monotonic() + 150
        while len(answers) < REQUESTS and time.monotonic() < deadline:
            message = seen.next(timeout_s=60)
            if message.topic.startswith("answers/"):
                answers[message.topic] += 1
                sizes.append(len(message.payload))
                assert message.payload[:4] == b"RIFF"
        for message in seen.rest(2.0):
            answers[message.topic] += message.topic.startswith("answers/")
        assert killed_with > 2
        assert min(sizes) > 24_000
        assert {id: count for id, count in answers.items() if count and count != 1} == {}
        assert sum(answers.values()) == REQUESTS
        assert "taking over what it left" in attic.log_path.read_text()
