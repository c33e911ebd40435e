"""The MQTT adapter on a real Mosquitto: what comes in, what goes out, what is answered."""

import json
from collections.abc import Sequence

import pytest

from auricle.adapters.mqtt import MqttAdapter
from auricle.model.errors import BadRequest, ConfigError, NotConnected
from auricle.model.events import IntentHandled, PartialHeard, StageChanged, WakeHeard
from auricle.model.speech import Priority, SpeechStatus
from auricle.model.turn import Stage
from auricle.settings import Mqtt, Site
from support.mosquitto import Mosquitto, Received
from support.running_mqtt import T, collect, off, parsed, running
from support.scripted_assistant import ScriptedAssistant, transcribed

pytestmark = pytest.mark.broker


def outline(messages: Sequence[Received]) -> list[tuple[str, bytes]]:
    return [(message.topic.removeprefix(f"{T}/"), message.payload) for message in messages]


async def test_states_are_retained_once_connected_and_offline_at_the_end(mosquitto: Mosquitto) -> None:
    async with running(mosquitto.port) as run:
        async with collect(mosquitto, f"{T}/#") as seen:
            found = {message.topic: message for message in await off(seen.until, 6)}
            assert found[f"{T}/availability"].payload == b"online"
            assert parsed(found[f"{T}/state"]).keys() == {"state", "since", "detail"}
            assert parsed(found[f"{T}/state"])["state"] == "idle"
            assert str(parsed(found[f"{T}/state"])["since"]).endswith("Z")
            assert (found[f"{T}/mute"].payload, found[f"{T}/volume"].payload) == (b"OFF", b"80")
            assert found[f"{T}/voice"].payload == b"amy"
            assert parsed(found[f"{T}/info"]) == {"version": "1.2.3", "voices": ["amy"]}
            assert all(message.retain for message in found.values())
            run.assistant.publish(StageChanged(stage=Stage.LISTENING, turn="t"))
            await run.adapter.stop()
            last = await off(seen.until, 2)
            assert [json.loads(last[0].payload)["state"], last[1].payload] == ["listening", b"offline"]
    async with collect(mosquitto, f"{T}/availability") as seen:
        assert (await off(seen.next)).payload == b"offline"


async def test_events_go_out_in_order_and_an_unchanged_state_is_not_repeated(mosquitto: Mosquitto) -> None:
    async with running(mosquitto.port) as run, collect(mosquitto, f"{T}/#") as seen:
        await off(seen.until, 6)
        run.assistant.publish(WakeHeard(turn="t", wake_word="hey_jarvis", score=0.97, sample=32_000))
        run.assistant.publish(StageChanged(stage=Stage.LISTENING, turn="t"))
        run.assistant.publish(StageChanged(stage=Stage.LISTENING, turn="t"))
        run.assistant.publish(PartialHeard(turn="t", text="turn"))
        run.assistant.publish(transcribed("t", "turn on"))
        run.assistant.publish(
            IntentHandled(turn="t", name="On", slots={"n": 1}, text="turn on", handled_by="commands", reply="Done")
        )
        found = [message for message in await off(seen.until, 9) if message.topic != f"{T}/event"]
    assert [topic for topic, _ in outline(found)] == ["wake", "state", "partial", "transcript", "intent"]
    assert parsed(found[0])["sample"] == 32_000
    assert parsed(found[3])["latency_ms"] == 310.5
    assert parsed(found[4])["slots"] == {"n": 1}
    assert [message.retain for message in found] == [False, True, False, False, False]


