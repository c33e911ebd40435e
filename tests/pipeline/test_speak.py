"""The speech queue: order, interruption, exactly one end for each request."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from auricle.bus import EventBus
from auricle.ledger import Ledger
from auricle.model.audio import OUTBOUND_RATE_HZ
from auricle.model.errors import BadRequest, EngineDied, QueueFull
from auricle.model.events import ErrorRaised, Event, SpeechChanged
from auricle.model.speech import Priority, SpeechRequest, SpeechStatus
from auricle.pipeline.chimes import chime
from auricle.pipeline.speak import Speech
from auricle.pipeline.ticket import SpeechResult, VoiceSettings
from auricle.testing.fakes import RecordingSpeaker, ScriptedTts


class Room:
    def __init__(self) -> None:
        self.tts = ScriptedTts()
        self.speaker = RecordingSpeaker()
        self.events: list[Event] = []
        self.volume = 80
        self.speech = Speech(
            self.tts,
            self.speaker,
            VoiceSettings(voice=lambda: "joe", volume=lambda: self.volume, language="en"),
            queue_size=4,
            publish=self.events.append,
        )

    def told(self, id: str) -> list[str]:
        return [event.status.value for event in self.events if isinstance(event, SpeechChanged) and event.id == id]

    def order(self) -> list[str]:
        return [
            event.id
            for event in self.events
            if isinstance(event, SpeechChanged) and event.status is SpeechStatus.STARTED
        ]


@pytest_asyncio.fixture
async def room() -> AsyncIterator[Room]:
    room = Room()
    task = asyncio.create_task(room.speech.run())
    yield room
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def begun(room: Room, id: str) -> None:
    async with asyncio.timeout(5):
        while "started" not in room.told(id):
            await asyncio.sleep(0)


async def test_a_request_is_queued_started_and_finished(room: Room) -> None:
    ticket = room.speech.submit(SpeechRequest(text="One. Two two.", id="a"))
    assert await ticket.done() == SpeechResult(SpeechStatus.FINISHED)
    assert room.told("a") == ["queued", "started", "finished"]
    assert [piece.text for piece in room.tts.asked] == ["One.", "Two two."]
    assert {piece.voice for piece in room.tts.asked} == {"joe"}
    pause = int(0.12 * OUTBOUND_RATE_HZ)
    assert len(room.speaker.played[0]) == 2 * (100 * len("One.Two two.") + pause)


async def test_other_rates_become_outbound_audio(room: Room) -> None:
    room.tts.rate_hz = 22_050
    await room.speech.submit(SpeechRequest(text="x" * 100)).done()
    assert len(room.speaker.played[0]) // 2 == pytest.approx(100 * 100 * 24_000 / 22_050, abs=2)


async def test_higher_priority_goes_first_and_equals_keep_their_order(room: Room) -> None:
    room.speaker.gate.clear()
    tickets = [room.speech.submit(SpeechRequest(text="first", id="first"))]
    await begun(room, "first")
    for id, priority in (
        ("low", Priority.LOW),
        ("n1", Priority.NORMAL),
        ("n2", Priority.NORMAL),
        ("hi", Priority.HIGH),
    ):
        tickets.append(room.speech.submit(SpeechRequest(text=id, id=id, priority=priority)))
    room.speaker.gate.set()
    for ticket in tickets:
        await ticket.done()
    assert room.order() == ["first", "hi", "n1", "n2", "low"]


async def test_an_alarm_interrupts_and_others_wait(room: Room) -> None:
    room.speaker.gate.clear()
    talk = room.speech.submit(SpeechRequest(text="long talk", id="talk"))
    await begun(room, "talk")
    room.speech.submit(SpeechRequest(text="soon", id="high", priority=Priority.HIGH))
    await asyncio.sleep(0.01)
    assert room.order() == ["talk"]
    alarm = room.speech.submit(SpeechRequest(text="fire", id="alarm", priority=Priority.ALARM))
    room.speaker.gate.set()
    assert await alarm.done() == SpeechResult(SpeechStatus.FINISHED)
    assert await talk.done() == SpeechResult(SpeechStatus.CANCELLED, "interrupted by alarm")
    assert room.order()[:2] == ["talk", "alarm"]


async def test_a_request_that_says_interrupt_cuts_whatever_is_said(room: Room) -> None:
    room.speaker.gate.clear()
    talk = room.speech.submit(SpeechRequest(text="long talk", id="talk", priority=Priority.HIGH))
    await begun(room, "talk")
    room.speech.submit(SpeechRequest(text="now", id="now", interrupt=True))
    room.speaker.gate.set()
    assert (await talk.done()).status is SpeechStatus.CANCELLED
    assert room.speaker.cut == 1


async def test_the_same_id_is_said_once(room: Room) -> None:
    first = room.speech.submit(SpeechRequest(text="hello", id="same"))
    await first.done()
    second = room.speech.submit(SpeechRequest(text="hello", id="same"))
    assert await second.done() == SpeechResult(SpeechStatus.FINISHED)
    assert len(room.speaker.played) == 1
    assert room.told("same") == ["queued", "started", "finished"]


async def test_what_waited_too_long_expires_unsaid(room: Room) -> None:
    room.speaker.gate.clear()
    room.speech.submit(SpeechRequest(text="talk", id="talk"))
    await begun(room, "talk")
    late = room.speech.submit(SpeechRequest(text="late", id="late", expires_s=0.01))
    await asyncio.sleep(0.05)
    room.speaker.gate.set()
    assert (await late.done()).status is SpeechStatus.EXPIRED
    assert room.told("late") == ["queued", "expired"]


async def test_a_full_queue_refuses_and_loses_nothing(room: Room) -> None:
    room.speaker.gate.clear()
    tickets = [room.speech.submit(SpeechRequest(text="talk", id="talk"))]
    await begun(room, "talk")
    tickets += [room.speech.submit(SpeechRequest(text=str(number))) for number in range(4)]
    with pytest.raises(QueueFull, match="try again"):
        room.speech.submit(SpeechRequest(text="one more"))
    room.speaker.gate.set()
    assert [(await ticket.done()).status for ticket in tickets] == [SpeechStatus.FINISHED] * 5


@pytest.mark.parametrize("text", ["", "  \n", "x" * 4097])
async def test_text_that_cannot_be_said_is_refused_by_name(room: Room, text: str) -> None:
    with pytest.raises(BadRequest, match="text"):
        room.speech.submit(SpeechRequest(text=text))


async def test_stop_ends_all_and_stop_of_one_ends_one(room: Room) -> None:
    room.speaker.gate.clear()
    tickets = [room.speech.submit(SpeechRequest(text=id, id=id)) for id in ("a", "b", "c")]
    await begun(room, "a")
    assert room.speech.stop("b") == 1
    assert (await tickets[1].done()).status is SpeechStatus.CANCELLED
    assert not tickets[0].ended
    assert room.speech.stop() == 2
    assert [(await ticket.done()).status for ticket in tickets] == [SpeechStatus.CANCELLED] * 3
    room.speaker.gate.set()
    await room.speech.submit(SpeechRequest(text="again", id="again")).done()
    assert room.told("again") == ["queued", "started", "finished"]


async def test_an_engine_that_fails_ends_that_request_alone(room: Room) -> None:
    room.tts.failures["Bad."] = EngineDied("the engine died")
    bad = room.speech.submit(SpeechRequest(text="Bad.", id="bad"))
    good = room.speech.submit(SpeechRequest(text="Good.", id="good"))
    assert await bad.done() == SpeechResult(SpeechStatus.FAILED, "the engine died")
    assert await good.done() == SpeechResult(SpeechStatus.FINISHED)
    assert [event.code for event in room.events if isinstance(event, ErrorRaised)] == ["engine_died"]


async def test_when_nothing_can_speak_the_text_is_told_and_the_room_hears_a_chime(room: Room) -> None:
    room.tts.failures["Hello."] = EngineDied("the engine died")
    await room.speech.submit(SpeechRequest(text="Hello.", id="x")).done()
    [told] = [event for event in room.events if isinstance(event, SpeechChanged) and event.status.value == "failed"]
    assert (told.text, told.reason) == ("Hello.", "the engine died")
    async with asyncio.timeout(5):
        while chime("failure").pcm not in room.speaker.played:
            await asyncio.sleep(0)


async def test_a_failure_between_sentences_is_said_so_after_what_was_made(room: Room) -> None:
    room.tts.failures["Two."] = EngineDied("the engine died")
    assert (await room.speech.submit(SpeechRequest(text="One. Two.", id="x")).done()).status is SpeechStatus.FAILED
    assert room.told("x") == ["queued", "started", "failed"]


async def test_a_turn_holds_announcements_but_not_its_reply_nor_alarms(room: Room) -> None:
    room.speech.hold()
    waits = room.speech.submit(SpeechRequest(text="news", id="news", priority=Priority.HIGH))
    reply = room.speech.submit(SpeechRequest(text="reply", id="reply", turn="t"))
    alarm = room.speech.submit(SpeechRequest(text="fire", id="fire", priority=Priority.ALARM))
    await reply.done()
    await alarm.done()
    assert not waits.ended
    room.speech.release()
    assert (await waits.done()).status is SpeechStatus.FINISHED


async def test_volume_is_the_requests_own_or_the_sites(room: Room) -> None:
    await room.speech.submit(SpeechRequest(text="a")).done()
    await room.speech.submit(SpeechRequest(text="b", volume=5)).done()
    assert room.speaker.volumes == [80, 5]


async def test_shutting_down_ends_every_request(room: Room) -> None:
    speech = Speech(
        room.tts,
        room.speaker,
        VoiceSettings(voice=lambda: None, volume=lambda: 1),
        queue_size=9,
        publish=room.events.append,
    )
    task = asyncio.create_task(speech.run())
    room.speaker.gate.clear()
    tickets = [speech.submit(SpeechRequest(text=id, id=id)) for id in ("a", "b")]
    await begun(room, "a")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert [(await ticket.done()).reason for ticket in tickets] == ["shutting down"] * 2


async def test_an_end_is_told_for_good_once_it_is_told_outside(tmp_path: Path) -> None:
    bus, ledger = EventBus(), Ledger(tmp_path / "requests.sqlite")
    settings = VoiceSettings(voice=lambda: "joe", volume=lambda: 80, language="en")
    speech = Speech(ScriptedTts(), RecordingSpeaker(), settings, queue_size=4, publish=bus.publish, ledger=ledger)
    task = asyncio.create_task(speech.run())
    with bus.subscribe(vouches=True) as events:
        await (await speech.accept(SpeechRequest(text="One.", id="a"))).done()
        # A crash now, and the next run finds that nobody may have heard of it.
        assert [late.request.id for late in await ledger.untold()] == ["a"]
        bus.close()
        async for event in events:
            events.confirm(event)
        assert await ledger.untold() == []
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    ledger.close()
