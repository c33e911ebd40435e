"""The work behind `auricle transcribe`: each file through an engine, and its text to where it is wanted."""

import asyncio
import dataclasses
import json
import os
import sys
import time
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import soundfile
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from auricle.api import VadEngine
from auricle.app import make_host, no_broker, told_of_orders
from auricle.cli.engines_only import STT, VAD, dispatcher_of, running_engines
from auricle.cli.sound_files import Input, fresh, inputs, write_whole
from auricle.config import LoadedConfig, state_dir
from auricle.engines.inprocess import make_vad
from auricle.model.errors import AudioFileError, EngineError
from auricle.model.turn import Turn
from auricle.pipeline.dispatch import Dispatcher
from auricle.pipeline.recordings import AtATime, CutRule, Recording, transcribe_recording
from auricle.pipeline.subtitles import srt, vtt
from auricle.ports import Judge

_LONG_S = 30.0
"""More sound than this is long work: it has a progress bar, and figures at the end."""
_SUFFIXES = {"text": ".txt", "json": ".json", "srt": ".srt", "vtt": ".vtt"}

Facts = dict[str, object]
"""What `--json` prints of a file."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to come of each file."""

    form: str
    """`text`, `json`, `srt` or `vtt`."""
    print_json: bool
    """One JSON object per file on standard output."""
    output: Path | None
    """The folder for a file each; none prints."""
    again: bool
    """Also where a finished output is there."""
    intent: bool
    """Also recognise what is wanted."""
    language: str | None


async def transcribe_files(loaded: LoadedConfig, names: Sequence[str], wanted: Wanted, *, jobs: int) -> int:
    """Return the exit status: 1 if a file failed, which has been told. Raises what is no fault of a file's.

    jobs: engines that run at a time, each with its own process.
    """
    work = _Work(names, wanted)
    jobs = min(jobs, len(work.todo))
    dispatcher = dispatcher_of(loaded) if wanted.intent else None
    if dispatcher is not None:
        await asyncio.to_thread(dispatcher.prepare)
    with work.shown():
        await _beside([_job(_sharing_cores(loaded, jobs), work, dispatcher) for _ in range(jobs)])
    return 1 if work.failed else 0


