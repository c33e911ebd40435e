"""The pool at a real Mosquitto: a request whose acknowledgement was lost has its answer, and is not done again."""

import asyncio

import pytest

from auricle.adapters.mqtt_messages import Incoming, Outgoing
from auricle.adapters.mqtt_pool import Pool, _name_of
from auricle.settings import Mqtt, Site
from support.mosquitto import Mosquitto
from support.running_mqtt import collect, off
from support.scripted_assistant import ScriptedAssistant

pytestmark = pytest.mark.broker
REQUESTS = "auricle/pool/synthesize"


class NoLink:
    """What a member sends and acknowledges."""

    def __init__(self, client_id: str) -> None:
        self.client_id = client_id
        self.sent: list[Outgoing] = []
        self.acknowledged = 0

    def send(self, message: Outgoing) -> bool:
        self.sent.append(message)
        return True

    def ack(self, message: Incoming) -> None:
        self.acknowledged += 1


async def test_what_another_member_has_answered_is_not_done_again(mosquitto: Mosquitto) -> None:
    settings = Mqtt(host="127.0.0.1", port=mosquitto.port)
    kitchen, attic = (Pool(ScriptedAssistant(), settings, Site(id=site)) for site in ("kitchen", "attic"))
    await attic.start()
    try:
        async with collect(mosquitto, "auricle/pool/members/+") as present:
            await off(present.next)
        first = Incoming(REQUESTS, b"hello", qos=1, mid=7, response_topic="answers")
        died = NoLink("auricle-kitchen-pool")
        await kitchen._serve(first, died)  # type: ignore[arg-type]
        assert [message.topic for message in died.sent] == ["answers", "auricle/pool/answered"]
        await off(mosquitto.publish, died.sent[1].topic, died.sent[1].payload)
        async with asyncio.timeout(15):
            while _name_of(first, died.client_id) not in attic._answered:
                await asyncio.sleep(0.05)
        left, other = NoLink("auricle-kitchen-pool"), NoLink("auricle-kitchen-pool")
        await attic._serve(Incoming(REQUESTS, b"hello", qos=1, mid=7, response_topic="answers", again=True), left)  # type: ignore[arg-type]
        assert (left.sent, left.acknowledged) == ([], 1)
        await attic._serve(Incoming(REQUESTS, b"hello", qos=1, mid=8, response_topic="answers", again=True), other)  # type: ignore[arg-type]
        assert [message.topic for message in other.sent] == ["answers", "auricle/pool/answered"]
    finally:
        await attic.stop()
