"""From a text to sound: kept pieces, made pieces, and the engine's own pace."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from auricle.model.audio import OUTBOUND_RATE_HZ, AudioFrame
from auricle.model.errors import BadRequest, EngineDied
from auricle.model.events import Event
from auricle.model.speech import SpeechRequest, SpeechStatus, SynthesisRequest
from auricle.pipeline.rehearsal import canned, rehearse
from auricle.pipeline.speak import Speech
from auricle.pipeline.synthesis import KeptSpeech, is_kept, synthesized
from auricle.pipeline.ticket import VoiceSettings
from auricle.ports import TextToSpeech
from auricle.speech_cache import SpeechCache
from auricle.testing.fakes import RecordingSpeaker, ScriptedTts


class House:
    def __init__(self, folder: Path) -> None:
        self.identity: str | None = "piper 1"
        self.cache = SpeechCache(folder / "speech", limit_bytes=10_000_000)
        self.kept = KeptSpeech(self.cache, "piper", lambda: self.identity)
        self.tts = ScriptedTts(level=3000, engine="piper")

    @property
    def asked(self) -> list[str]:
        return [piece.text for piece in self.tts.asked]

    async def say(
        self, request: SpeechRequest, loudness: float | None = None, tts: TextToSpeech | None = None
    ) -> bytes:
        frames = synthesized(request, tts or self.tts, loudness_lufs=loudness, kept=self.kept)
        return b"".join([frame.pcm async for frame in frames])


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def test_a_sentence_said_before_is_found_and_sounds_the_same(house: House) -> None:
    first = await house.say(SpeechRequest(text="It is on.  It stays on."))
    assert await house.say(SpeechRequest(text="It is on. It stays on.")) == first
    assert house.asked == ["It is on.", "It stays on."]


async def test_a_sentence_is_the_unit_whatever_text_it_stands_in(house: House) -> None:
    await house.say(SpeechRequest(text="One is on. Two is on."))
    await house.say(SpeechRequest(text="Two is on. Three is on."))
    assert house.asked == ["One is on.", "Two is on.", "Three is on."]


@pytest.mark.parametrize(
    "change",
    [
        lambda request: replace(request, text="It is off."),
        lambda request: replace(request, voice="joe"),
        lambda request: replace(request, language="de"),
        lambda request: replace(request, speed=1.2),
        lambda request: replace(request, pitch=2.0),
        lambda request: replace(request, engine={"seed": 1}),
    ],
)
async def test_whatever_changes_the_sound_is_asked_for_anew(
    house: House, change: Callable[[SpeechRequest], SpeechRequest]
) -> None:
    request = SpeechRequest(text="It is on.")
    await house.say(request)
    await house.say(change(request))
    assert len(house.asked) == 2


async def test_another_loudness_engine_or_version_is_asked_for_anew(house: House) -> None:
    request = SpeechRequest(text="It is on.")
    await house.say(request)
    await house.say(request, -23.0)
    house.identity = "piper 2"
    await house.say(request)
    house.kept = replace(house.kept, engine="chatterbox")
    await house.say(request)
    assert len(house.asked) == 4


async def test_nothing_is_kept_of_an_engine_that_is_not_known_yet(house: House) -> None:
    house.identity = None
    await house.say(SpeechRequest(text="It is on."))
    await house.say(SpeechRequest(text="It is on."))
    assert len(house.asked) == 2
    assert house.cache.figures().entries == 0


async def test_what_another_engine_said_in_its_place_is_not_kept(house: House) -> None:
    stand_in = ScriptedTts(level=3000, engine="espeak")
    await house.say(SpeechRequest(text="It is on."), tts=stand_in)
    await house.say(SpeechRequest(text="It is on."))
    assert house.asked == ["It is on."]


async def test_a_kept_sentence_needs_no_engine(house: House) -> None:
    first = await house.say(SpeechRequest(text="Sorry."))
    house.tts.failures["Sorry."] = EngineDied("the engine died")
    assert await house.say(SpeechRequest(text="Sorry.")) == first


async def test_a_damaged_entry_is_made_anew(house: House) -> None:
    first = await house.say(SpeechRequest(text="It is on."))
    for path in house.cache.folder.iterdir():
        path.write_bytes(path.read_bytes()[:-7])
    assert await house.say(SpeechRequest(text="It is on.")) == first
    assert len(house.asked) == 2
    assert await house.say(SpeechRequest(text="It is on.")) == first
    assert len(house.asked) == 2


class Halting:
    """Gives half a second of sound, then waits for `gate`, then gives the rest or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.gate = asyncio.Event()
        self.error = error
        self.closed = False

    async def synthesize(self, request: SynthesisRequest) -> AsyncGenerator[AudioFrame, None]:
        half = ScriptedTts(level=3000, engine="piper")
        try:
            for _ in range(2):
                async for frame in half.synthesize(SynthesisRequest("x" * 120)):
                    yield frame
                await self.gate.wait()
                if self.error is not None:
                    raise self.error
        finally:
            self.closed = True


