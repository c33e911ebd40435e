"""Hermes on a real Mosquitto, with an Assistant from a script: what a flow built for Rhasspy 2.5 sends and gets."""

import json
from collections.abc import Sequence

import pytest

from auricle.adapters import hermes_sessions
from auricle.adapters.hermes import Hermes
from auricle.adapters.mqtt_extension import MqttExtension
from auricle.model.events import IntentHandled, TurnEnded, WakeHeard
from auricle.model.turn import Outcome
from auricle.settings import Mqtt
from support.mosquitto import Collected, Mosquitto, Received
from support.running_mqtt import SITE, T, collect, off, parsed, running
from support.scripted_assistant import ScriptedAssistant, transcribed

pytestmark = pytest.mark.broker
DIALOGUE = "hermes/dialogueManager"


def plugged(assistant: ScriptedAssistant, settings: Mqtt) -> Sequence[MqttExtension]:
    return (Hermes(assistant, SITE),)


class House(ScriptedAssistant):
    """Turns stay open until the test ends them."""

    def __init__(self) -> None:
        super().__init__()
        self.turns: list[tuple[str, str | None]] = []

    async def listen(self, *, id: str | None = None, say: str | None = None) -> str:
        assert id is not None
        self.turns.append((id, say))
        return id

    def hear(self, turn: str, name: str | None, reply: str = "", outcome: Outcome | None = None) -> None:
        self.publish(transcribed(turn, "dim the lamp"))
        slots = {"device": "lamp"}
        self.publish(
            IntentHandled(turn=turn, name=name, slots=slots, text="dim the lamp", handled_by="commands", reply=reply)
        )
        self.publish(TurnEnded(turn=turn, outcome=outcome or (Outcome.ANSWERED if name else Outcome.NOT_UNDERSTOOD)))


async def send(broker: Mosquitto, topic: str, **fields: object) -> None:
    await off(broker.publish, f"hermes/{topic}", json.dumps({"siteId": "attic", **fields}))


async def told(seen: Collected, kind: str) -> dict[str, object]:
    return parsed(await off(seen.next, f"{DIALOGUE}/{kind}"))


def ours(messages: Sequence[Received]) -> list[str]:
    return [message.topic for message in messages]


async def test_speech_is_said_and_its_end_is_told(mosquitto: Mosquitto) -> None:
    async with running(mosquitto.port, extensions=plugged) as run, collect(mosquitto, "hermes/tts/sayFinished") as seen:
        await send(mosquitto, "tts/say", text="hello", id="s1", sessionId="x", lang="en", volume=0.5)
        assert parsed(await off(seen.next)) == {"siteId": "attic", "id": "s1", "sessionId": "x"}
        assert [(said.text, said.language, said.volume) for said in run.assistant.said] == [("hello", "en", 50)]
        await send(mosquitto, "tts/say", text="elsewhere", siteId="kitchen")
        assert await off(seen.rest) == []
        assert len(run.assistant.said) == 1


async def test_the_hotword_is_toggled(mosquitto: Mosquitto) -> None:
    async with running(mosquitto.port, extensions=plugged) as run:
        await send(mosquitto, "hotword/toggleOff")
        await run.until(lambda: not run.assistant.wakes)
        await send(mosquitto, "hotword/toggleOn", siteId="kitchen")
        await send(mosquitto, "hotword/toggleOn", reason="")
        await run.until(lambda: run.assistant.wakes)


async def test_a_wake_word_opens_a_session_that_the_flow_ends(mosquitto: Mosquitto) -> None:
    house = House()
    async with running(mosquitto.port, house, extensions=plugged), collect(mosquitto, "hermes/#") as seen:
        house.publish(WakeHeard(turn="t1", wake_word="hey_jarvis", score=0.9, sample=7))
        assert parsed(await off(seen.next, "hermes/hotword/hey_jarvis/detected"))["modelId"] == "hey_jarvis"
        assert (await told(seen, "sessionStarted"))["sessionId"] == "t1"
        house.hear("t1", "dim")
        captured = parsed(await off(seen.next, "hermes/asr/textCaptured"))
        assert (captured["text"], captured["sessionId"], captured["siteId"]) == ("dim the lamp", "t1", "attic")
        intent = parsed(await off(seen.next, "hermes/intent/dim"))
        assert intent["intent"] == {"intentName": "dim", "confidenceScore": 1.0}
        slot = intent["slots"][0]  # type: ignore[index]
        assert (slot["slotName"], slot["value"]["value"], slot["rawValue"]) == ("device", "lamp", "lamp")
        assert slot["range"] == {"start": 8, "end": 12, "rawStart": 8, "rawEnd": 12}
        await send(mosquitto, "dialogueManager/endSession", sessionId="t1", text="done")
        ended = await told(seen, "sessionEnded")
        assert (ended["sessionId"], ended["termination"]) == ("t1", {"reason": "nominal"})
        assert [said.text for said in house.said] == ["done"]


