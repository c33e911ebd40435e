"""What `auricle bench` measures, each as medians over rounds on the daemon's own parts."""

import asyncio
import contextlib
import dataclasses
import os
import signal
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from auricle.app import Daemon
from auricle.cli.engines_only import TTS, running_engines
from auricle.config import LoadedConfig
from auricle.engines.fleet import Fleet
from auricle.model.audio import INBOUND_RATE_HZ, OUTBOUND_RATE_HZ, AudioFrame
from auricle.model.errors import AuricleError
from auricle.model.events import SpeechChanged, Transcribed, TurnEnded, WakeHeard
from auricle.model.speech import SpeechRequest, SpeechStatus
from auricle.pipeline.rate import Resampler
from auricle.pipeline.synthesis import synthesized
from auricle.pipeline.wav import WavWriter

ONE_SENTENCE = "The kitchen light is on."
FIVE_SENTENCES = (
    "The kitchen light is on. It has been on since seven this morning. The heating is set to twenty one degrees. "
    "Nobody is at home at the moment. I will tell you when the washing machine has finished."
)
COMMAND = "turn on the light in the living room please"
SMALL_TALK = "We went to the market yesterday and bought apples, some bread and a big cheese for the whole family. "
_START_S = 120.0
_KEEPING_S = 1.0
"""After so long the daemon knows its engine, and keeps its speech."""
_TICKS_HZ = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Figure:
    name: str
    unit: str
    samples: tuple[float, ...]

    def as_dict(self) -> dict[str, object]:
        return {
            "median": round(statistics.median(self.samples), 4),
            "min": round(min(self.samples), 4),
            "max": round(max(self.samples), 4),
            "n": len(self.samples),
            "unit": self.unit,
        }

    def columns(self) -> tuple[str, str, str]:
        median = statistics.median(self.samples)
        return f"{median:.3g}", f"{min(self.samples):.3g}", f"{max(self.samples):.3g}"


@dataclass(frozen=True, slots=True)
class Bench:
    topic: str
    what: str
    measure: Callable[[], Coroutine[None, None, list[Figure]]]
    needs_microphone: bool = False


