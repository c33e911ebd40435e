"""Minutes of our own speech, wake words in it, in rooms with an echo: whom does it wake? Faster than it sounds.

The configured voice speaks; what it says goes to the echo canceller as what was played, and late, reverberant and by
another clock into the microphone. The ears, the detectors and the guard against our own voice are the daemon's; only
the clock is told. No sound device is needed.
"""

import asyncio
import queue
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from auricle.app.building import make_detector, make_listeners, make_own_voice
from auricle.cli.common import load_host
from auricle.cli.engines_only import TTS, running_engines
from auricle.cli.figures.acoustics import Acoustics, Samples
from auricle.cli.figures.figure import Bench, Figure, Plan, Progress
from auricle.config import LoadedConfig
from auricle.engines.fleet import Fleet
from auricle.model.audio import INBOUND_RATE_HZ, OUTBOUND_RATE_HZ, SAMPLE_BYTES, AudioFrame
from auricle.model.errors import AuricleError
from auricle.model.speech import SpeechRequest
from auricle.pipeline.devices import Format
from auricle.pipeline.ears import Ears
from auricle.pipeline.echo import EchoCanceller
from auricle.pipeline.far_end import FarEnd
from auricle.pipeline.own_voice import OwnVoice
from auricle.pipeline.rate import Resampler
from auricle.pipeline.second_look import spoken_name
from auricle.pipeline.synthesis import synthesized
from auricle.pipeline.wake import WakeDetector, WakeHit

ROOMS = ((20, -6.0), (200, -6.0), (92, -11.6), (164, -14.4), (56, -17.2), (128, -20.0))
"""Delay in ms and level in dB of the echo, a sixth of the time each."""
_SPEEDS = (1.0, 0.9, 1.15, 1.0, 0.8, 1.3)
_DRIFT_PPM = 100.0
_AHEAD_S = 0.05
"""What the loudspeaker has in hand."""
_JITTER_S = 0.002
_STEP = SAMPLE_BYTES * OUTBOUND_RATE_HZ * 80 // 1000
_ASKED = SAMPLE_BYTES * OUTBOUND_RATE_HZ * 20 // 1000
_FORMAT = Format(OUTBOUND_RATE_HZ, 1)
_PAUSE_S = (0.2, 2.0)
_WHAT = "seconds of our own speech"
_NOBODY = np.zeros(0, np.int16)
_BEFORE_PERSON = 2 * INBOUND_RATE_HZ
_FOR_A_PERSON = 6 * SAMPLE_BYTES * OUTBOUND_RATE_HZ
_AT_A_TIME = 4
"""Texts that are spoken ahead of what is heard."""

TEXTS = (
    "It is a quarter past seven.",
    "Tomorrow will be cloudy with some rain in the afternoon, and about fifteen degrees in the evening.",
    "On your shopping list are bread, butter, two bottles of milk, apples, coffee, and a birthday cake.",
    "Your timer for the pasta has finished. Shall I set another one?",
    "The lights in the kitchen and in the living room are on, and the heating is set to twenty one degrees.",
    "Sorry, I did not understand. Could you say that again, please?",
    "Here is the news. The council has decided to build a new bridge across the river by the end of next year.",
    "Your next appointment is at half past three with the dentist, and after that you wanted to call your mother.",
    "One hundred and twenty three plus four hundred and fifty six is five hundred and seventy nine.",
    "Why did the scarecrow win a prize? Because he was outstanding in his field.",
    "Preheat the oven to one hundred and eighty degrees, mix the flour with the eggs, and bake it for forty minutes.",
    "The word alexandrite is the name of a stone that changes its colour. Alexander and Alexis are names of people.",
    "Okay. No, okay now. Hey, do you know what? Hey, Travis and Jarvis went to the market, and Hey was what they said.",
    "Now playing: the second movement of the seventh symphony. The volume is at forty percent.",
    "Warning! The smoke detector in the hall has gone off. Please check at once.",
)
"""Of the kinds that an assistant says."""
ABOUT_WORDS = (
    "Hello, I am here. You can wake me with {word}.",
    "{word}!",
    'On television somebody said: "{word}, turn off the lights in the whole house." I did nothing.',
    "Did you mean {word}, or {word}? Please say {word} and then what you want.",
)
"""Replies with the very words that wake."""