async def test_say_is_said_and_answered_on_the_response_topic_when_done(mosquitto: Mosquitto) -> None:
    async with running(mosquitto.port, ScriptedAssistant(at_once=False)) as run:
        async with collect(mosquitto, "my/answers", f"{T}/speech", f"{T}/response/#") as seen:
            text = '{"text": "dinner", "id": "d1", "priority": "high", "speed": 1.2}'
            await off(
                mosquitto.publish, f"{T}/say", text, response_topic="my/answers", correlation=b"\x01\x02 any bytes"
            )
            assert parsed(await off(seen.next))["status"] == "queued"
            (request,) = run.assistant.said
            assert (request.text, request.id, request.priority, request.speed) == ("dinner", "d1", Priority.HIGH, 1.2)
            assert await off(seen.rest) == []
            run.assistant.finish("d1", SpeechStatus.FAILED, "the speaker is gone")
            answer = await off(seen.next, "my/answers")
            assert parsed(answer) == {"id": "d1", "status": "failed", "reason": "the speaker is gone"}
            assert answer.correlation == b"\x01\x02 any bytes"
            assert [message.topic for message in seen.seen + await off(seen.rest)].count(f"{T}/response/d1") == 0


async def test_say_without_a_response_topic_is_answered_below_response(mosquitto: Mosquitto) -> None:
    async with running(mosquitto.port) as run, collect(mosquitto, f"{T}/response/#") as seen:
        await off(mosquitto.publish, f"{T}/say", '{"text": "hello", "id": "a:1"}')
        answer = await off(seen.next)
        assert (answer.topic, parsed(answer)) == (
            f"{T}/response/a:1",
            {"id": "a:1", "status": "finished", "reason": None},
        )
        await off(mosquitto.publish, "auricle/all/say", "hello all", qos=0)
        answer = await off(seen.next)
        assert answer.topic == f"{T}/response/{run.assistant.said[1].id}"
        assert run.assistant.said[1].text == "hello all"


async def test_ask_is_answered_with_the_reply(mosquitto: Mosquitto) -> None:
    async with running(mosquitto.port) as run, collect(mosquitto, "my/answers") as seen:
        request = '{"text": "lamp on", "id": "q", "language": "en", "speak": true}'
        await off(mosquitto.publish, f"{T}/ask", request, response_topic="my/answers", correlation=b"7")
        answer = await off(seen.next)
        assert answer.correlation == b"7"
        assert parsed(answer) == {
            "id": "q",
            "intent": "TurnOn",
            "slots": {"lamp": "desk"},
            "reply": "you said lamp on",
            "handled_by": "commands",
        }
        assert run.assistant.asked == [("lamp on", "en", True)]


async def test_an_ask_that_takes_long_holds_nothing_up(mosquitto: Mosquitto) -> None:
    async with running(mosquitto.port) as run, collect(mosquitto, f"{T}/response/#") as seen:
        run.assistant.think.clear()
        await off(mosquitto.publish, f"{T}/ask", '{"text": "slow", "id": "slow"}')
        await off(mosquitto.publish, f"{T}/say", '{"text": "quick", "id": "quick"}')
        assert (await off(seen.next)).topic == f"{T}/response/quick"
        run.assistant.think.set()
        assert (await off(seen.next)).topic == f"{T}/response/slow"


async def test_listen_is_answered_with_what_was_heard(mosquitto: Mosquitto) -> None:
    async with running(mosquitto.port) as run, collect(mosquitto, "my/answers", f"{T}/error") as seen:
        await off(mosquitto.publish, f"{T}/listen", "", response_topic="my/answers")
        first = parsed(await off(seen.next))
        assert (first["outcome"], first["text"]) == ("answered", "turn on the light")
        run.assistant.hears = ""
        await off(mosquitto.publish, f"{T}/listen", '{"id": "l", "say": "Yes?"}', response_topic="my/answers")
        assert parsed(await off(seen.next)) == {"id": "l", "outcome": "nothing_heard", "text": None}
        assert run.assistant.prompts == [None, "Yes?"]
        run.assistant.set_muted(True)
        await off(mosquitto.publish, f"{T}/listen", '{"id": "m"}', response_topic="my/answers")
        error = parsed(await off(seen.next, f"{T}/error"))
        assert (error["code"], error["id"]) == ("muted", "m")