class _Work:
    """The files that are to be done, how far they are, and where their texts go."""

    def __init__(self, names: Sequence[str], wanted: Wanted) -> None:
        self.wanted = wanted
        self.todo: list[Input] = []
        self.done = self.failed = self.skipped = 0
        self._audio_s = 0.0
        self._began_s: float | None = None
        self._several = False
        self._outputs: dict[Path, str] = {}
        self._progress: Progress | None = None
        for name in names:
            self._add(name)
        self._several = self._several or len(self.todo) + self.skipped > 1
        self._left = iter(self.todo)

    def next(self) -> Input | None:
        return next(self._left, None)

    def output(self, file: Input) -> Path | None:
        """Where the file's text goes; none prints it."""
        if self.wanted.output is None:
            return None
        return self.wanted.output / Path(file.below).with_suffix(_SUFFIXES[self.wanted.form])

    def begin(self) -> None:
        """The engine is there: time counts from here."""
        self._began_s = self._began_s or time.monotonic()

    def advance(self, seconds: float) -> None:
        self._audio_s += seconds
        if self._progress is not None:
            self._progress.advance(self._progress.task_ids[0], seconds)

    def name(self, file: Input) -> None:
        if self._progress is not None:
            self._progress.update(self._progress.task_ids[0], description=escape(Path(file.path).name[-32:]))

    def finish(self, file: Input, facts: Facts, recording: Recording) -> None:
        """Write or print what came of a file. Raises AudioFileError if it cannot be written."""
        output = self.output(file)
        if output is not None:
            try:
                write_whole(output, self._text(facts, recording, _lines(recording)))
            except OSError as error:
                raise AudioFileError(f"{output} cannot be written: {error.strerror or error}") from error
        self.done += 1
        if self.wanted.print_json:
            print(_json(facts), flush=True)
        elif output is None:
            words = recording.text or "(no words)"
            text = self._text(facts, recording, f"{file.path}: {words}" if self._several else words)
            print(text.removesuffix("\n"), flush=True)

    def fail(self, message: str) -> None:
        self.failed += 1
        print(f"auricle: {message}", file=sys.stderr, flush=True)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show a bar on a terminal while long work goes on, and the figures when it has ended, however it did."""
        try:
            with self._bar():
                yield
        finally:
            self._tell()

    def _add(self, name: str) -> None:
        found = len(self.todo) + self.skipped
        folder = os.path.isdir(name)
        for file in inputs([name]):
            output = self.output(file)
            if output is not None and self._outputs.setdefault(output, file.path) != file.path:
                other = self._outputs[output]
                self.fail(f"{file.path}: {output} is what {other} becomes; write the two into different folders")
            elif output is not None and not self.wanted.again and fresh(output, file.path):
                self.skipped += 1
            else:
                self.todo.append(file)
        self._several = self._several or folder
        if folder and found == len(self.todo) + self.skipped:
            self.fail(f"{name}: there is no sound file in this folder")

    @contextmanager
    def _bar(self) -> Iterator[None]:
        console = Console(file=sys.stderr)
        total_s = sum(_seconds(file.path) for file in self.todo) if console.is_terminal else 0.0
        if total_s <= _LONG_S:
            yield
            return
        progress = Progress(
            TextColumn("{task.description:<32}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),  # else the texts would go to the terminal instead of the file
        )
        with progress:
            progress.add_task("loading the engine", total=total_s)
            self._progress = progress
            yield
        self._progress = None

    def _text(self, facts: Facts, recording: Recording, words: str) -> str:
        match self.wanted.form:
            case "json":
                return _json(facts) + "\n"
            case "srt":
                return srt(recording.segments)
            case "vtt":
                return vtt(recording.segments)
            case _:
                if not self.wanted.intent:
                    return words
                understood = f"[{facts['intent'] or 'no intent'} {_json(facts['slots'] or {})}]"
                return f"{words}{understood}\n" if words.endswith("\n") else f"{words}  {understood}"

    def _tell(self) -> None:
        if not self._several and self._audio_s <= _LONG_S:
            return
        took_s = time.monotonic() - self._began_s if self._began_s is not None else 0.0
        parts = [f"{self.done} {'file' if self.done == 1 else 'files'}, {self._audio_s:.1f} s of sound"]
        if self._audio_s and took_s:
            parts[0] += f" in {took_s:.1f} s: {self._audio_s / took_s:.1f} times real time"
        if self.skipped:
            parts.append(f"{self.skipped} skipped, whose output is there already (--again makes it anew)")
        if self.failed:
            parts.append(f"{self.failed} failed")
        print("; ".join(parts), file=sys.stderr, flush=True)


async def _job(loaded: LoadedConfig, work: _Work, dispatcher: Dispatcher | None) -> None:
    """One engine: it is given as many files at a time as it takes chunks, and as many chunks in all."""
    specs = make_host(loaded, state_dir(os.environ), no_broker).engines()
    async with running_engines(loaded, kinds=(STT,)) as fleet:
        heard = fleet.stt if dispatcher is None else told_of_orders(loaded.config, fleet.stt, dispatcher)
        stt = AtATime(heard, fleet.stt_batch)
        work.begin()
        beside = min(fleet.stt_batch(), len(work.todo))
        vads = [make_vad(specs, VAD, loaded.config.engines) for _ in range(beside)]
        await _beside([_files(loaded, work, stt, fleet.stt, vad, dispatcher) for vad in vads])


async def _files(
    loaded: LoadedConfig, work: _Work, stt: AtATime, judge: Judge, vad: VadEngine, dispatcher: Dispatcher | None
) -> None:
    """Take one file after the other until none is left."""
    vad.load()
    try:
        while (file := work.next()) is not None:
            work.name(file)
            try:
                await _one(file, loaded, work, stt, judge, vad, dispatcher)
            except AudioFileError as error:
                work.fail(error.message)
            except EngineError as error:
                work.fail(f"{file.path}: {error.message}")
    finally:
        vad.close()


async def _one(
    file: Input,
    loaded: LoadedConfig,
    work: _Work,
    stt: AtATime,
    judge: Judge,
    vad: VadEngine,
    dispatcher: Dispatcher | None,
) -> None:
    configured = loaded.config.stt.language
    began_s = time.monotonic()
    recording = await transcribe_recording(
        file.path,
        stt,
        vad,
        language=work.wanted.language or (configured if isinstance(configured, str) and configured != "auto" else None),
        rule=CutRule(speech_threshold=loaded.config.listen.speech_threshold),
        batch=lambda: max(1, stt.most() // len(work.todo)),
        on_progress=work.advance,
    )
    facts: Facts = {
        "file": file.path,
        "text": recording.text,
        "language": recording.language,
        "confidence": recording.confidence,
        "audio_s": round(recording.audio_s, 3),
        "latency_ms": round(1000 * (time.monotonic() - began_s), 1),
        "segments": [
            {
                "start_s": round(segment.start_s, 3),
                "end_s": round(segment.end_s, 3),
                "text": segment.text,
                "language": segment.language,
                "confidence": segment.confidence,
            }
            for segment in recording.segments
        ],
    }
    if dispatcher is not None:
        found = await dispatcher.explain(recording.transcript, Turn(), judge)
        intent = found.intent
        facts |= {
            "intent": intent.name if intent else None,
            "slots": dict(intent.slots) if intent else None,
            "score": intent.score if intent else None,
            "explain": found.facts,
        }
    work.finish(file, facts, recording)


async def _beside(works: Sequence[Coroutine[object, object, None]]) -> None:
    """All at a time. The first error ends the others, and is raised as itself."""
    try:
        async with asyncio.TaskGroup() as group:
            for number, work in enumerate(works):
                group.create_task(work, name=f"transcribe files {number}")
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


def _sharing_cores(loaded: LoadedConfig, jobs: int) -> LoadedConfig:
    """The configuration with the cores divided among several engine processes, where it does not say otherwise."""
    if jobs == 1:
        return loaded
    threads = max(1, len(os.sched_getaffinity(0)) // jobs)
    config = loaded.config
    names = (config.stt.engine, *config.stt.fallback)
    engines = config.engines | {name: {"threads": threads} | config.engines.get(name, {}) for name in names}
    return dataclasses.replace(loaded, config=msgspec.structs.replace(config, engines=engines))


def _seconds(path: str) -> float:
    """Length by the file's header; 0 for what is no sound, of which the one who opens it will tell."""
    try:
        return float(soundfile.info(path).duration)
    except (OSError, soundfile.SoundFileError):
        return 0.0


def _lines(recording: Recording) -> str:
    return "".join(f"{segment.text}\n" for segment in recording.segments)


def _json(facts: object) -> str:
    return json.dumps(facts, ensure_ascii=False, default=str)