@pytest.mark.parametrize("loudness", [None, -23.0])
async def test_the_first_sound_does_not_wait_for_the_rest_of_the_sentence(house: House, loudness: float | None) -> None:
    tts = Halting()
    async with asyncio.timeout(10):
        async with aclosing(synthesized(SpeechRequest(text="Long."), tts, loudness_lufs=loudness)) as frames:
            assert (await anext(frames)).seconds == pytest.approx(0.5, abs=0.02)
            assert not tts.gate.is_set()
    assert tts.closed


@pytest.mark.parametrize("loudness", [None, -23.0])
async def test_a_sentence_cut_short_or_failed_is_not_kept_and_what_was_made_is_said(
    house: House, loudness: float | None
) -> None:
    failing = Halting(EngineDied("the engine died"))
    failing.gate.set()
    said = []

    async def listen() -> None:
        async for frame in synthesized(SpeechRequest(text="Long."), failing, loudness_lufs=loudness, kept=house.kept):
            said.append(frame)

    with pytest.raises(EngineDied):
        await listen()
    assert sum(frame.seconds for frame in said) == pytest.approx(0.5, abs=0.02)
    cut = Halting()
    async with asyncio.timeout(10):
        async with aclosing(
            synthesized(SpeechRequest(text="Long."), cut, loudness_lufs=loudness, kept=house.kept)
        ) as frames:
            await anext(frames)
    assert cut.closed
    assert house.cache.figures().entries == 0


@pytest.mark.parametrize("native", [True, False])
async def test_the_pace_is_kept_once_whoever_keeps_it(house: House, native: bool) -> None:
    house.tts.native_speed = native
    usual, quick = [len(await house.say(SpeechRequest(text="x" * 200, speed=speed))) for speed in (1.0, 1.6)]
    assert usual / quick == pytest.approx(1.6, rel=0.02)


async def test_an_impossible_pitch_is_refused(house: House) -> None:
    with pytest.raises(BadRequest, match="pitch 13"):
        await house.say(SpeechRequest(text="It is on.", pitch=13))


# --- the daemon's own sentences


def speech_of(house: House, events: list[Event]) -> Speech:
    settings = VoiceSettings(voice=lambda: None, volume=lambda: 80, language="en", loudness_lufs=-23.0)
    return Speech(house.tts, RecordingSpeaker(), settings, queue_size=4, publish=events.append, kept=house.kept)


async def test_rehearsed_sentences_are_said_without_the_engine_and_rehearsed_once(house: House) -> None:
    events: list[Event] = []
    speech = speech_of(house, events)
    for _ in range(2):
        await rehearse(canned("en"), speech.rehearse, lambda: False, quiet_s=0.0)
    assert events == []
    pieces = len(house.asked)
    assert pieces >= 3
    running = asyncio.create_task(speech.run())
    ticket = speech.submit(SpeechRequest(text=canned("en")[1]))
    assert (await ticket.done()).status is SpeechStatus.FINISHED
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert len(house.asked) == pieces


async def test_rehearsing_gives_way_as_soon_as_the_house_is_busy(house: House) -> None:
    speech = speech_of(house, [])
    house.tts.gate.clear()
    busy = False
    task = asyncio.create_task(rehearse(["Hello you."], speech.rehearse, lambda: busy, quiet_s=0.0))
    async with asyncio.timeout(10):
        while not house.asked:
            await asyncio.sleep(0.01)
        busy = True
        while len(asyncio.all_tasks()) > 2:
            await asyncio.sleep(0.01)
        assert house.cache.figures().entries == 0
        house.tts.gate.set()
        busy = False
        await task
    assert house.asked == ["Hello you.", "Hello you."]
    assert await is_kept(SpeechRequest(text="Hello you.", language="en", speed=1.0), house.kept, loudness_lufs=-23.0)


async def test_an_engine_that_fails_ends_the_rehearsal_quietly(house: House) -> None:
    house.tts.failures["One."] = EngineDied("the engine died")
    await rehearse(["One.", "Two."], speech_of(house, []).rehearse, lambda: False, quiet_s=0.0)
    assert house.asked == ["One."]


@pytest.mark.parametrize(("language", "word"), [("en", "Sorry"), ("de-AT", "Entschuldigung"), ("xx", "Sorry")])
def test_the_daemons_sentences_are_in_the_language_of_the_site(language: str, word: str) -> None:
    assert len(canned(language)) == 3
    assert canned(language)[1].startswith(word)


def test_outbound_audio_is_what_is_kept(house: House) -> None:
    asyncio.run(house.say(SpeechRequest(text="x" * 240)))
    assert house.cache.figures().seconds == pytest.approx(240 * 100 / OUTBOUND_RATE_HZ, abs=0.01)
