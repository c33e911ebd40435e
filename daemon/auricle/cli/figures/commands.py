"""Recordings of real commands at real pace: from the last spoken sample to the transcript and the reply.

With the ablation all of them are played again without what makes it fast: without meaning, where every command waits
for the same quiet, and without speculation, where moreover the engine begins when the command has ended.
"""

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
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
_LEAD = 2 * INBOUND_RATE_HZ
"""So many samples before the first spoken one are kept: who waits longer runs out of `[listen] patience_s`."""
_EARLY_S = 0.3
"""The microphone is opened so long before the recording begins."""
_CUT = INBOUND_RATE_HZ // 4
"""A command that ended so many samples before its last spoken one was cut."""
_FRAME = 160
_RUN = 5
_BELOW_PEAK_DB = 35.0
_OVER_FLOOR_DB = 10.0
_TRANSCRIPT = "last spoken sample to transcript"
_WORK = "CPU of speech to text"
_PLAIN = "without speculation"
"""The variant that the others' work is compared with."""

Samples = npt.NDArray[np.int16]


@dataclass(slots=True)
class Played:
    """One recording in the long one, and what became of it."""

    name: str
    first: int
    last_spoken: int
    transcript_ms: float | None = None
    latency_ms: float | None = None
    """As the daemon has it: from the last sample that its VAD takes for speech."""
    reply_ms: float | None = None
    heard_last: int | None = None
    """The last sample of the command that the transcript knows of."""
    attempts: list[str] = field(default_factory=list)
    over: bool = False

    @property
    def cut(self) -> bool:
        """Whether the transcript was made of less than was said, or was there before all was said.

        A command ends with some quiet, so that what is cut lies further back than the tolerance; less than that is
        the decay of a word, which energy and VAD do not end alike.
        """
        if self.transcript_ms is None or self.heard_last is None:
            return False
        return self.transcript_ms < 0 or self.heard_last < self.last_spoken - _CUT


@dataclass(frozen=True, slots=True)
class _Variant:
    """What was heard with one configuration."""

    name: str
    """Empty for the configuration as it is."""
    played: Sequence[Played]
    worked_s: float | None
    """CPU time of speech to text; none where it is no process of ours."""


def benches(loaded: LoadedConfig, plan: Plan) -> Iterator[Bench]:
    yield Bench("commands", "recorded commands", lambda: _commands(loaded, plan))


def without_meaning(loaded: LoadedConfig) -> LoadedConfig:
    """The same quiet ends every command, whatever its words."""
    silence_s = loaded.config.listen.silence_s
    return _listening(loaded, whole_silence_s=silence_s, open_silence_s=silence_s, unfinished_silence_s=silence_s)


def without_speculation(loaded: LoadedConfig) -> LoadedConfig:
    """Speech to text ends after the command has; its words come too late to say when that is."""
    return _listening(loaded, speculate=False)


_ABLATIONS: Mapping[str, Callable[[LoadedConfig], LoadedConfig]] = {
    "without meaning": without_meaning,
    _PLAIN: without_speculation,
}


def _listening(loaded: LoadedConfig, **keys: float | bool) -> LoadedConfig:
    config, replace = loaded.config, msgspec.structs.replace
    return dataclasses.replace(loaded, config=replace(config, listen=replace(config.listen, **keys)))


async def _commands(loaded: LoadedConfig, plan: Plan) -> list[Figure]:
    files = _files(plan)
    variants = {"": loaded}
    if plan.ablation:
        variants |= {name: without(loaded) for name, without in _ABLATIONS.items()}
    heard = []
    for name, variant in variants.items():
        heard.append(await _variant(name, variant, files, plan))
        if plan.progress.interrupted:
            break
    return [*_figures(heard)]


def _files(plan: Plan) -> Sequence[Path]:
    if plan.recordings is None:
        raise BadRequest("the topic commands needs --recordings FOLDER, with one spoken command a file")
    files = sorted(path for path in plan.recordings.iterdir() if path.suffix in (".wav", ".flac"))
    if not files:
        raise BadRequest(f"--recordings: {plan.recordings} holds no WAV or FLAC file")
    return files[:: plan.every]


async def _variant(name: str, loaded: LoadedConfig, files: Sequence[Path], plan: Plan) -> _Variant:
    sound, played = _one_after_the_other(files, plan.folder / "commands.wav")
    what = f"recorded commands, {name}" if name else "recorded commands"
    work: _Work | None = None
    try:
        async with Daemon(with_sound(loaded, sound), state=plan.folder / "state") as daemon:
            work = _Work(daemon)
            try:
                await _listen_to_all(daemon, played, lambda done: plan.progress.show(what, done, len(played)))
            finally:
                work.stop()
    except asyncio.CancelledError:  # Ctrl-C: what was heard until then is told
        plan.progress.interrupted = True
    over = [recording for recording in played if recording.over]
    for recording in over:
        if recording.cut or recording.transcript_ms is None:
            fault = "cut early" if recording.cut else "no transcript"
            plan.progress.note(f"{fault}: {recording.name}{f', {name}' if name else ''}")
    return _Variant(name, over, work.done_s if work is not None else None)


class _Work:
    """CPU time of the processes that do speech to text, from here to `stop`."""

    def __init__(self, daemon: Daemon) -> None:
        self._pids = [worker.pid for worker in daemon.fleet.workers() if worker.kind == "stt" and worker.pid]
        self._began_s = self._now_s()
        self.done_s: float | None = None
        """None where they are not of this machine, or one has ended meanwhile."""

    def stop(self) -> None:
        ended_s = self._now_s()
        if self._began_s is not None and ended_s is not None:
            self.done_s = ended_s - self._began_s

    def _now_s(self) -> float | None:
        try:
            return sum(map(cpu_s, self._pids)) if self._pids else None
        except FileNotFoundError:
            return None


