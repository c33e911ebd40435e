"""Replies that are made while they are spoken: each sentence goes out as it comes, and nothing is made for nobody."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import pytest_asyncio

from auricle.api import Intent, PluginConfig, PluginContext, Reply, Sentences, Transcript, Turn, hookimpl
from auricle.model.speech import SpeechStatus
from auricle.pipeline.cutting import MOST_CHARACTERS
from auricle.pipeline.speak import Speech
from auricle.pipeline.streamed import Telling, whole
from auricle.pipeline.ticket import VoiceSettings
from auricle.testing import Harness
from auricle.testing.fakes import RecordingSpeaker, ScriptedTts

House = Callable[..., Harness]


class Story:
    """Sentences that the test lets go one by one; how far it got, and whether it was closed."""

    def __init__(self, *sentences: str) -> None:
        self.sentences = sentences
        self.made = 0
        self.closed = False
        self.more = asyncio.Semaphore(0)

    async def told(self) -> AsyncIterator[str]:
        try:
            for sentence in self.sentences:
                await self.more.acquire()
                self.made += 1
                yield sentence
        finally:
            self.closed = True


class Room:
    def __init__(self) -> None:
        self.tts = ScriptedTts()
        self.speaker = RecordingSpeaker()
        settings = VoiceSettings(voice=lambda: None, volume=lambda: 80, language="en")
        self.speech = Speech(self.tts, self.speaker, settings, queue_size=8, publish=lambda event: None)

    @property
    def asked(self) -> list[str]:
        return [request.text for request in self.tts.asked]

    async def until(self, fact: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not fact():
                await asyncio.sleep(0)


@pytest_asyncio.fixture
async def room() -> AsyncIterator[Room]:
    room = Room()
    task = asyncio.create_task(room.speech.run())
    yield room
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_sentence_is_spoken_before_the_next_one_is_made(room: Room) -> None:
    story = Story("One.", "Two.", "Three.")
    telling = Telling(Reply("Well.", stream=story.told()))
    task = asyncio.create_task(telling.say(room.speech, turn="t", language=None))
    await room.until(lambda: room.asked == ["Well."])
    for number, sentence in enumerate(story.sentences, 1):
        assert story.made == number - 1
        story.more.release()
        await room.until(lambda: sentence in room.asked)  # noqa: B023
    assert await task is SpeechStatus.FINISHED
    assert telling.text == "Well. One. Two. Three."
    assert story.closed


async def test_no_more_is_made_than_is_spoken_soon(room: Room) -> None:
    story = Story(*(f"Sentence {number}." for number in range(400)))
    room.tts.samples_per_character = 1600
    room.speaker.gate.clear()
    for _ in story.sentences:
        story.more.release()
    task = asyncio.create_task(Telling(Reply("", stream=story.told())).say(room.speech, turn="t", language=None))
    await room.until(lambda: bool(room.asked))
    await asyncio.sleep(0.1)
    assert story.made < 200
    room.speaker.gate.set()
    assert await task is SpeechStatus.FINISHED
    assert " ".join(room.asked) == " ".join(story.sentences)


async def test_who_is_stopped_asks_for_no_more(room: Room) -> None:
    story = Story(*(f"Sentence {number}." for number in range(20)))
    for _ in range(5):
        story.more.release()
    room.speaker.gate.clear()
    task = asyncio.create_task(Telling(Reply("", stream=story.told())).say(room.speech, turn="t", language=None))
    await room.until(lambda: bool(room.asked))
    room.speech.stop()
    assert await task is SpeechStatus.CANCELLED
    assert story.closed
    assert story.made <= 5


async def test_a_turn_that_is_cancelled_closes_the_story(room: Room) -> None:
    story = Story("One.", "Two.")
    telling = Telling(Reply("", stream=story.told()))
    task = asyncio.create_task(telling.say(room.speech, turn="t", language=None))
    story.more.release()
    await room.until(lambda: story.made == 1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert story.closed
    assert telling.text == "One."


async def test_a_reply_without_end_ends() -> None:
    async def endless() -> AsyncIterator[str]:
        while True:
            yield "On and on. " * 50

    reply = await whole(Reply("", stream=endless()))
    assert MOST_CHARACTERS - 1000 < len(reply.text) <= MOST_CHARACTERS


class Teller:
    """Understands everything, and tells what it is told to."""

    class Config(PluginConfig, frozen=True, kw_only=True):
        how: str = ""

    def __init__(self, context: PluginContext, config: Config) -> None:
        self._how = config.how

    @hookimpl
    def auricle_sentences(self) -> Mapping[str, Sentences]:
        return {"en": Sentences({"tell": ("tell me",)})}

    @hookimpl
    async def auricle_recognize(self, transcript: Transcript, turn: Turn) -> Intent:
        return Intent("tell")

    @hookimpl
    async def auricle_handle(self, intent: Intent, turn: Turn) -> Reply:
        return Reply("Listen.", stream=self._told())

    async def _told(self) -> AsyncIterator[str]:
        yield "One."
        if self._how == "raises":
            raise RuntimeError("no more ideas")
        if self._how == "nonsense":
            yield 2  # type: ignore[misc]
        yield "Two."


def test_a_typed_command_is_answered_with_the_whole_reply(auricle_house: House) -> None:
    assert auricle_house(Teller, near_miss=1.0).say("tell me") == "Listen. One. Two."


@pytest.mark.parametrize(
    ("how", "told"), [("raises", "no more ideas"), ("nonsense", "its streamed reply gave a int, not text")]
)
def test_a_reply_that_breaks_off_ends_in_an_excuse_and_is_told(auricle_house: House, how: str, told: str) -> None:
    house = auricle_house(Teller, config={"how": how}, near_miss=1.0)
    assert house.say("tell me") == "Listen. One. Something went wrong with that."
    (fault,) = house.faults
    assert told in fault


def test_a_stream_that_is_none_is_refused(auricle_house: House) -> None:
    class Wrong(Teller):
        @hookimpl
        async def auricle_handle(self, intent: Intent, turn: Turn) -> Reply:
            return Reply("Listen.", stream=["One."])  # type: ignore[arg-type]

    house = auricle_house(Wrong, near_miss=1.0)
    assert house.say("tell me") == "Something went wrong with that."
    assert "a Reply" in house.faults[0]