async def test_stop_silences_all_or_one(mosquitto: Mosquitto) -> None:
    async with running(mosquitto.port, ScriptedAssistant(at_once=False)) as run:
        async with collect(mosquitto, "my/answers", f"{T}/response/#") as seen:
            for id in "abc":
                await off(mosquitto.publish, f"{T}/say", json.dumps({"text": id, "id": id}))
            await off(mosquitto.publish, f"{T}/stop", '{"id": "b"}')
            assert parsed(await off(seen.next)) == {"id": "b", "status": "cancelled", "reason": "stopped"}
            await off(mosquitto.publish, f"{T}/stop", response_topic="my/answers")
            ends = {message.topic: parsed(message) for message in await off(seen.until, 3)}
            assert ends["my/answers"] == {"id": None, "cancelled": 2}
            assert ends.keys() == {"my/answers", f"{T}/response/a", f"{T}/response/c"}
        assert run.assistant.stopped == ["b", None]


async def test_mute_volume_and_voice_are_set_and_shown(mosquitto: Mosquitto) -> None:
    async with running(mosquitto.port) as run, collect(mosquitto, f"{T}/#", "my/answers") as seen:
        await off(seen.until, 6)
        await off(mosquitto.publish, f"{T}/mute/set", "ON")
        await off(mosquitto.publish, f"{T}/volume/set", "35", response_topic="my/answers", correlation=b"v")
        await off(mosquitto.publish, f"{T}/voice/set", "joe")
        assert (await off(seen.next, f"{T}/mute")).payload == b"ON"
        assert parsed(await off(seen.next, f"{T}/state"))["state"] == "muted"
        answered = await off(seen.next, "my/answers")
        assert (parsed(answered), answered.correlation) == ({"value": 35}, b"v")
        assert (await off(seen.next, f"{T}/voice")).payload == b"joe"
        assert (run.assistant.status.muted, run.assistant.status.volume, run.assistant.status.voice) == (
            True,
            35,
            "joe",
        )


MISFITS = [
    ("say", "", "text"),
    ("say", b"\xff\xff", "payload"),
    ("say", '{"text": ', "payload"),
    ("say", '{"text": "a", "volume": 900}', "volume"),
    ("say", '{"txet": "a"}', "text"),
    ("say", "x" * 100_000, "payload"),
    ("ask", '{"text": "a", "speak": "loud"}', "speak"),
    ("listen", "now", "payload"),
    ("stop", '{"id": "not an id"}', "id"),
    ("mute/set", "perhaps", "mute"),
    ("volume/set", "loud", "volume"),
    ("voice/set", b"a\x00", "voice"),
]


async def test_what_does_not_fit_gives_one_error_and_nothing_else(mosquitto: Mosquitto) -> None:
    async with running(mosquitto.port) as run, collect(mosquitto, f"{T}/#") as seen:
        await off(seen.until, 6)
        for topic, payload, field in MISFITS:
            await off(mosquitto.publish, f"{T}/{topic}", payload)
            sent = await off(seen.next, f"{T}/{topic}")
            error = await off(seen.next)
            assert (error.topic, error.retain) == (f"{T}/error", False), sent
            assert parsed(error).keys() == {"code", "message", "at", "id"}
            assert parsed(error)["code"] == "bad_request"
            assert field in str(parsed(error)["message"])
        assert await off(seen.rest) == []
        assert (run.assistant.said, run.assistant.asked, run.assistant.stopped) == ([], [], [])
        await off(mosquitto.publish, f"{T}/say", "still here")
        assert parsed(await off(seen.next, f"{T}/speech"))["text"] == "still here"


async def test_a_refusal_is_also_told_where_the_answer_is_awaited(mosquitto: Mosquitto) -> None:
    async with running(mosquitto.port, ScriptedAssistant(at_once=False, room=0)):
        async with collect(mosquitto, f"{T}/error", "my/answers") as seen:
            request = '{"text": "one too many", "id": "n"}'
            await off(mosquitto.publish, f"{T}/say", request, response_topic="my/answers", correlation=b"c")
            first, second = sorted(await off(seen.until, 2), key=lambda message: message.topic)
            assert parsed(first) == parsed(second)
            assert (parsed(first)["code"], parsed(first)["id"]) == ("queue_full", "n")
            assert (second.topic, second.correlation) == ("my/answers", b"c")