def all_benches(loaded: LoadedConfig, folder: Path, *, rounds: int, seconds: float) -> Iterator[Bench]:
    """The measurements in the order in which they are best made. Files go to `folder`."""

    async def start() -> list[Figure]:
        times = [await _time_to_ready(loaded, folder) for _ in range(max(3, rounds // 2))]
        return [Figure("start to ready", "s", tuple(times))]

    def idle(
        name: str, sound: Callable[[], Coroutine[None, None, Path | None]]
    ) -> Callable[[], Coroutine[None, None, list[Figure]]]:
        async def measure() -> list[Figure]:
            return await _idle(loaded, folder, name, await sound(), seconds)

        return measure

    async def silence() -> Path:
        noise = np.random.default_rng(7).normal(0, 3, int((seconds + 20) * INBOUND_RATE_HZ)).astype("<i2")
        return _write(folder / "silence.wav", noise.tobytes(), INBOUND_RATE_HZ)

    async def speech() -> Path:
        async with running_engines(loaded, kinds=(TTS,)) as fleet:
            pcm = await _spoken(fleet, SMALL_TALK)
        repeats = 1 + int((seconds + 20) * INBOUND_RATE_HZ * 2 / len(pcm))
        return _write(folder / "speech.wav", pcm * repeats, INBOUND_RATE_HZ)

    async def microphone() -> None:
        return None

    yield Bench("start", "the start", start)
    yield Bench("idle", "idle listening to silence", idle("silence", silence))
    yield Bench("idle", "idle listening to speech", idle("speech", speech))
    yield Bench("idle", "idle listening to the microphone", idle("microphone", microphone), needs_microphone=True)
    yield Bench("stt", "speech to text", lambda: _stt(loaded, rounds))
    yield Bench("tts", "text to speech", lambda: _tts(loaded, folder, rounds))
    yield Bench("turn", "whole turns", lambda: _turns(loaded, folder, rounds))


async def _time_to_ready(loaded: LoadedConfig, folder: Path) -> float:
    quiet = _write(folder / "quiet.wav", bytes(2 * INBOUND_RATE_HZ * 60), INBOUND_RATE_HZ)
    async with _child(loaded, folder, quiet) as (_, ready_s):
        return ready_s


async def _idle(loaded: LoadedConfig, folder: Path, name: str, sound: Path | None, seconds: float) -> list[Figure]:
    """CPU as % of one core, and resident memory, of a daemon in a process of its own."""
    async with _child(loaded, folder, sound) as (pid, _):
        await asyncio.sleep(3)
        shares: list[float] = []
        for _ in range(4):
            before, at = _cpu_s(pid), time.monotonic()
            await asyncio.sleep(seconds / 4)
            shares.append(100 * (_cpu_s(pid) - before) / (time.monotonic() - at))
        figures = [
            Figure(f"idle, {name}: CPU of the daemon", "% of a core", tuple(shares)),
            Figure(f"idle, {name}: memory of the daemon", "MB", (_rss_mb(pid),)),
        ]
        if name == "silence":
            figures += [Figure(f"memory of worker {worker}", "MB", (mb,)) for worker, mb in _workers_mb(pid)]
        return figures


async def _stt(loaded: LoadedConfig, rounds: int) -> list[Figure]:
    async with running_engines(loaded) as fleet:
        pcm = (await _spoken(fleet, COMMAND))[: 3 * INBOUND_RATE_HZ * 2]
        pcm += bytes(3 * INBOUND_RATE_HZ * 2 - len(pcm))
        times = []
        for _ in range(rounds + 1):
            began = time.monotonic()
            await _transcribed(fleet, pcm)
            times.append(time.monotonic() - began)
    decoded = tuple(times[1:])
    name = loaded.config.stt.engine
    return [
        Figure(f"{name}: decode of a 3-second command", "s", decoded),
        Figure(f"{name}: real-time factor", "", tuple(taken / 3 for taken in decoded)),
    ]


async def _tts(loaded: LoadedConfig, folder: Path, rounds: int) -> list[Figure]:
    quiet = _write(folder / "quiet.wav", bytes(2 * INBOUND_RATE_HZ * 600), INBOUND_RATE_HZ)
    config = _with_sound(loaded, quiet)
    firsts: dict[str, list[float]] = {"one sentence": [], "five sentences": []}
    async with Daemon(config) as daemon:
        for _ in range(rounds + 1):
            for name, text in (("one sentence", ONE_SENTENCE), ("five sentences", FIVE_SENTENCES)):
                firsts[name].append(await _first_sound_ms(daemon, text))
        factors = []
        for _ in range(rounds):
            began = time.monotonic()
            pcm = [frame.pcm async for frame in synthesized(SpeechRequest(text=FIVE_SENTENCES), daemon.fleet.tts)]
            factors.append((time.monotonic() - began) / (sum(map(len, pcm)) / 2 / OUTBOUND_RATE_HZ))
    firsts["one sentence, kept on disk"] = await _kept_first_sounds_ms(loaded, folder, quiet, rounds)
    engine = loaded.config.tts.engine
    return [
        *(Figure(f"{engine}: text to first sound, {name}", "ms", tuple(times[1:])) for name, times in firsts.items()),
        Figure(f"{engine}: real-time factor", "", tuple(factors)),
    ]


async def _kept_first_sounds_ms(loaded: LoadedConfig, folder: Path, quiet: Path, rounds: int) -> list[float]:
    """With the speech cache on, and the sentence said before; one more than `rounds`."""
    async with Daemon(_with_sound(loaded, quiet, cache_mb=64), cache=folder / "cache") as daemon:
        await asyncio.sleep(_KEEPING_S)
        await daemon.assistant.submit(SpeechRequest(text=ONE_SENTENCE)).done()
        return [await _first_sound_ms(daemon, ONE_SENTENCE) for _ in range(rounds + 1)]


async def _first_sound_ms(daemon: Daemon, text: str) -> float:
    with daemon.bus.subscribe() as events:
        began = time.monotonic()
        ticket = daemon.assistant.submit(SpeechRequest(text=text))
        async for event in events:
            if isinstance(event, SpeechChanged) and event.id == ticket.id and event.status is SpeechStatus.STARTED:
                taken = time.monotonic() - began
                break
        await daemon.assistant.stop(ticket.id)
        await ticket.done()
    return 1000 * taken


async def _turns(loaded: LoadedConfig, folder: Path, rounds: int) -> list[Figure]:
    """Turns at the pace of real speech: wake word's end to event, end of speech to transcript and to first sound."""
    async with running_engines(loaded, kinds=(TTS,)) as fleet:
        word = Path(loaded.config.wake.words[0].model).stem.replace("_", " ")
        turn = await _spoken(fleet, f"{word}, what time is it?")
    quiet = bytes(2 * INBOUND_RATE_HZ)
    path = _write(folder / "turns.wav", quiet + (turn + quiet * 6) * rounds, INBOUND_RATE_HZ)
    wakes: list[float] = []
    transcripts: list[float] = []
    replies: list[float] = []
    async with Daemon(_with_sound(loaded, path)) as daemon:
        capture = daemon.capture
        heard = 0.0
        with daemon.bus.subscribe() as events:
            async for event in events:
                match event:
                    case WakeHeard():
                        wakes.append(1000 * (time.monotonic() - capture.arrived_at(event.sample)))
                    case Transcribed():
                        transcripts.append(event.latency_ms)
                        heard = capture.arrived_at(event.last_sample)
                    case SpeechChanged(status=SpeechStatus.STARTED):
                        replies.append(1000 * (time.monotonic() - heard))
                    case TurnEnded() if len(wakes) >= rounds:
                        break
                if daemon.sound_ended.is_set() and not daemon.assistant.in_turn:
                    break
    named = {
        "wake word's end to wake event": wakes,
        "last speech sample to transcript": transcripts,
        "last speech sample to first sound of the reply": replies,
    }
    return [Figure(name, "ms", tuple(times)) for name, times in named.items() if times]


@contextlib.asynccontextmanager
async def _child(loaded: LoadedConfig, folder: Path, sound: Path | None) -> AsyncIterator[tuple[int, float]]:
    """A daemon in a process of its own that listens to `sound` at real pace, or to the configured microphone.

    Yields its process id and the seconds that it took to be ready.
    """
    events = folder / "events.jsonl"
    events.unlink(missing_ok=True)
    overrides = {
        "AURICLE__AUDIO__OUTPUT__DEVICE": "null",
        "XDG_STATE_HOME": str(folder / "state"),
        "STATE_DIRECTORY": str(folder / "state"),
        "CACHE_DIRECTORY": str(folder / "cache"),
    }
    if sound is not None:
        overrides |= {"AURICLE__AUDIO__INPUT__DEVICE": f"file:{sound}", "AURICLE__AUDIO__INPUT__PACE": "real"}
    if loaded.path is not None:
        overrides["AURICLE_CONFIG"] = str(loaded.path)
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "auricle", "run", "--events", str(events),
        env={**os.environ, **overrides}, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        async with asyncio.timeout(_START_S):
            while line := await process.stderr.readline():
                if b"listening for" in line:
                    break
            else:
                raise AuricleError(f"the daemon ended with {await process.wait()} instead of starting")
        ready_s = time.monotonic() - began
        drain = asyncio.create_task(process.stderr.read(), name="drain")
        yield process.pid, ready_s
        process.send_signal(signal.SIGTERM)
        await drain
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        await process.wait()


def _with_sound(loaded: LoadedConfig, sound: Path, *, cache_mb: int = 0) -> LoadedConfig:
    """The configuration with `sound` for a microphone, nothing for a speaker, no broker, and all speech made anew."""
    config, replace = loaded.config, msgspec.structs.replace
    source = replace(config.audio.input, device=f"file:{sound}", pace="real")
    audio = replace(config.audio, input=source, output=replace(config.audio.output, device="null"))
    quiet = replace(
        config,
        audio=audio,
        tts=replace(config.tts, cache_mb=cache_mb),
        mqtt=replace(config.mqtt, host=None),
        listen=replace(config.listen, chime=False),
    )
    return dataclasses.replace(loaded, config=quiet)


async def _spoken(fleet: Fleet, text: str) -> bytes:
    """The configured voice's own words as inbound audio."""
    resampler = Resampler(OUTBOUND_RATE_HZ, INBOUND_RATE_HZ)
    pcm = [resampler.feed(frame.pcm) async for frame in synthesized(SpeechRequest(text=text), fleet.tts)]
    return b"".join(pcm) + resampler.finish()


async def _transcribed(fleet: Fleet, pcm: bytes) -> str:
    async def frames() -> AsyncIterator[AudioFrame]:
        yield AudioFrame(pcm)

    return "".join([heard.text async for heard in fleet.stt.transcribe(frames(), "en") if heard.final])


def _write(path: Path, pcm: bytes, rate_hz: int) -> Path:
    with WavWriter(str(path), rate_hz) as wav:
        wav.write(pcm)
    return path


def _cpu_s(pid: int) -> float:
    """User and system time of a process (proc(5): fields 14 and 15 of `stat`)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_HZ


def _rss_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE / 1e6


def _workers_mb(pid: int) -> Sequence[tuple[str, float]]:
    """Name and resident memory of each engine's process below `pid`."""
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        words = Path(f"/proc/{child}/cmdline").read_bytes().decode().split("\0")
        found += [(word.removeprefix("--name="), _rss_mb(int(child))) for word in words if word.startswith("--name=")]
    return found
