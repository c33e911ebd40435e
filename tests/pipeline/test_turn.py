"""Turns from sound to reply: what is told, in which order, and how each ends."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from auricle.api import Intent, Reply, Sentences, Transcript, Turn
from auricle.bus import EventBus
from auricle.model.audio import AudioFrame
from auricle.model.errors import AuricleError, EngineDied
from auricle.model.events import (
    CommandEnded,
    ErrorRaised,
    Event,
    IntentHandled,
    SpeechChanged,
    StageChanged,
    Transcribed,
    TurnEnded,
    WakeHeard,
)
from auricle.model.turn import Outcome, Stage
from auricle.pipeline.dialogue import Dialogue
from auricle.pipeline.dispatch import Dispatcher
from auricle.pipeline.ears import Ears
from auricle.pipeline.endpoint import EndpointRule
from auricle.pipeline.speak import Speech
from auricle.pipeline.ticket import VoiceSettings
from auricle.pipeline.transcribe import Transcriber
from auricle.pipeline.turn import Conversation
from auricle.pipeline.wake import WakeHit
from auricle.service import Assistant
from auricle.settings import Site
from auricle.status import Status
from auricle.store import SettingsStore
from auricle.testing.fakes import (
    LoudnessVad,
    RecordingSpeaker,
    ScriptedSource,
    ScriptedStt,
    ScriptedTts,
    silence,
    voice,
)

SENTENCES = {"en": {"lamp": Sentences({"light": ("turn on the light",)})}}
ONE_TURN = silence(1) + voice(1.5) + silence(2)


class Lamp:
    """Understands nothing by itself, and handles the one intent that its sentences give."""

    async def recognize(self, transcript: Transcript, turn: Turn) -> Intent | None:
        return None

    async def handle(self, intent: Intent, turn: Turn) -> Reply | None:
        return Reply("The light is on.", handled_by="lamp")


class At:
    """Hears the wake word at these samples."""

    def __init__(self, *samples: int) -> None:
        self.samples = list(samples)

    def feed(self, frame: AudioFrame) -> WakeHit | None:
        if self.samples and frame.end_sample > self.samples[0]:
            return WakeHit("hey_jarvis", 0.98, self.samples.pop(0))
        return None


class Site1:
    """A whole assistant around scripted engines."""

    def __init__(
        self,
        folder: Path,
        pcm: bytes,
        wakes: Sequence[int],
        script: Sequence[Transcript | Exception],
        follow_up_s: float = 0.0,
    ) -> None:
        self.events: list[Event] = []
        self.store = SettingsStore(folder / "state.sqlite")
        self.bus = EventBus()
        self.assistant = Assistant(Site(), self.bus, self.store, Status(), follow_up_s=follow_up_s)
        self.stt = ScriptedStt(script)
        self.tts = ScriptedTts()
        self.speaker = RecordingSpeaker()
        self.ended = asyncio.Event()
        self.ears = Ears(
            ScriptedSource(pcm),
            At(*wakes),  # type: ignore[arg-type]
            LoudnessVad(),
            loop=asyncio.get_running_loop(),
            on_wake=self.assistant.wake,
            on_end=self.ended.set,
            on_fault=self.assistant.fault,
        )
        speech = Speech(
            self.tts,
            self.speaker,
            VoiceSettings(voice=lambda: None, volume=lambda: 80, language="en"),
            queue_size=8,
            publish=self.publish,
        )
        conversation = Conversation(
            ears=self.ears,
            rule=EndpointRule(patience_s=2, silence_s=0.5),
            transcriber=Transcriber(
                self.stt, language="en", normalized=False, since_arrival_s=lambda sample: 0.123, publish=self.publish
            ),
            dialogue=Dialogue(Dispatcher(Lamp(), SENTENCES, near_miss=1.0, language="en"), language="en"),
            speech=speech,
            language="en",
            chimes=False,
            publish=self.publish,
        )
        self.assistant.attach(conversation, self.ears, dict)
        self.speaking = asyncio.create_task(speech.run())

    def publish(self, event: Event) -> None:
        self.events.append(event)
        self.assistant.publish(event)

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    async def to_the_end(self) -> None:
        self.ears.start()
        async with asyncio.timeout(15):
            await self.ended.wait()
            await self.assistant.settled()

    async def close(self) -> None:
        await self.assistant.close()
        await asyncio.to_thread(self.ears.stop)
        self.speaking.cancel()
        await asyncio.gather(self.speaking, return_exceptions=True)
        self.store.close()


@pytest_asyncio.fixture
async def sites() -> AsyncIterator[list[Site1]]:
    made: list[Site1] = []
    yield made
    for site in made:
        await site.close()


async def heard(
    sites: list[Site1],
    folder: Path,
    pcm: bytes,
    script: Sequence[Transcript | Exception],
    wakes: Sequence[int] = (8000,),
) -> Site1:
    site = Site1(folder, pcm, wakes, script)
    sites.append(site)
    await site.to_the_end()
    return site


async def test_a_turn_tells_its_story_in_order(sites: list[Site1], tmp_path: Path) -> None:
    with_bus: list[Event] = []
    site = Site1(tmp_path, ONE_TURN, (8000,), [Transcript("Turn on the light.", "en", 0.9)])
    sites.append(site)
    with site.bus.subscribe() as subscription:
        await site.to_the_end()
        subscription.close()
        with_bus = [event async for event in subscription]
    assert [type(event) for event in with_bus] == [
        WakeHeard,
        StageChanged,
        CommandEnded,
        StageChanged,
        Transcribed,
        StageChanged,
        IntentHandled,
        StageChanged,
        SpeechChanged,
        SpeechChanged,
        SpeechChanged,
        StageChanged,
        TurnEnded,
    ]
    stages = [event.stage for event in with_bus if isinstance(event, StageChanged)]
    assert stages == [Stage.LISTENING, Stage.TRANSCRIBING, Stage.THINKING, Stage.SPEAKING, Stage.IDLE]
    assert len({event.turn for event in with_bus if not isinstance(event, StageChanged)}) == 1  # type: ignore[attr-defined]


async def test_the_transcript_says_where_speech_was_and_how_late_it_is(sites: list[Site1], tmp_path: Path) -> None:
    site = await heard(sites, tmp_path, ONE_TURN, [Transcript("turn on the light", "en", 0.9)])
    (told,) = site.of(Transcribed)
    assert isinstance(told, Transcribed)
    assert told.first_sample == pytest.approx(16_000, abs=512)
    assert told.last_sample == pytest.approx(40_000, abs=512)
    assert told.audio_s == pytest.approx(1.5, abs=0.05)
    assert (told.latency_ms, told.wake_word, told.confidence) == (123.0, "hey_jarvis", 0.9)


async def test_the_engine_gets_the_command_with_its_lead_in_and_nothing_from_before_the_wake_word(
    sites: list[Site1], tmp_path: Path
) -> None:
    site = await heard(sites, tmp_path, voice(0.5) + voice(2) + silence(1), [Transcript("turn on the light")], (8000,))
    assert site.stt.heard[0][0].first_sample == 8000
    assert site.stt.languages == ["en"]


async def test_silence_after_the_wake_word_ends_the_turn_quietly(sites: list[Site1], tmp_path: Path) -> None:
    site = await heard(sites, tmp_path, silence(4), [])
    (ended,) = site.of(TurnEnded)
    assert isinstance(ended, TurnEnded)
    assert ended.outcome is Outcome.NOTHING_HEARD
    assert site.of(SpeechChanged) == site.of(ErrorRaised) == site.of(Transcribed) == []


async def test_words_that_are_none_end_the_turn_quietly(sites: list[Site1], tmp_path: Path) -> None:
    site = await heard(sites, tmp_path, ONE_TURN, [Transcript("")])
    assert [event.outcome for event in site.of(TurnEnded) if isinstance(event, TurnEnded)] == [Outcome.NOTHING_HEARD]
    assert site.of(SpeechChanged) == []


async def test_what_is_not_understood_is_said_so(sites: list[Site1], tmp_path: Path) -> None:
    site = await heard(sites, tmp_path, ONE_TURN, [Transcript("purple elephants")])
    assert [event.outcome for event in site.of(TurnEnded) if isinstance(event, TurnEnded)] == [Outcome.NOT_UNDERSTOOD]
    (intent,) = site.of(IntentHandled)
    assert isinstance(intent, IntentHandled)
    assert (intent.name, intent.text) == (None, "purple elephants")
    assert "not understand" in site.tts.asked[0].text


@pytest.mark.parametrize("failure", [EngineDied("the STT engine died"), ValueError("a bug")])
async def test_a_failure_ends_in_an_error_event_and_a_spoken_word(
    sites: list[Site1], tmp_path: Path, failure: Exception
) -> None:
    site = await heard(sites, tmp_path, ONE_TURN, [failure])
    (told,) = site.of(ErrorRaised)
    (ended,) = site.of(TurnEnded)
    assert isinstance(told, ErrorRaised)
    assert isinstance(ended, TurnEnded)
    assert told.code == ("engine_died" if isinstance(failure, AuricleError) else "turn")
    assert (told.id, ended.outcome) == (ended.turn, Outcome.FAILED)
    assert "Sorry" in site.tts.asked[0].text


async def test_a_failed_turn_does_not_spoil_the_next(sites: list[Site1], tmp_path: Path) -> None:
    script = [EngineDied("gone"), Transcript("turn on the light")]
    site = await heard(sites, tmp_path, ONE_TURN + ONE_TURN, script, (8000, 72_000 + 8000))
    outcomes = [event.outcome for event in site.of(TurnEnded) if isinstance(event, TurnEnded)]
    assert outcomes == [Outcome.FAILED, Outcome.ANSWERED]
    assert site.assistant.status.state == "idle"


async def test_a_wake_word_cancels_the_turn_that_is_open(sites: list[Site1], tmp_path: Path) -> None:
    site = Site1(tmp_path, silence(1), (), [Transcript("turn on the light")])
    sites.append(site)
    site.speaker.gate.clear()
    site.ears.start()
    site.assistant.wake(WakeHit("hey_jarvis", 0.9, 0))
    await asyncio.sleep(0)
    site.assistant.wake(WakeHit("hey_jarvis", 0.9, 0))
    await site.assistant.settled()
    outcomes = [event.outcome for event in site.of(TurnEnded) if isinstance(event, TurnEnded)]
    assert outcomes[0] is Outcome.CANCELLED
    assert len(outcomes) == 2
    assert site.assistant.status.stage is Stage.IDLE


async def test_a_typed_command_is_answered_and_spoken_if_asked(sites: list[Site1], tmp_path: Path) -> None:
    site = Site1(tmp_path, silence(1), (), [])
    sites.append(site)
    answer = await site.assistant.ask("Turn on the light!", speak=True, id="x1")
    assert (answer.id, answer.intent, answer.reply, answer.handled_by) == ("x1", "light", "The light is on.", "lamp")
    await site.assistant.settled()
    assert [piece.text for piece in site.tts.asked] == ["The light is on."]
    assert site.of(StageChanged) == []


async def test_listen_opens_the_microphone_after_it_spoke(sites: list[Site1], tmp_path: Path) -> None:
    site = Site1(tmp_path, silence(0.1) + voice(1) + silence(2), (), [Transcript("turn on the light")])
    sites.append(site)
    turn = await site.assistant.listen(say="Yes?")
    await site.to_the_end()
    assert [piece.text for piece in site.tts.asked] == ["Yes?", "The light is on."]
    assert [event.turn for event in site.of(TurnEnded) if isinstance(event, TurnEnded)] == [turn]


async def test_a_muted_site_does_not_listen_and_stays_muted_in_the_next_life(
    sites: list[Site1], tmp_path: Path
) -> None:
    site = Site1(tmp_path, ONE_TURN, (8000,), [])
    sites.append(site)
    site.assistant.set_muted(True)
    with pytest.raises(AuricleError, match="muted"):
        await site.assistant.listen()
    await site.to_the_end()
    assert site.of(TurnEnded) == []
    assert site.assistant.status.state == "muted"
    assert site.store.load()["muted"] is True


async def test_stop_silences_the_reply_and_ends_the_turn(sites: list[Site1], tmp_path: Path) -> None:
    site = Site1(tmp_path, ONE_TURN, (8000,), [Transcript("turn on the light")])
    sites.append(site)
    site.speaker.gate.clear()
    site.ears.start()
    async with asyncio.timeout(10):
        while site.assistant.status.stage is not Stage.SPEAKING or not site.speaker.volumes:
            await asyncio.sleep(0.01)
    assert await site.assistant.stop() == 1
    await site.assistant.settled()
    (ended,) = site.of(TurnEnded)
    assert isinstance(ended, TurnEnded)
    assert ended.outcome is Outcome.CANCELLED


async def test_the_microphone_stays_open_after_an_answer_for_as_long_as_configured(
    sites: list[Site1], tmp_path: Path
) -> None:
    script = [Transcript("turn on the light"), Transcript("turn on the light")]
    site = Site1(tmp_path, ONE_TURN + voice(1.5) + silence(4), (8000,), script, follow_up_s=2.0)
    sites.append(site)
    await site.to_the_end()
    outcomes = [event.outcome for event in site.of(TurnEnded) if isinstance(event, TurnEnded)]
    assert outcomes == [Outcome.ANSWERED, Outcome.ANSWERED, Outcome.NOTHING_HEARD]
