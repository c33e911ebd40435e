"""Replies that are spoken while they are made: from the first clause on, and without a gap between two pieces."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from auricle.model.audio import OUTBOUND_RATE_HZ, AudioFrame
from auricle.model.errors import PluginError
from auricle.model.events import Event, SpeechChanged
from auricle.model.speech import SpeechRequest, SpeechStatus
from auricle.pipeline.ahead import Ahead, Lead, Pace
from auricle.pipeline.cutting import Cutter
from auricle.pipeline.speak import Speech
from auricle.pipeline.ticket import VoiceSettings
from auricle.testing.fakes import RecordingSpeaker, ScriptedTts
from support.pulse import PulseServer
from support.streaming_driver import longest_silence_s

STORY = (
    "Well, the weather in the mountains is going to be fine tomorrow, with a little wind from the north in the morning "
    "and long hours of sunshine after that. Take a warm coat with you, since the evening will be cold. "
    "The bus leaves at nine, and the next one is an hour later."
)
SOUND = AudioFrame(bytes(2 * OUTBOUND_RATE_HZ), rate_hz=OUTBOUND_RATE_HZ)


async def bits(*texts: str, fails: Exception | None = None) -> AsyncIterator[str]:
    for text in texts:
        yield text
        await asyncio.sleep(0)
    if fails is not None:
        raise fails


async def cut(cutter: Cutter, lead: Lead | None = None) -> list[str]:
    lead = lead or Lead(Pace())
    found = []
    while (piece := await cutter.next(lead)) is not None:
        found.append(piece.text)
    await cutter.close()
    return found


async def test_parts_of_words_become_a_clause_and_then_sentences() -> None:
    parts = [STORY[at : at + 3] for at in range(0, len(STORY), 3)]
    pieces = await cut(Cutter("", bits(*parts)))
    assert " ".join(pieces) == STORY
    assert len(pieces[0]) < 70
    assert pieces[-2:] == [
        "Take a warm coat with you, since the evening will be cold.",
        "The bus leaves at nine, and the next one is an hour later.",
    ]


async def test_sentences_that_come_alone_are_said_at_once_and_apart() -> None:
    heard = asyncio.Event()

    async def sentences() -> AsyncIterator[str]:
        yield "The light is on."
        await heard.wait()
        yield "Yes."
        yield "All is well."

    cutter, lead = Cutter("", sentences()), Lead(Pace())
    async with asyncio.timeout(10):
        first = await cutter.next(lead)
    assert first is not None
    assert first.text == "The light is on."
    heard.set()
    assert await cut(cutter) == ["Yes.", "All is well."]


async def test_an_abbreviation_or_a_number_does_not_end_a_piece() -> None:
    text = "Dr. Smith is 1.5 metres away, approx. at the door. He waits."
    assert await cut(Cutter("", bits(*text.split(" ")[0:1], " " + text.split(" ", 1)[1]))) == [
        "Dr. Smith is 1.5 metres away, approx. at the door.",
        "He waits.",
    ]


@pytest.mark.parametrize("rtf", [0.1, 0.4, 0.69])
async def test_each_piece_is_made_before_the_one_before_ends(rtf: float) -> None:
    now = 0.0
    pace = Pace()
    lead = Lead(pace, lambda: now)
    cutter = Cutter(STORY + " " + STORY.replace(", ", " ").replace(". ", " "))
    spoken: list[str] = []
    while (piece := await cutter.next(lead)) is not None:
        sound = AudioFrame(bytes(2 * (OUTBOUND_RATE_HZ * len(piece.text) // 15)), rate_hz=OUTBOUND_RATE_HZ)
        now += rtf * sound.seconds
        assert not spoken or lead.seconds >= -0.05, piece.text
        pace.made(sound.seconds, rtf * sound.seconds)
        lead.sound(sound)
        lead.text(piece.text)
        spoken.append(piece.text)
    assert " ".join(spoken).split() == (STORY + " " + STORY.replace(", ", " ").replace(". ", " ")).split()
    assert len(spoken[0]) <= 90


@pytest.mark.parametrize(("rtf", "late_s"), [(2.0, 0.0), (0.2, 5.0)])
async def test_a_slow_engine_and_one_that_is_late_are_given_whole_sentences(rtf: float, late_s: float) -> None:
    now = 0.0
    pace = Pace()
    pace.made(1.0, rtf)
    lead = Lead(pace, lambda: now)
    lead.sound(SOUND)
    now = late_s
    sentences = ["It is on.", "The washing machine in the cellar has finished and the light is on."]
    assert await cut(Cutter(" ".join(sentences)), lead) == sentences


def test_an_engine_that_was_started_again_is_not_slow_from_then_on() -> None:
    pace = Pace()
    found = []
    for worked_s in (0.2, 3.0, 0.2, 0.6, 0.2):
        pace.made(1.0, worked_s)
        found.append(pace.rtf)
    assert found == [0.2, 3.0, 0.2, 0.6, 0.4]


async def test_words_are_said_without_their_sentence_only_where_the_sound_runs_out() -> None:
    now = 0.0
    lead = Lead(Pace(), lambda: now)
    lead.sound(SOUND)
    more = asyncio.Event()

    async def slow() -> AsyncIterator[str]:
        yield "One two three. "
        yield "It goes on and on and on and never "
        await more.wait()
        yield "ends."

    cutter = Cutter("", slow())
    first = await cutter.next(lead)
    assert first is not None
    assert first.text == "One two three."
    now = 0.5
    async with asyncio.timeout(10):
        second = await cutter.next(lead)
    assert second is not None
    assert "It goes on and on and on and never".startswith(second.text)
    more.set()
    rest = await cut(cutter, lead)
    assert " ".join([second.text, *rest]) == "It goes on and on and on and never ends."


async def test_what_is_ready_is_bounded_by_its_length() -> None:
    ahead = Ahead(2.0)
    for _ in range(2):
        await ahead.put(SOUND)
    waits = asyncio.create_task(ahead.put(SOUND))
    await asyncio.sleep(0.05)
    assert not waits.done()
    assert await ahead.get() is SOUND
    await asyncio.wait_for(waits, 5)


class Room:
    def __init__(self) -> None:
        self.tts, self.speaker = ScriptedTts(), RecordingSpeaker()
        self.events: list[SpeechChanged] = []
        self.speech = Speech(
            self.tts, self.speaker, VoiceSettings(lambda: None, lambda: 80), queue_size=4, publish=self.note
        )

    def note(self, event: Event) -> None:
        if isinstance(event, SpeechChanged):
            self.events.append(event)

    async def __aenter__(self) -> "Room":
        self.running = asyncio.create_task(self.speech.run())
        return self

    async def __aexit__(self, *error: object) -> None:
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)


async def test_a_reply_is_heard_before_it_is_whole_and_told_whole_at_its_end() -> None:
    goes_on = asyncio.Event()

    async def reply() -> AsyncIterator[str]:
        yield "Good morning, "
        yield "it is late"
        await goes_on.wait()
        yield " already."

    async with Room() as room, asyncio.timeout(10):
        ticket = room.speech.submit(SpeechRequest(text="", id="r", turn="t"), reply())
        while "started" not in [event.status.value for event in room.events]:
            await asyncio.sleep(0.01)
        assert [piece.text for piece in room.tts.asked] == ["Good morning,"]
        goes_on.set()
        assert (await ticket.done()).status is SpeechStatus.FINISHED
        assert room.events[-1].text == "Good morning, it is late already."
        assert room.tts.asked[0].text == "Good morning,"


async def test_a_source_that_fails_ends_the_request_after_what_it_gave() -> None:
    async with Room() as room, asyncio.timeout(10):
        ticket = room.speech.submit(
            SpeechRequest(text="", id="r"), bits("It is on. ", "And", fails=PluginError("no more"))
        )
        result = await ticket.done()
    assert (result.status, result.reason) == (SpeechStatus.FAILED, "no more")
    assert room.tts.asked[0].text == "It is on."


async def test_stopping_closes_the_source() -> None:
    closed = asyncio.Event()

    async def endless() -> AsyncIterator[str]:
        try:
            while True:
                yield "And so on. "
                await asyncio.sleep(0.01)
        finally:
            closed.set()

    async with Room() as room, asyncio.timeout(10):
        ticket = room.speech.submit(SpeechRequest(text="", id="r"), endless())
        while not room.tts.asked:
            await asyncio.sleep(0.01)
        room.speech.stop()
        assert (await ticket.done()).status is SpeechStatus.CANCELLED
        await closed.wait()


@pytest.mark.models
@pytest.mark.sound
@pytest.mark.parametrize(("every_s", "rtf"), [(0.15, 0.3), pytest.param(0.02, 0.65, marks=pytest.mark.long)])
def test_the_room_hears_no_gap_between_pieces(pulse: PulseServer, every_s: float, rtf: float) -> None:
    story = STORY if every_s < 0.1 else STORY.partition(" Take")[0]
    with pulse.recorder() as room:
        driver = pulse.spawn(
            [sys.executable, str(Path(__file__).parents[1] / "support" / "streaming_driver.py")]
            + [str(every_s), str(rtf), story],
            stdout=subprocess.PIPE,
        )
        out, _ = driver.communicate(timeout=120)
        heard = room.stop()
    told = json.loads(out)
    assert (told["status"], told["text"]) == ("finished", story.split())
    if every_s > 0.1:
        assert told["started"] < told["text_s"]
    assert len(told["pieces"]) > 1
    assert told["underruns"] == 0  # the device never wanted sound that was not there
    # A busy machine's sound server stumbles for some 80 ms by itself.
    assert longest_silence_s(heard) <= told["silence_s"] + 0.12 + 0.05 + 0.1