async def test_a_session_goes_on_with_another_question(mosquitto: Mosquitto) -> None:
    house = House()
    async with running(mosquitto.port, house, extensions=plugged) as run, collect(mosquitto, f"{DIALOGUE}/#") as seen:
        init = {"type": "action", "text": "which lamp?", "canBeEnqueued": False}
        await send(mosquitto, "dialogueManager/startSession", init=init, customData="c1")
        session = str((await told(seen, "sessionStarted"))["sessionId"])
        await run.until(lambda: len(house.turns) == 1)
        assert house.turns[0][1] == "which lamp?"
        house.hear(house.turns[0][0], "dim")
        more = {"sessionId": session, "text": "how bright?", "customData": "c2", "sendIntentNotRecognized": True}
        await send(mosquitto, "dialogueManager/continueSession", **more)
        await run.until(lambda: len(house.turns) == 2)
        assert house.turns[1][1] == "how bright?"
        house.hear(house.turns[1][0], None)
        unknown = await told(seen, "intentNotRecognized")
        assert (unknown["input"], unknown["sessionId"], unknown["customData"]) == ("dim the lamp", session, "c2")
        await send(mosquitto, "dialogueManager/endSession", sessionId=session)
        assert (await told(seen, "sessionEnded"))["termination"] == {"reason": "nominal"}


async def test_sessions_queue_and_each_ends_once(mosquitto: Mosquitto) -> None:
    house = House()
    async with running(mosquitto.port, house, extensions=plugged) as run, collect(mosquitto, f"{DIALOGUE}/#") as seen:
        async with collect(mosquitto, f"{T}/error") as errors:
            await send(mosquitto, "dialogueManager/startSession", init={"type": "action"})
            first = (await told(seen, "sessionStarted"))["sessionId"]
            await send(mosquitto, "dialogueManager/startSession", init={"type": "notification", "text": "ding"})
            second = (await told(seen, "sessionQueued"))["sessionId"]
            await send(mosquitto, "dialogueManager/startSession", init={"type": "action", "canBeEnqueued": False})
            assert "canBeEnqueued" in str(parsed(await off(errors.next))["message"])
            await run.until(lambda: len(house.turns) == 1)
            house.publish(TurnEnded(turn=house.turns[0][0], outcome=Outcome.NOTHING_HEARD))
            ended = await told(seen, "sessionEnded")
            assert (ended["sessionId"], ended["termination"]) == (first, {"reason": "timeout"})
            assert (await told(seen, "sessionStarted"))["sessionId"] == second
            ended = await told(seen, "sessionEnded")
            assert (ended["sessionId"], ended["termination"]) == (second, {"reason": "nominal"})
            assert await off(seen.rest) == []


async def test_a_flow_that_forgets_its_session_holds_nothing_up(
    mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hermes_sessions, "FULFILMENT_S", 0.2)
    house = House()
    async with running(mosquitto.port, house, extensions=plugged) as run, collect(mosquitto, f"{DIALOGUE}/#") as seen:
        await send(mosquitto, "dialogueManager/startSession", init={"type": "action"})
        await run.until(lambda: len(house.turns) == 1)
        house.hear(house.turns[0][0], "dim")
        assert (await told(seen, "sessionEnded"))["termination"] == {"reason": "timeout"}


@pytest.mark.parametrize(
    ("topic", "payload", "names"),
    [
        ("tts/say", "{", "payload"),
        ("tts/say", '{"siteId": "attic"}', "text"),
        ("tts/say", '{"siteId": "attic", "text": 5}', "text"),
        ("tts/say", json.dumps({"siteId": "attic", "text": "a" * 5000}), "text"),
        ("dialogueManager/startSession", '{"siteId": "attic"}', "init"),
        ("dialogueManager/startSession", '{"siteId": "attic", "init": {"type": "odd"}}', "init.type"),
        ("dialogueManager/endSession", "x" * 70_000, "payload"),
    ],
)
async def test_what_does_not_fit_gives_one_error(mosquitto: Mosquitto, topic: str, payload: str, names: str) -> None:
    async with running(mosquitto.port, extensions=plugged) as run:
        async with collect(mosquitto, f"{T}/error", "hermes/tts/sayFinished") as seen:
            await off(mosquitto.publish, f"hermes/{topic}", payload)
            assert str(parsed(await off(seen.next, f"{T}/error"))["message"]).startswith(names)
            await send(mosquitto, "tts/say", text="still here")
            assert ours([await off(seen.next)]) == ["hermes/tts/sayFinished"]
        assert len(run.assistant.said) == 1
