"""Barge-in: a recorded wake word over our own speech, equally loud, in rooms with an echo on a real PulseAudio.

Microphone and speaker are the null sinks of `script/with-pulse`; the speaker is mixed into the microphone late, weaker,
with a short reverberation and by another clock. Each round a person says the word while a story is told.
"""

import asyncio
import contextlib
import dataclasses
import shutil
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np

from auricle.app import Daemon
from auricle.cli.figures.acoustics import Samples
from auricle.cli.figures.figure import Bench, Figure, Plan
from auricle.cli.figures.parts import write
from auricle.cli.figures.room import EchoRoom
from auricle.config import LoadedConfig
from auricle.model.audio import INBOUND_RATE_HZ
from auricle.model.errors import AuricleError, BadRequest
from auricle.model.events import SpeechChanged, WakeHeard
from auricle.model.speech import SpeechRequest, SpeechStatus
from auricle.pipeline.files import inbound_frames
from auricle.pipeline.second_look import spoken_name
from auricle.settings import WakeWord

STORY = (
    "Tomorrow will be cloudy with some rain in the afternoon, and about fifteen degrees in the evening. "
    "On your shopping list are bread, butter, two bottles of milk, apples, coffee, and a birthday cake for the party. "
    "The lights in the kitchen and in the living room are on, and the heating is set to twenty one degrees. "
    "Your next appointment is at half past three with the dentist, and after that you wanted to call your mother."
)
ROOMS = ((20, -6.0), (164, -8.8), (92, -11.6), (200, -14.4), (56, -17.2), (128, -20.0))
"""Delay in ms and level in dB of the echo: both from end to end of what is to be coped with."""
_DRIFT_PPM = 100.0
_TELLING_S = (2.5, 5.0)
"""So long the story has been told when the person speaks, at least and at most."""
_HEARD_S = 3.0
_STARTED_S = 60.0
_SILENT_S = 10.0
_SILENCE_S = 0.5
_REST_S = 1.2
_PATIENCE_S = 0.5
_LEVEL_FRAME = INBOUND_RATE_HZ // 50


@dataclass(slots=True)
class _Found:
    rounds: int = 0
    heard: int = 0
    own: int = 0
    """Wake words that nobody said."""
    behind_ms: list[float] = field(default_factory=list)
    stop_ms: list[float] = field(default_factory=list)
    still_ms: list[float] = field(default_factory=list)
    removed_db: list[float] = field(default_factory=list)

    def figures(self) -> Iterator[Figure]:
        of = f"of {self.rounds}"
        yield Figure("wake word over our own speech, heard", of, (self.heard,))
        yield Figure("silenced by it", of, (len(self.stop_ms),))
        yield Figure("woken by our own speech", f"in {self.rounds} speeches", (self.own,))
        for name, unit, values in (
            ("wake event to silence", "ms", self.stop_ms),
            ("word's end, as the detector tells it, to wake event", "ms", self.behind_ms),
            ("word's end, as the detector tells it, to silence", "ms", self.still_ms),
            ("echo removed before the word", "dB", self.removed_db),
        ):
            if values:
                yield Figure(name, unit, tuple(values))


def benches(loaded: LoadedConfig, plan: Plan) -> Iterator[Bench]:
    yield Bench("barge", "wake words over our own speech", lambda: _barge(loaded, plan))


async def _barge(loaded: LoadedConfig, plan: Plan) -> list[Figure]:
    clips = _clips(loaded.config.wake.waking, plan)
    await _sinks_are_there()
    found = _Found()
    try:
        with EchoRoom(drift_ppm=_DRIFT_PPM) as room:
            async with (
                Daemon(_in_the_room(loaded), state=plan.folder / "state") as daemon,
                _Site(daemon, room, plan.folder / "person.wav") as site,
            ):
                await _rounds(site, clips, plan, found)
    except asyncio.CancelledError:  # Ctrl-C: what was measured until then is told
        plan.progress.interrupted = True
    return [*found.figures()] if found.rounds else []