def _one_after_the_other(files: Sequence[Path], path: Path) -> tuple[Path, list[Played]]:
    """One long recording of all, with quiet around each, at `path`."""
    noise = np.random.default_rng(7)
    parts: list[Samples] = []
    played: list[Played] = []
    at = 0

    def put(samples: Samples) -> None:
        nonlocal at
        parts.append(samples)
        at += len(samples)

    def put_quiet(seconds: float) -> None:
        put(noise.normal(0, 3, int(seconds * INBOUND_RATE_HZ)).astype(np.int16))

    for file in files:
        samples = np.frombuffer(b"".join(frame.pcm for frame in inbound_frames(str(file))), np.int16)
        samples = samples[max(0, _spoken(samples)[0] - _LEAD) :]
        put_quiet(_BEFORE_S)
        played.append(Played(file.name, at, at + last_spoken_sample(samples)))
        put(samples)
        put_quiet(_AFTER_S)
    return write(path, np.concatenate(parts).tobytes(), INBOUND_RATE_HZ), played


async def _listen_to_all(daemon: Daemon, played: list[Played], tell: Callable[[int], None]) -> None:
    with daemon.bus.subscribe(4096) as events:
        notes = asyncio.create_task(_note(daemon, played, events), name="bench notes")
        try:
            for number, recording in enumerate(played):
                early_s = (recording.first - daemon.ears.position) / INBOUND_RATE_HZ - _EARLY_S
                await asyncio.sleep(max(0.0, early_s))
                if number:
                    played[number - 1].over = True
                tell(number)
                await daemon.assistant.listen(id=str(number))
            await daemon.assistant.settled()
            await asyncio.sleep(0.1)
            played[-1].over = True
            tell(len(played))
        finally:
            notes.cancel()
            await asyncio.gather(notes, return_exceptions=True)


async def _note(daemon: Daemon, played: list[Played], events: AsyncIterable[Event]) -> None:
    """As the events come, since the capture knows arrivals of the last minute alone."""

    def since_ms(recording: Played) -> float:
        return 1000 * (time.monotonic() - daemon.capture.arrived_at(recording.last_spoken))

    async for event in events:
        match event:
            case Transcribed():
                recording = played[int(event.turn)]
                recording.transcript_ms, recording.latency_ms = since_ms(recording), event.latency_ms
                known = (
                    [event.last_sample] if recording.heard_last is None else [event.last_sample, recording.heard_last]
                )
                recording.heard_last = min(known)
            case SpeechChanged(status=SpeechStatus.STARTED, turn=str(turn)):
                played[int(turn)].reply_ms = since_ms(played[int(turn)])
            case Speculated():
                recording = played[int(event.turn)]
                recording.attempts.append(event.status)
                if event.status == "hit":
                    recording.heard_last = event.last_sample
            case _:
                pass


def _figures(heard: Sequence[_Variant]) -> Iterator[Figure]:
    """One quantity after the other, each of all variants, so that they stand below each other."""
    named = [(variant.name, {figure.name: figure for figure in _of(variant)}) for variant in heard if variant.played]
    for name in dict.fromkeys(name for _, figures in named for name in figures):
        for variant, figures in named:
            if name in figures:
                yield dataclasses.replace(figures[name], name=f"{name}, {variant}" if variant else name)
    work = {variant: figures[_WORK].samples[0] for variant, figures in named if _WORK in figures}
    if "" in work and work.get(_PLAIN):
        yield Figure(f"{_WORK}, of that {_PLAIN}", "times", (work[""] / work[_PLAIN],))


def _of(variant: _Variant) -> Iterator[Figure]:
    played = variant.played
    whole = [recording for recording in played if recording.transcript_ms is not None and not recording.cut]
    attempts = [status for recording in played for status in recording.attempts]
    for name, found in (
        (_TRANSCRIPT, [recording.transcript_ms for recording in whole]),
        ("last sample that the VAD takes for speech to transcript", [recording.latency_ms for recording in whole]),
        ("last spoken sample to first sound of the reply", [recording.reply_ms for recording in whole]),
    ):
        if values := tuple(value for value in found if value is not None):
            yield Figure(name, "ms", values)
    shares = {
        "commands cut early": sum(recording.cut for recording in played),
        "commands without a transcript": sum(recording.transcript_ms is None for recording in played),
        "attempts in vain": attempts.count("cancelled"),
        "attempts that were the transcript": attempts.count("hit"),
    }
    for name, count in shares.items():
        yield Figure(name, f"a command of {len(played)}", (count / len(played),))
    if variant.worked_s is not None:
        yield Figure(_WORK, "s a command", (variant.worked_s / len(played),))


def last_spoken_sample(samples: Samples) -> int:
    """Where a recording's speech ends, by its energy alone: the last 50 ms that are over the noise and not far below
    the peak, 10 ms at a time; a click is shorter. samples: 16 kHz, one spoken command with a little quiet at its end.
    """
    return _spoken(samples)[1]


def _spoken(samples: Samples) -> tuple[int, int]:
    """The first and the last spoken sample; all of it where nothing is loud."""
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME).astype(np.float64)
    level = 10 * np.log10(np.mean(frames**2, axis=1) + 1)
    bound = max(float(np.percentile(level, 10)) + _OVER_FLOOR_DB, float(level.max()) - _BELOW_PEAK_DB)
    runs = np.convolve(level > bound, np.ones(_RUN), mode="valid")
    loud = np.flatnonzero(runs == _RUN)
    if not len(loud):
        return 0, len(samples) - 1
    return int(loud[0] * _FRAME), int((loud[-1] + _RUN) * _FRAME) - 1
