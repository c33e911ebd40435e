"""Recordings of real commands at real pace: from the last spoken sample to the transcript and the reply."""

import asyncio
import time
from collections.abc import AsyncIterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from auricle.app import Daemon
from auricle.cli.figures.figure import Bench, Figure, Plan
from auricle.cli.figures.parts import cpu_s, with_sound, write
from auricle.config import LoadedConfig
from auricle.model.audio import INBOUND_RATE_HZ
from auricle.model.errors import BadRequest
from auricle.model.events import Event, Speculated, SpeechChanged, Transcribed
from auricle.model.speech import SpeechStatus
from auricle.pipeline.files import inbound_frames

_BEFORE_S = 1.0
_AFTER_S = 3.0
_EARLY_S = 0.3
"""The microphone is opened so long before the recording begins."""
_CUT = INBOUND_RATE_HZ // 4
"""A command that ended so many samples before its last spoken one was cut."""
_FRAME = 160
_RUN = 5
_BELOW_PEAK_DB = 35.0
_OVER_FLOOR_DB = 10.0

Samples = npt.NDArray[np.int16]


@dataclass(slots=True)
class _Played:
    """One recording in the long one, and what became of it."""

    first: int
    last_spoken: int
    transcript_ms: float | None = None
    reply_ms: float | None = None
    heard_last: int = 0
    attempts: list[str] = field(default_factory=list)


def benches(loaded: LoadedConfig, plan: Plan) -> Iterator[Bench]:
    yield Bench("commands", "recorded commands", lambda: _commands(loaded, plan))


async def _commands(loaded: LoadedConfig, plan: Plan) -> list[Figure]:
    if plan.recordings is None:
        raise BadRequest("the topic commands needs --recordings FOLDER, with one spoken command a file")
    files = sorted(path for path in plan.recordings.iterdir() if path.suffix in (".wav", ".flac"))
    if not files:
        raise BadRequest(f"--recordings: {plan.recordings} holds no WAV or FLAC file")
    noise = np.random.default_rng(7)
    parts: list[Samples] = []
    played: list[_Played] = []
    at = 0

    def quiet(seconds: float) -> Samples:
        return noise.normal(0, 3, int(seconds * INBOUND_RATE_HZ)).astype(np.int16)

    def put(samples: Samples) -> None:
        nonlocal at
        parts.append(samples)
        at += len(samples)

    for path in files:
        samples = np.frombuffer(_inbound(path), np.int16)
        put(quiet(_BEFORE_S))
        played.append(_Played(at, at + last_spoken_sample(samples)))
        put(samples)
        put(quiet(_AFTER_S))
    sound = write(plan.folder / "commands.wav", np.concatenate(parts).tobytes(), INBOUND_RATE_HZ)
    async with Daemon(with_sound(loaded, sound), state=plan.folder / "state") as daemon:
        workers = [worker.pid for worker in daemon.fleet.workers() if worker.kind == "stt" and worker.pid is not None]
        began_s = sum(map(cpu_s, workers))
        await _listen_to_all(daemon, played)
        worked_s = sum(map(cpu_s, workers)) - began_s
    return _figures(played, worked_s)


async def _listen_to_all(daemon: Daemon, played: list[_Played]) -> None:
    with daemon.bus.subscribe(4096) as events:
        notes = asyncio.create_task(_note(daemon, played, events), name="bench notes")
        try:
            for number, recording in enumerate(played):
                early_s = (recording.first - daemon.ears.position) / INBOUND_RATE_HZ - _EARLY_S
                await asyncio.sleep(max(0.0, early_s))
                await daemon.assistant.listen(id=str(number))
            await daemon.assistant.settled()
            await asyncio.sleep(0.1)
        finally:
            notes.cancel()
            await asyncio.gather(notes, return_exceptions=True)


async def _note(daemon: Daemon, played: list[_Played], events: AsyncIterable[Event]) -> None:
    """As the events come, since the capture knows arrivals of the last minute alone."""

    def since_ms(recording: _Played) -> float:
        return 1000 * (time.monotonic() - daemon.capture.arrived_at(recording.last_spoken))

    async for event in events:
        match event:
            case Transcribed():
                recording = played[int(event.turn)]
                recording.transcript_ms, recording.heard_last = since_ms(recording), event.last_sample
            case SpeechChanged(status=SpeechStatus.STARTED, turn=str(turn)):
                played[int(turn)].reply_ms = since_ms(played[int(turn)])
            case Speculated():
                played[int(event.turn)].attempts.append(event.status)
            case _:
                pass


def _figures(played: list[_Played], worked_s: float) -> list[Figure]:
    heard = [recording for recording in played if recording.transcript_ms is not None]
    whole = [recording for recording in heard if recording.heard_last >= recording.last_spoken - _CUT]
    attempts = [status for recording in played for status in recording.attempts]
    return [
        *_spread("last spoken sample to transcript", "ms", [one.transcript_ms for one in whole]),
        *_spread("last spoken sample to first sound of the reply", "ms", [one.reply_ms for one in whole]),
        Figure("commands cut early", "of all", ((len(heard) - len(whole)) / len(played),)),
        Figure("commands without a transcript", "of all", ((len(played) - len(heard)) / len(played),)),
        Figure("attempts in vain", "a command", (attempts.count("cancelled") / len(played),)),
        Figure("attempts that were the transcript", "a command", (attempts.count("hit") / len(played),)),
        Figure("CPU of speech to text", "s a command", (worked_s / len(played),)),
    ]


def _spread(name: str, unit: str, found: Sequence[float | None]) -> Iterator[Figure]:
    """The figure, and its 95th percentile as one of its own."""
    values = [value for value in found if value is not None]
    if values:
        yield Figure(name, unit, tuple(values))
        yield Figure(f"{name}, 95th percentile", unit, (float(np.percentile(values, 95)),))


def last_spoken_sample(samples: Samples) -> int:
    """Where a recording's speech ends, by its energy alone: the last 50 ms that are over the noise and not far below
    the peak, 10 ms at a time; a click is shorter. samples: 16 kHz, one spoken command with a little quiet at its end.
    """
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME).astype(np.float64)
    level = 10 * np.log10(np.mean(frames**2, axis=1) + 1)
    bound = max(float(np.percentile(level, 10)) + _OVER_FLOOR_DB, float(level.max()) - _BELOW_PEAK_DB)
    runs = np.convolve(level > bound, np.ones(_RUN), mode="valid")
    loud = np.flatnonzero(runs == _RUN)
    return int((loud[-1] + _RUN) * _FRAME) - 1 if len(loud) else len(samples) - 1


def _inbound(path: Path) -> bytes:
    return b"".join(frame.pcm for frame in inbound_frames(str(path)))
