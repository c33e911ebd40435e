"""What is kept for a broker that is away, what is answered after a restart, and a voice and ears for others."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from auricle.adapters.mqtt_rate import RateLimit
from auricle.adapters.mqtt_serving import ADAPTER
from auricle.ledger import Ledger
from auricle.model.errors import RateLimited
from auricle.model.events import IntentHandled, PartialHeard, SpeechChanged, WakeHeard
from auricle.model.speech import SpeechStatus
from support.cable import cable
from support.mosquitto import Mosquitto, Received, free_port
from support.running_mqtt import T, collect, off, parsed, running
from support.scripted_assistant import ScriptedAssistant, transcribed

pytestmark = pytest.mark.broker


@pytest.fixture
async def keeping(tmp_path: Path) -> AsyncIterator[ScriptedAssistant]:
    assistant = ScriptedAssistant(at_once=False)
    assistant.ledger = Ledger(tmp_path / "requests.sqlite")
    yield assistant
    assistant.ledger.close()


def happen(assistant: ScriptedAssistant, number: int) -> None:
    turn = f"t{number}"
    assistant.publish(PartialHeard(turn=turn, text="turn"))
    assistant.publish(transcribed(turn, "turn on"))
    assistant.publish(IntentHandled(turn=turn, name="On", slots={}, text="turn on", handled_by="x", reply="Done"))
    assistant.publish(SpeechChanged(id=turn, status=SpeechStatus.STARTED, text="Done"))
    assistant.publish(SpeechChanged(id=turn, status=SpeechStatus.FINISHED, text="Done"))


async def test_what_was_heard_and_said_without_the_broker_is_told_when_it_is_back_in_order(
    mosquitto: Mosquitto, keeping: ScriptedAssistant
) -> None:
    async with running(mosquitto.port, keeping) as run:
        await off(mosquitto.kill)
        await run.until(lambda: not run.adapter.connected)
        for number in range(3):
            happen(keeping, number)
        await asyncio.sleep(0.2)
    async with running(mosquitto.port, keeping, wait=False):  # the daemon was restarted meanwhile
        happen(keeping, 3)
        await asyncio.sleep(0.2)
    await off(mosquitto.start)
    async with collect(mosquitto, f"{T}/transcript", f"{T}/intent", f"{T}/speech", f"{T}/partial") as seen:
        async with running(mosquitto.port, keeping):
            found = await off(seen.until, 12)
            happen(keeping, 4)
            found += await off(seen.until, 5)
    late = [(topic, f"t{number}") for number in range(4) for topic in ("transcript", "intent", "speech")]
    assert told(found[:12]) == late
    assert {parsed(message)["status"] for message in found[:12] if message.topic == f"{T}/speech"} == {"finished"}
    assert {name for _, name in told(found[12:])} == {"t4"}


def told(found: Sequence[Received]) -> list[tuple[str, object]]:
    """Topic below `T` and turn or speech of each that lasts, the first time that it came."""
    names = []
    for message in found:
        payload = parsed(message)
        if payload.get("status") not in ("queued", "started"):
            names.append((message.topic.removeprefix(f"{T}/"), payload.get("turn") or payload.get("id")))
    return list(dict.fromkeys(names))


async def test_what_a_broker_took_without_a_word_is_told_by_the_next_life_of_the_daemon(
    mosquitto: Mosquitto, keeping: ScriptedAssistant
) -> None:
    async with running(mosquitto.port, keeping) as run:
        await off(mosquitto.publish, f"{T}/say", '{"text": "dinner", "id": "d"}', response_topic="a")
        await run.until(lambda: "d" in keeping.waiting)
        assert mosquitto.process is not None
        mosquitto.process.send_signal(signal.SIGSTOP)
        for number in range(30):
            happen(keeping, number)
        keeping.finish("d")
        await asyncio.sleep(0.3)
        await run.adapter.stop()
    await off(mosquitto.kill)
    await off(mosquitto.start)
    topics = (f"{T}/transcript", f"{T}/intent", f"{T}/speech", "a")
    async with collect(mosquitto, *topics) as seen, running(mosquitto.port, keeping):
        found = told(await off(seen.until, 92))
    late = [(topic, f"t{number}") for number in range(30) for topic in ("transcript", "intent", "speech")]
    assert found == [*late, ("speech", "d"), ("a", "d")]


async def test_a_connection_that_ends_while_it_catches_up_loses_and_mixes_nothing(
    mosquitto: Mosquitto, keeping: ScriptedAssistant
) -> None:
    async with running(free_port(), keeping, wait=False):
        for number in range(300):
            happen(keeping, number)
            await asyncio.sleep(0)
        await asyncio.sleep(0.2)
    assert keeping.ledger is not None
    topics = (f"{T}/transcript", f"{T}/intent", f"{T}/speech")
    async with cable(mosquitto.port) as line, collect(mosquitto, *topics) as seen:
        async with running(line.port, keeping, wait=False) as run:
            for number in range(300, 303):
                await run.connected()
                before = line.carried
                await run.until(lambda before=before: line.carried > before + 5_000)  # type: ignore[misc]
                line.cut()
                happen(keeping, number)
                await run.until(lambda: not run.adapter.connected)
            while ("speech", "t302") not in told(seen.seen):
                await off(seen.next)
            while await keeping.ledger.waiting(ADAPTER):
                await asyncio.sleep(0.05)
    expected = [(topic, f"t{number}") for number in range(303) for topic in ("transcript", "intent", "speech")]
    assert told(seen.seen) == expected
    assert len(seen.seen) < 1.5 * len(expected)


async def test_a_question_that_the_broker_sends_again_is_done_once(mosquitto: Mosquitto) -> None:
    mosquitto.stop()
    mosquitto.persistent = True
    mosquitto.start()
    async with running(mosquitto.port) as run:
        run.assistant.think.clear()
        await off(mosquitto.publish, f"{T}/ask", "toggle the lamp")
        await off(mosquitto.publish, f"{T}/listen", '{"id": "once"}')
        await run.until(lambda: len(run.assistant.asked) == 1)
        await off(mosquitto.restart)
        await run.until(lambda: len(run.changes) == 3 and run.adapter.connected)
        async with collect(mosquitto, f"{T}/response/#", f"{T}/error") as seen:
            await asyncio.sleep(0.3)
            run.assistant.think.set()
            assert parsed(await off(seen.next))["reply"] == "you said toggle the lamp"
            assert await off(seen.rest, 0.3) == []
    async with running(mosquitto.port) as run:
        await asyncio.sleep(0.3)
        assert (run.assistant.asked, run.assistant.prompts) == ([], [])


async def test_an_answer_waits_for_the_broker(mosquitto: Mosquitto, keeping: ScriptedAssistant) -> None:
    async with running(mosquitto.port, keeping) as run:
        await off(mosquitto.publish, f"{T}/say", '{"text": "dinner", "id": "d"}', response_topic="a", correlation=b"7")
        await run.until(lambda: "d" in keeping.waiting)
        await off(mosquitto.kill)
        await run.until(lambda: not run.adapter.connected)
        keeping.finish("d")
        await asyncio.sleep(0.2)
    await off(mosquitto.start)
    async with collect(mosquitto, "a") as seen, running(mosquitto.port, keeping):
        answer = await off(seen.next)
    assert (parsed(answer)["status"], answer.correlation) == ("finished", b"7")


async def test_a_request_of_before_the_restart_is_answered_after_it(
    mosquitto: Mosquitto, keeping: ScriptedAssistant
) -> None:
    from auricle.model.speech import SpeechRequest

    ticket = keeping.submit(SpeechRequest(text="dinner", id="old"))
    keeping.resumed = [(ticket, json.dumps({"adapter": "mqtt", "topic": "my/answers"})), (ticket, "")]
    async with running(mosquitto.port, keeping), collect(mosquitto, "my/answers") as seen:
        keeping.finish("old")
        assert parsed(await off(seen.next)) == {"id": "old", "status": "finished", "reason": None}


async def test_the_same_question_is_done_once(mosquitto: Mosquitto, keeping: ScriptedAssistant) -> None:
    async with running(mosquitto.port, keeping), collect(mosquitto, f"{T}/response/#") as seen:
        for _ in range(3):
            await off(mosquitto.publish, f"{T}/ask", '{"text": "toggle the lamp", "id": "q"}')
        answers = [parsed(message) for message in await off(seen.until, 3)]
    async with running(mosquitto.port, keeping), collect(mosquitto, f"{T}/response/#") as seen:
        await off(mosquitto.publish, f"{T}/ask", '{"text": "toggle the lamp", "id": "q"}')
        answers.append(parsed(await off(seen.next)))
    assert [asked[0] for asked in keeping.asked] == ["toggle the lamp"]
    assert answers == [answers[0]] * 4


async def test_facts_are_told_once_more_as_home_assistants_events(mosquitto: Mosquitto) -> None:
    async with running(mosquitto.port) as run, collect(mosquitto, f"{T}/event", f"{T}/wake") as seen:
        run.assistant.publish(WakeHeard(turn="t", wake_word="hey_jarvis", score=0.97, sample=32_000))
        plain, event = [parsed(message) for message in await off(seen.until, 2)]
    assert event == {"event_type": "wake", **plain}


async def test_another_devices_text_becomes_a_wav(mosquitto: Mosquitto) -> None:
    async with running(mosquitto.port) as run, collect(mosquitto, "my/answers", f"{T}/error") as seen:
        await off(mosquitto.publish, f"{T}/synthesize", "hello", response_topic="my/answers", correlation=b"9")
        answer = await off(seen.next)
        assert (answer.payload, answer.correlation) == (b"RIFFhello", b"9")
        await off(mosquitto.publish, f"{T}/synthesize", '{"text": "", "id": "s"}')
        error = parsed(await off(seen.next))
        assert error["id"] == "s"
        assert str(error["message"]).startswith("text:")
        assert run.assistant.said == []


@pytest.mark.parametrize(
    "payload",
    [b"", b"what time is it", b"RIFF1234AVI ", b"fLa", b"RIFF" + bytes(10 * 1024 * 1024)],
    ids=["empty", "text", "video", "cut", "large"],
)
async def test_what_is_no_sound_is_refused(mosquitto: Mosquitto, payload: bytes) -> None:
    async with running(mosquitto.port), collect(mosquitto, f"{T}/error", f"{T}/response/#") as seen:
        await off(mosquitto.publish, f"{T}/transcribe", payload)
        error = await off(seen.next)
        assert error.topic == f"{T}/error"
        assert str(parsed(error)["message"]).startswith("audio:")
        await off(mosquitto.publish, f"{T}/transcribe", b"RIFF1234WAVEfmt ")
        answer = parsed(await off(seen.next))
    assert (answer["text"], answer["language"], answer["audio_s"]) == ("turn on the light", "en", 1.5)


async def test_a_topic_takes_no_more_than_its_rate(mosquitto: Mosquitto) -> None:
    async with running(mosquitto.port, say_per_minute=3) as run:
        async with collect(mosquitto, f"{T}/error", f"{T}/response/#") as seen:
            for number in range(5):
                await off(mosquitto.publish, f"{T}/say", f'{{"text": "hello", "id": "s{number}"}}')
            await off(mosquitto.publish, "auricle/all/say", '{"text": "hello", "id": "all"}')
            found = [(message.topic, parsed(message)) for message in await off(seen.until, 6)]
    refused = [(payload["code"], payload["id"]) for topic, payload in found if topic == f"{T}/error"]
    assert refused == [("rate_limited", "s3"), ("rate_limited", "s4")]
    assert [request.id for request in run.assistant.said] == ["s0", "s1", "s2", "all"]


def test_a_minute_later_there_is_room_again() -> None:
    now_s = [0.0]
    rate = RateLimit(2, now=lambda: now_s[0])
    rate.take("t")
    now_s[0] = 30.0
    rate.take("t")
    with pytest.raises(RateLimited, match="30 s"):
        rate.take("t")
    now_s[0] = 60.0
    rate.take("t")
    with pytest.raises(RateLimited, match="30 s"):
        rate.take("t")