async def test_a_request_that_breaks_the_assistant_ends_with_its_request(mosquitto: Mosquitto) -> None:
    async with running(mosquitto.port), collect(mosquitto, f"{T}/error", f"{T}/response/#") as seen:
        await off(mosquitto.publish, f"{T}/ask", '{"text": "raise", "id": "r"}')
        error = parsed(await off(seen.next))
        assert (error["code"], error["id"]) == ("error", "r")
        await off(mosquitto.publish, f"{T}/ask", '{"text": "again", "id": "s"}')
        assert (await off(seen.next)).topic == f"{T}/response/s"


async def test_an_answer_that_would_be_a_request_is_refused(mosquitto: Mosquitto) -> None:
    async with running(mosquitto.port) as run, collect(mosquitto, f"{T}/error") as seen:
        await off(mosquitto.publish, f"{T}/say", "echo", response_topic=f"{T}/say")
        assert "response topic" in str(parsed(await off(seen.next))["message"])
        assert run.assistant.said == []


async def test_a_retained_request_is_refused_and_clearing_it_is_no_request(mosquitto: Mosquitto) -> None:
    await off(mosquitto.publish, f"{T}/say", "again and again", retain=True)
    async with collect(mosquitto, f"{T}/error") as seen:
        async with running(mosquitto.port) as run:
            assert "retain" in str(parsed(await off(seen.next))["message"])
            await off(mosquitto.publish, f"{T}/volume/set", "10", retain=True)
            assert "retain" in str(parsed(await off(seen.next))["message"])
            await off(mosquitto.publish, f"{T}/say", "", retain=True)
            await off(mosquitto.publish, f"{T}/stop", "", retain=True)
            assert await off(seen.rest) == []
            assert (run.assistant.said, run.assistant.stopped, run.assistant.status.volume) == ([], [], 80)


@pytest.mark.parametrize("qos", [0, 1])
async def test_two_hundred_requests_at_once_are_each_answered_once(mosquitto: Mosquitto, qos: int) -> None:
    async with running(mosquitto.port) as run, collect(mosquitto, f"{T}/response/#") as seen:
        requests = [(f"{T}/say", json.dumps({"text": f"number {n}", "id": f"n{n}"})) for n in range(200)]
        await off(mosquitto.publish_all, requests, qos)
        answers = await off(seen.until, 200)
        assert [request.id for request in run.assistant.said] == [f"n{n}" for n in range(200)]
        assert {answer.topic for answer in answers} == {f"{T}/response/n{n}" for n in range(200)}
        assert await off(seen.rest) == []


async def test_a_plugin_publishes_while_there_is_a_broker(mosquitto: Mosquitto) -> None:
    async with running(mosquitto.port) as run, collect(mosquitto, "lamp/#") as seen:
        await run.adapter.publish("lamp/desk", "ON", 1, True)
        message = await off(seen.next)
        assert (message.topic, message.payload) == ("lamp/desk", b"ON")
        for topic in ("lamp/#", "lamp/+/set", "$SYS/broker", "", "a\0b"):
            with pytest.raises(BadRequest) as caught:
                await run.adapter.publish(topic, "ON", 0, False)
            assert caught.value.field == "topic"
        with pytest.raises(BadRequest):
            await run.adapter.publish("lamp/desk", "ON", 3, False)
        await off(mosquitto.stop)
        await run.until(lambda: not run.adapter.connected)
        with pytest.raises(NotConnected):
            await run.adapter.publish("lamp/desk", "OFF", 1, True)


def test_a_broker_must_be_named() -> None:
    with pytest.raises(ConfigError, match=r"mqtt\.host"):
        MqttAdapter(ScriptedAssistant(), Mqtt(), Site(), lambda change: None)
