"""Whatever is published to the topics that are taken: one error each, nothing done, and the next good one works."""

import asyncio
import json
import re
import time

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auricle.adapters.mqtt_serving import Requests
from support.mosquitto import Mosquitto
from support.running_mqtt import T, collect, off, parsed, running
from support.scripted_assistant import ScriptedAssistant

pytestmark = pytest.mark.broker

TAKEN = (
    *(f"{T}/{name}" for name in ("say", "synthesize", "transcribe", "ask", "listen", "stop")),
    *(f"{T}/{name}/set" for name in ("mute", "volume")),
    "auricle/all/say",
)
VOICE = f"{T}/voice/set"
"""Takes any one line of text."""
POOL = ("auricle/pool/synthesize", "auricle/pool/transcribe")
not_json = st.binary(min_size=1, max_size=200).map(lambda tail: b"{\xff" + tail)
unknown = st.text(min_size=1, max_size=12).map(lambda name: json.dumps({f"?{name}": 1}).encode())
misfits = st.sampled_from([b'{"text": 5}', b'{"id": "a b"}', b'{"id": []}', b'{"text": "a", "text"', b"{" * 70_000])


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    payloads=st.lists(st.one_of(not_json, unknown, misfits), min_size=len(TAKEN), max_size=len(TAKEN)),
    pooled=st.lists(st.one_of(not_json, unknown, misfits), min_size=len(POOL), max_size=len(POOL)),
    voice=st.one_of(not_json, st.sampled_from([b"two\nlines", b"v" * 129, b"\x07"])),
)
def test_each_bad_payload_is_one_error_and_the_next_good_one_works(
    mosquitto: Mosquitto, payloads: list[bytes], pooled: list[bytes], voice: bytes
) -> None:
    members = "auricle/pool/members/+"
    bad = [*zip(TAKEN, payloads, strict=True), *zip(POOL, pooled, strict=True), (VOICE, voice)]

    async def check() -> None:
        async with (
            running(mosquitto.port, pool=True) as run,
            collect(mosquitto, f"{T}/error", f"{T}/response/good") as seen,
            collect(mosquitto, members) as present,
        ):
            while not parsed(await off(present.next))["online"]:
                pass
            await off(mosquitto.publish_all, bad)
            errors = [parsed(message) for message in await off(seen.until, len(bad))]
            assert all(error["code"] == "bad_request" for error in errors)
            assert all(
                re.match(r"(text|id|payload|audio|mute|volume|voice|\"?\?.*): ", str(e["message"])) for e in errors
            )
            await off(mosquitto.publish, f"{T}/say", '{"text": "still here", "id": "good"}')
            assert (await off(seen.next)).topic == f"{T}/response/good"
            assert await off(seen.rest, 0.1) == []
            assert [request.text for request in run.assistant.said] == ["still here"]
            assert (run.assistant.asked, run.assistant.stopped, run.assistant.prompts) == ([], [], [])

    asyncio.run(check())


def test_no_topic_is_left_out() -> None:
    assert {*TAKEN, VOICE} == set(Requests(ScriptedAssistant(), "auricle", T).topics)


async def test_ten_mebibytes_of_garbage_are_one_error_on_each_topic(mosquitto: Mosquitto) -> None:
    garbage = b"\xf0" * (10 * 1024 * 1024)
    async with running(mosquitto.port) as run, collect(mosquitto, f"{T}/error", f"{T}/response/good") as seen:
        for topic in TAKEN:
            await off(mosquitto.publish, topic, garbage)
            assert parsed(await off(seen.next))["code"] == "bad_request"
        await off(mosquitto.publish, f"{T}/say", '{"text": "still here", "id": "good"}')
        assert (await off(seen.next)).topic == f"{T}/response/good"
        assert [request.text for request in run.assistant.said] == ["still here"]


@pytest.mark.parametrize("seconds", [3, pytest.param(30, marks=pytest.mark.long)])
async def test_a_thousand_messages_a_second_leave_the_state_right(mosquitto: Mosquitto, seconds: int) -> None:
    def flood() -> None:
        with mosquitto.client() as (client, _):
            began_s = time.monotonic()
            for number in range(1000 * seconds):
                client.publish(f"{T}/volume/set", str(number % 90))
                time.sleep(max(0.0, began_s + number / 1000 - time.monotonic()))

    async with running(mosquitto.port) as run, collect(mosquitto, f"{T}/volume") as seen:
        await off(flood)
        await off(mosquitto.publish, f"{T}/volume/set", "95")
        await run.until(lambda: run.assistant.status.volume == 95, 30)
        while (await off(seen.next)).payload != b"95":
            pass
        assert await off(seen.rest, 1.0) == []
        assert run.adapter.connected


async def test_a_flood_of_recordings_fills_no_memory(mosquitto: Mosquitto) -> None:
    sound = b"RIFF1234WAVEfmt " + bytes(9 * 1024 * 1024)
    assistant = ScriptedAssistant()
    assistant.think.clear()
    async with running(mosquitto.port, assistant) as run, collect(mosquitto, f"{T}/error", f"{T}/response/#") as seen:
        before_mb = psutil.Process().memory_info().rss / 1e6
        for _ in range(40):
            await off(mosquitto.publish, f"{T}/transcribe", sound)
        refused = [parsed(message) for message in await off(seen.until, 30)]
        assert {error["code"] for error in refused} == {"queue_full"}
        assert psutil.Process().memory_info().rss / 1e6 < before_mb + 250
        assistant.think.set()
        await off(seen.until, 7)
        await off(mosquitto.publish, f"{T}/transcribe", sound)
        while b"queue_full" in (message := await off(seen.next)).payload:
            pass
        assert parsed(message)["text"] == "turn on the light"
        assert run.adapter.connected