async def _rounds(site: "_Site", clips: Sequence[tuple[Path, Samples]], plan: Plan, found: _Found) -> None:
    random = np.random.default_rng(3)
    in_a_room = -(-plan.rounds // len(ROOMS))
    for number in range(plan.rounds):
        plan.progress.show("wake words over our own speech", number, plan.rounds)
        delay_ms, level_db = ROOMS[number // in_a_room]
        if number % in_a_room == 0:
            site.room.become(delay_ms=delay_ms, level_db=level_db, seed=number)
        path, words = clips[number % len(clips)]
        await site.tell_story(float(random.uniform(*_TELLING_S)))
        found.own += len(site.wakes)
        site.wakes.clear()
        if site.daemon.echo is not None:
            found.removed_db.append(site.daemon.echo.removed_db)
        await site.say(words)
        where = f"{path.name}, echo after {delay_ms} ms at {level_db:g} dB"
        if not await site.until(lambda: bool(site.wakes), _HEARD_S):
            plan.progress.note(f"not heard: {where}")
        else:
            wake = site.wakes[0]
            found.heard += 1
            found.behind_ms.append(1000 * (wake.at_s - wake.word_ended_s))
            silent_s = await site.silent_s()
            if silent_s is None:
                plan.progress.note(f"not silenced: {where}")
            else:
                found.stop_ms.append(1000 * (silent_s - wake.at_s))
                found.still_ms.append(1000 * (silent_s - wake.word_ended_s))
        found.rounds += 1
        await site.rest()
    plan.progress.show("wake words over our own speech", plan.rounds, plan.rounds)


@dataclass(frozen=True, slots=True)
class _Wake:
    at_s: float
    word_ended_s: float
    """When the sample came at which the detector takes the word to have ended."""


class _Site:
    """A daemon in a room, and a person in it."""

    def __init__(self, daemon: Daemon, room: EchoRoom, person: Path) -> None:
        self.daemon = daemon
        self.room = room
        self.wakes: list[_Wake] = []
        self._started = False
        self._person = person
        self._speaking: asyncio.subprocess.Process | None = None
        self._notes: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "_Site":
        self._notes = asyncio.create_task(self._note(), name="bench notes")
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._notes is not None:
            self._notes.cancel()
            await asyncio.gather(self._notes, return_exceptions=True)
        if self._speaking is not None and self._speaking.returncode is None:
            self._speaking.terminate()
            await self._speaking.wait()

    async def tell_story(self, seconds: float) -> None:
        """Begin to tell it; returns when so much of it has been told. Raises AuricleError if nothing is said."""
        self.wakes.clear()
        self._started = False
        self.daemon.assistant.submit(SpeechRequest(text=STORY))
        if not await self.until(lambda: self._started, _STARTED_S):
            raise AuricleError("the daemon does not speak; `auricle doctor` may say why")
        await asyncio.sleep(seconds)

    async def say(self, words: Samples) -> None:
        """A person speaks, as loud as the echo of what is being said."""
        path = write(self._person, as_loud(words, (await self._state())["echo_rms"]), INBOUND_RATE_HZ)
        self._speaking = await asyncio.create_subprocess_exec(
            "paplay", "-d", "mic_sink", "--latency-msec=50", str(path)
        )

    async def silent_s(self) -> float | None:
        """When the speaker was last heard (monotonic), once it is silent; None if it goes on for seconds."""

        async def silent() -> bool:
            return time.monotonic() - (await self._state())["loud_s"] >= _SILENCE_S

        return (await self._state())["loud_s"] if await self.until(silent, _SILENT_S) else None

    async def rest(self) -> None:
        """Until the turn and the person have ended, and a little longer."""
        await self.daemon.assistant.stop()
        await self.daemon.assistant.settled()
        if self._speaking is not None:
            await self._speaking.wait()
        await asyncio.sleep(_REST_S)

    async def until(self, true: Callable[[], bool | Awaitable[bool]], timeout_s: float) -> bool:
        """Whether it came true in time; looked at often."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            now = true()
            if now if isinstance(now, bool) else await now:
                return True
            await asyncio.sleep(0.05)
        return False

    async def _state(self) -> dict[str, float]:
        return await asyncio.to_thread(self.room.state)

    async def _note(self) -> None:
        with self.daemon.bus.subscribe() as events:
            async for event in events:
                match event:
                    case WakeHeard():
                        self.wakes.append(_Wake(time.monotonic(), self.daemon.capture.arrived_at(event.sample)))
                    case SpeechChanged(status=SpeechStatus.STARTED):
                        self._started = True
                    case _:
                        pass


def as_loud(words: Samples, rms: float) -> bytes:
    """The words with this power where they are loud: in the louder half of their 20 ms."""
    sound = words.astype(np.float64)
    powers = (sound[: len(sound) // _LEVEL_FRAME * _LEVEL_FRAME].reshape(-1, _LEVEL_FRAME) ** 2).mean(axis=1)
    sound *= rms / np.sqrt(np.mean(np.sort(powers)[len(powers) // 2 :]))
    return np.clip(sound, -32_768, 32_767).astype("<i2").tobytes()


def _in_the_room(loaded: LoadedConfig) -> LoadedConfig:
    """The configuration with the room's devices and nothing that makes other sounds or speaks to other programs."""
    config, replace = loaded.config, msgspec.structs.replace
    audio = replace(
        config.audio,
        input=replace(config.audio.input, device="default"),
        output=replace(config.audio.output, device="default"),
    )
    alone = replace(
        config,
        audio=audio,
        mqtt=replace(config.mqtt, host=None),
        dbus=replace(config.dbus, bus="off"),
        listen=replace(config.listen, chime=False, patience_s=_PATIENCE_S, follow_up_s=0.0),
    )
    return dataclasses.replace(loaded, config=alone)


def _clips(words: Sequence[WakeWord], plan: Plan) -> Sequence[tuple[Path, Samples]]:
    """Recordings of a configured wake word. Raises BadRequest."""
    names = [spoken_name(word.model) for word in words]
    folder = plan.recordings
    if folder is not None:
        for place in [folder / name for name in names] + ([folder] if folder.name in names else []):
            paths = sorted(path for path in place.glob("*") if path.suffix in (".wav", ".flac"))[:: plan.every]
            if paths:
                return [(path, _samples(path)) for path in paths]
    raise BadRequest(
        f"the topic barge needs --recordings FOLDER, with a folder {' or '.join(names)} in it: recordings of the "
        "configured wake word (WAV or FLAC)"
    )


def _samples(path: Path) -> Samples:
    return np.frombuffer(b"".join(frame.pcm for frame in inbound_frames(str(path))), "<i2")


async def _sinks_are_there() -> None:
    """Raises BadRequest where no such PulseAudio is: nobody's real microphone and speaker are measured with."""
    listed = b""
    if shutil.which("pactl") is not None:
        asked = await asyncio.create_subprocess_exec(
            "pactl", "list", "short", "sinks", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        with contextlib.suppress(TimeoutError):
            listed, _ = await asyncio.wait_for(asked.communicate(), 10)
    sinks = {line.split("\t")[1] for line in listed.decode().splitlines() if line.count("\t") > 1}
    if not {"speaker", "mic_sink"} <= sinks:
        raise BadRequest(
            "the topic barge needs a PulseAudio of its own, with null sinks speaker and mic_sink: run it as "
            "script/with-pulse script/bench --only barge …"
        )