@dataclass(slots=True)
class OwnSpeech:
    """What was heard in our own speech."""

    own_s: float = 0.0
    """So much of it was heard, with the pauses between."""
    woken: list[WakeHit] = field(default_factory=list)
    silenced: list[WakeHit] = field(default_factory=list)
    """By words that only silence."""
    held_back: list[WakeHit] = field(default_factory=list)
    """What the guard knew to be ours."""
    raw: list[WakeHit] = field(default_factory=list)
    """What the same detector hears in the microphone with our own voice left in, and nothing to guard it."""
    said: int = 0
    """Texts that were spoken with a wake word in them, a word at a time."""
    faults: list[AuricleError] = field(default_factory=list)

    def by_ourselves(self) -> Sequence[WakeHit]:
        """What our own speech did, and no person after it."""
        return [hit for hit in self.woken + self.silenced if hit.sample < self.own_s * INBOUND_RATE_HZ]

    def figures(self) -> Iterator[Figure]:
        own = self.by_ourselves()
        minutes = f"in {self.own_s / 60:.1f} min"
        yield Figure("our own speech: wake words said in it", minutes, (self.said,))
        yield Figure("our own speech: woken or silenced by it", minutes, (len(own),))
        without = len(own) + len(self.held_back)
        yield Figure("our own speech: woken or silenced by it, were there no guard", minutes, (without,))
        yield Figure("our own speech: woken, with neither guard nor echo canceller", minutes, (len(self.raw),))


def benches(loaded: LoadedConfig, plan: Plan) -> Iterator[Bench]:
    async def measure() -> list[Figure]:
        found = OwnSpeech()
        try:
            await listen_to_ourselves(loaded, plan.minutes, plan.progress, found)
        except asyncio.CancelledError:  # Ctrl-C: what was heard until then is told
            plan.progress.interrupted = True
        for hit in found.by_ourselves():
            plan.progress.note(f"woken by {hit.wake_word} ({hit.score:.2f}) {hit.sample / INBOUND_RATE_HZ:.1f} s in")
        if found.faults:
            raise found.faults[0]
        return [*found.figures()] if found.own_s else []

    yield Bench("own-voice", "our own speech", measure)


async def listen_to_ourselves(
    loaded: LoadedConfig, minutes: float, progress: Progress, found: OwnSpeech, person: Samples = _NOBODY
) -> None:
    """Fill `found`, room after room, with what so many minutes of our own speech do; then the person speaks (16 kHz).

    Raises EngineUnavailable.
    """
    config = loaded.config
    host = load_host(config)
    far_end = FarEnd()
    echo = EchoCanceller(far_end)
    detector, vad = make_listeners(config, host)
    raw = make_detector(config, host.engines(), background=False)
    guard = _Guard(make_own_voice(config, host, lambda: True, echo), echo, found)
    loop = asyncio.get_running_loop()
    total_s = max(1, round(minutes * 60))
    ahead = asyncio.Semaphore(_AT_A_TIME)
    home = _Home(far_end, echo, raw, found, lambda: loop.call_soon_threadsafe(ahead.release))
    ended = asyncio.Event()
    ears = Ears(
        home,
        detector,
        vad,
        loop=loop,
        on_wake=found.woken.append,
        on_end=ended.set,
        on_fault=found.faults.append,
        own_voice=guard,
        on_stop=found.silenced.append,
    )
    names = [spoken_name(word.model).replace("_", " ") for word in config.wake.words]
    try:
        for part in (detector, raw, guard):
            await asyncio.to_thread(part.load)
        async with running_engines(loaded, kinds=(TTS,)) as fleet:
            ears.start()
            try:
                async for spoken in _speech(fleet, names, minutes, found):
                    await ahead.acquire()
                    progress.show(_WHAT, min(round(found.own_s), total_s - 1), total_s)
                    home.sounds.put(spoken)
                if len(person):
                    home.sounds.put(_Spoken(-1, bytes(_FOR_A_PERSON), person))
                home.sounds.put(None)
                await ended.wait()
                progress.show(_WHAT, total_s, total_s)
            finally:
                await asyncio.to_thread(ears.stop)
    finally:
        for part in (detector, raw, guard):
            part.close()


@dataclass(frozen=True, slots=True)
class _Spoken:
    """A text, and the pause after it, as the loudspeaker gets it."""

    room: int
    """-1 stays in the last one."""
    pcm: bytes
    person: Samples = field(default_factory=lambda: _NOBODY)
    """What a person says, after a while."""


async def _speech(fleet: Fleet, names: Sequence[str], minutes: float, found: OwnSpeech) -> AsyncIterator[_Spoken]:
    random = np.random.default_rng(5)
    for room in range(len(ROOMS)):
        left_s = minutes * 60 / len(ROOMS)
        texts = _texts(names, random)
        while left_s > 0:
            text, words = next(texts)
            request = SpeechRequest(text=text, speed=_SPEEDS[room])
            pcm = b"".join([frame.pcm async for frame in synthesized(request, fleet.tts)])
            pcm += bytes(SAMPLE_BYTES * int(random.uniform(*_PAUSE_S) * OUTBOUND_RATE_HZ))
            left_s -= len(pcm) / SAMPLE_BYTES / OUTBOUND_RATE_HZ
            found.said += words
            yield _Spoken(room, pcm)


def _texts(names: Sequence[str], random: np.random.Generator) -> Iterator[tuple[str, int]]:
    """Texts without end, every third with wake words; each with how many of these are in it."""
    about = [(text.format(word=name), text.count("{word}")) for text in ABOUT_WORDS for name in names]
    wakes: list[tuple[str, int]] = []
    while True:
        for number, at in enumerate(random.permutation(len(TEXTS))):
            if number % 2 == 0:
                wakes = wakes or [about[at] for at in random.permutation(len(about))]
                yield wakes.pop()
            yield TEXTS[at], 0


class _Guard(OwnVoice):
    """Counts what it holds back."""

    def __init__(self, made: OwnVoice, echo: EchoCanceller, found: OwnSpeech) -> None:
        super().__init__(made.own, made.stops, lambda: True, echo)
        self._found = found

    def says(self, hit: WakeHit) -> bool:
        ours = super().says(hit)
        if ours:
            self._found.held_back.append(hit)
        return ours


class _Home:
    """Loudspeaker, room and microphone, by a clock of their own: a source that is read as fast as it goes."""

    lossless = True

    def __init__(
        self,
        far_end: FarEnd,
        echo: EchoCanceller,
        raw: WakeDetector,
        found: OwnSpeech,
        taken: Callable[[], object],
    ) -> None:
        """taken: called on the ears' thread when it begins with the next of `sounds`."""
        self.sounds: queue.SimpleQueue[_Spoken | None] = queue.SimpleQueue()
        """What is said next; none is the end."""
        self.ended = False
        self._far_end = far_end
        self._echo = echo
        self._raw = raw
        self._found = found
        self._taken = taken
        self._acoustics = Acoustics(_DRIFT_PPM)
        self._room = -1
        self._random = np.random.default_rng(3)
        self._inbound = Resampler(OUTBOUND_RATE_HZ, INBOUND_RATE_HZ)
        self._now_s = 1_000.0
        self._steps: Iterator[AudioFrame] = iter(())
        self._came = self._next_sample = 0

    def take(self, timeout_s: float) -> AudioFrame | None:
        while not self.ended:
            if (frame := next(self._steps, None)) is not None:
                return frame
            try:
                spoken = self.sounds.get(timeout=timeout_s)
            except queue.Empty:
                return None
            self.ended = spoken is None
            if spoken is not None:
                self._taken()
                self._steps = self._heard(spoken)
        return None

    def _heard(self, spoken: _Spoken) -> Iterator[AudioFrame]:
        if spoken.room not in (self._room, -1):
            self._room = spoken.room
            delay_ms, level_db = ROOMS[spoken.room]
            self._acoustics.become(delay_ms=delay_ms, level_db=level_db, seed=spoken.room)
        said = np.concatenate((np.zeros(_BEFORE_PERSON if len(spoken.person) else 0, np.int16), spoken.person))
        for at in range(0, len(spoken.pcm), _STEP):
            step = spoken.pcm[at : at + _STEP]
            self._play(step)
            self._now_s += len(step) / SAMPLE_BYTES / OUTBOUND_RATE_HZ
            played = np.frombuffer(self._inbound.feed(step), "<i2")
            if not len(played):
                continue
            heard = self._acoustics.step(played)
            person, said = said[: len(heard)], said[len(heard) :]
            heard[: len(person)] += person
            pcm = heard.tobytes()
            self._raw_hears(pcm)
            cleaned = self._echo.feed(pcm, self._now_s + self._late_s())
            if cleaned:
                frame = AudioFrame(cleaned, self._next_sample)
                self._next_sample = frame.end_sample
                if not len(spoken.person):
                    self._found.own_s = self._next_sample / INBOUND_RATE_HZ
                yield frame

    def _play(self, step: bytes) -> None:
        """As a sound device asks for it, in blocks of 20 ms, each some time before it sounds."""
        for at in range(0, len(step), _ASKED):
            block = step[at : at + _ASKED]
            asked_s = self._now_s - _AHEAD_S + at / SAMPLE_BYTES / OUTBOUND_RATE_HZ + self._late_s()
            self._far_end.played(block, len(block) // SAMPLE_BYTES, _FORMAT, asked_s)

    def _raw_hears(self, pcm: bytes) -> None:
        frame = AudioFrame(pcm, self._came)
        self._came = frame.end_sample
        if (hit := self._raw.feed(frame)) is not None:
            self._found.raw.append(hit)

    def _late_s(self) -> float:
        return abs(float(self._random.normal(0, _JITTER_S)))
