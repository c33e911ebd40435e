"""All engines that need a process or a server, as the configuration wants them."""

import asyncio
import logging
import os
import shutil
import tempfile
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from auricle import settings
from auricle.api.engines import EngineKind, EngineSpec, Voice
from auricle.api.plugin import PluginConfig
from auricle.engines.chain import FallbackStt, FallbackTts
from auricle.engines.figures import WorkerFigures
from auricle.engines.patience import Policy
from auricle.engines.place import OnChange, Place, Remote
from auricle.engines.proxy import WyomingStt, WyomingTts
from auricle.engines.pulled import with_pulled
from auricle.engines.supervisor import Worker
from auricle.model.errors import ConfigError, EngineError, EngineUnavailable

_log = logging.getLogger(__name__)
_PROCESS_KEYS = frozenset(settings.EngineProcess.__struct_fields__)
C = TypeVar("C")


class Fleet:
    """Speech to text and text to speech, each an engine and those that take over from it."""

    def __init__(
        self,
        specs: Mapping[str, EngineSpec],
        *,
        stt: settings.Stt,
        tts: settings.Tts,
        options: Mapping[str, dict[str, Any]],
        runtime_dir: Path,
        state_dir: Path,
        on_change: OnChange,
        policy: Policy | None = None,
        kinds: Iterable[EngineKind] = ("stt", "tts"),
        models_dir: Path | None = None,
    ) -> None:
        """options: the tables `[engines.NAME]`. kinds: for a command that needs one of the two only.

        models_dir: where `auricle models pull` puts what it fetches.
        """
        self.stt: FallbackStt
        self.tts: FallbackTts
        self._specs = specs
        self._stt = stt
        self._tts = tts
        self._options = options
        self._runtime_dir = runtime_dir
        self._state_dir = state_dir
        self._on_change = on_change
        self._policy = policy
        self._models_dir = models_dir
        self._kinds = tuple(kinds)
        self._places: dict[EngineKind, list[Place]] = {}
        self._own_dir: Path | None = None

    async def start(self) -> None:
        """Start the first engine of each kind; another one only when that cannot be.

        Raises ConfigError for a wrong key, and EngineUnavailable, with what to do, when an engine is unknown, is not
        installed, or none of a kind can be loaded (a server that does not answer now may later: that is no error).
        Nothing is left running then.
        """
        self._own_dir = _own_folder(self._runtime_dir)
        try:
            for kind in self._kinds:
                self._places[kind] = [self._place(kind, name, first) for name, first in self._names(kind)]
            self._check_shares()
            self.stt = FallbackStt(
                [
                    WyomingStt(place, timeout_s=self._stt.timeout_s, language=_one_language(self._stt.language))
                    for place in self._places.get("stt", ())
                ],
                on_change=self._on_change,
            )
            self.tts = FallbackTts(
                [
                    WyomingTts(
                        place,
                        timeout_s=self._tts.timeout_s,
                        voice=(self._tts.voice or None) if index == 0 else None,
                    )
                    for index, place in enumerate(self._places.get("tts", ()))
                ],
                on_change=self._on_change,
            )
            await _all([self._start_one_of(places) for places in self._places.values()])
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End every process; none is left."""
        workers = [place for places in self._places.values() for place in places if isinstance(place, Worker)]
        await asyncio.gather(*(worker.stop() for worker in workers), return_exceptions=True)
        if self._own_dir is not None:
            shutil.rmtree(self._own_dir, ignore_errors=True)
            self._own_dir = None

    def workers(self) -> Sequence[WorkerFigures]:
        """Of every configured engine, those on servers too."""
        return [_figures(kind, place) for kind, places in self._places.items() for place in places]

    def stt_batch(self) -> int:
        """Whole utterances that the engine which would be asked now takes at a time."""
        asked = next((place for place in self._places.get("stt", ()) if place.usable), None)
        return asked.figures().batch if isinstance(asked, Worker) else 1

    def prepare(self, kind: EngineKind) -> None:
        """It will be needed soon: load what was unloaded, or has to stand in."""
        ladder = self.stt if kind == "stt" else self.tts
        ladder.prepare()

    async def voices(self) -> Sequence[Voice]:
        """Voices of the first TTS engine; none while it is not loaded."""
        for place in self._places.get("tts", ())[:1]:
            if isinstance(place, Remote) and not place.voices:
                with suppress(EngineError):
                    await place.look()
            return place.voices
        return ()

    def use_voice(self, voice: str) -> None:
        """Of requests that name none, from the next one on; empty is the first engine's own."""
        self.tts.tiers[0].voice = voice or None

    def _names(self, kind: EngineKind) -> list[tuple[str, bool]]:
        section = self._stt if kind == "stt" else self._tts
        names = dict.fromkeys((section.engine, *section.fallback))
        return [(name, name == section.engine) for name in names]

    def _place(self, kind: EngineKind, name: str, first: bool) -> Place:
        section = self._stt if kind == "stt" else self._tts
        given = dict(self._options.get(name, {}))
        process = process_of(name, {key: given.pop(key) for key in _PROCESS_KEYS & given.keys()})
        uri = (section.uri if first else None) or process.uri
        if uri is not None:
            return Remote(name, uri, on_change=self._on_change)
        spec = self._spec(kind, name)
        config: PluginConfig = _checked(given | self._handed(spec, given, first), spec.config, name)
        if self._models_dir is not None:
            config = with_pulled(spec, config, self._models_dir)
        if self._own_dir is None:
            raise EngineUnavailable("the engines were stopped")
        return Worker(
            spec,
            config,
            process,
            runtime_dir=self._own_dir,
            state_dir=self._state_dir,
            on_change=self._on_change,
            policy=self._policy,
            replaceable=bool(section.fallback) and name != section.fallback[-1],
        )

    def _check_shares(self) -> None:
        """Raises ConfigError where the engines' shares of the GPU are more than all of it."""
        names = dict.fromkeys(name for kind in self._kinds for name, _ in self._names(kind))
        shares = {name: self._options.get(name, {}).get("gpu_memory_share", 0) for name in names}
        given = {name: share for name, share in shares.items() if isinstance(share, int | float) and share > 0}
        if sum(given.values()) > 1:
            each = ", ".join(f"[engines.{name}] {share:g}" for name, share in given.items())
            problem = f"gpu_memory_share: {each} are together more than the whole GPU, 1"
            raise ConfigError(problem, (problem,))

    def _spec(self, kind: EngineKind, name: str) -> EngineSpec:
        spec = self._specs.get(name)
        if spec is None:
            known = ", ".join(sorted(known.name for known in self._specs.values() if known.kind == kind)) or "none"
            raise EngineUnavailable(
                f"[{kind}] engine: there is no {name!r}; known are {known}. See `auricle plugins list`"
            )
        if spec.kind != kind:
            raise EngineUnavailable(f"[{kind}] engine: {name!r} is a {spec.kind} engine")
        return spec

    def _handed(self, spec: EngineSpec, given: Mapping[str, Any], first: bool) -> dict[str, Any]:
        """Keys of [stt] and [tts] that are the engine's own too; `[engines.NAME]` says it more exactly and wins."""
        keys = set(spec.config.__struct_fields__) - given.keys()
        handed: dict[str, Any] = {}
        if spec.kind == "stt":
            if first and self._stt.model:
                if "model" not in spec.config.__struct_fields__:
                    raise ConfigError(f"[stt] model: {spec.name} has no choice of models")
                handed["model"] = self._stt.model
            if isinstance(self._stt.language, tuple):
                handed["languages"] = self._stt.language
        elif first and self._tts.voice:
            handed["voice"] = self._tts.voice
        return {key: value for key, value in handed.items() if key in keys}

    async def _start_one_of(self, places: Sequence[Place]) -> None:
        failures: list[EngineError] = []
        for place in places:
            try:
                match place:
                    case Worker():
                        await place.start()
                    case Remote():
                        await place.look()
                return
            except EngineError as error:
                _log.warning("engine %s cannot be had: %s", place.name, error.message)
                failures.append(error)
        if failures and not any(isinstance(place, Remote) for place in places):
            raise EngineUnavailable("; ".join(failure.message for failure in failures))


def _figures(kind: EngineKind, place: Place) -> WorkerFigures:
    if isinstance(place, Worker):
        return place.figures()
    detail, requests = (place.detail, place.requests) if isinstance(place, Remote) else ("", 0)
    return WorkerFigures(name=place.name, kind=kind, state="remote", detail=detail, uri=place.uri, requests=requests)


def _one_language(language: str | tuple[str, ...]) -> str | None:
    return language if isinstance(language, str) and language != "auto" else None


def process_of(name: str, given: Mapping[str, Any]) -> settings.EngineProcess:
    """`[engines.NAME]`, its part about the process. Raises ConfigError."""
    process = _checked(given, settings.EngineProcess, name)
    if absent := sorted(set(process.cpus) - os.sched_getaffinity(0)):
        ours = ", ".join(str(core) for core in sorted(os.sched_getaffinity(0)))
        problem = f"[engines.{name}] cpus: there is no core {absent[0]} for this process; there are {ours}"
        raise ConfigError(problem, (problem,))
    return process


def _checked(given: Mapping[str, Any], kind: type[C], name: str) -> C:
    try:
        return msgspec.convert(given, kind, strict=True)
    except msgspec.ValidationError as error:
        problem = f"[engines.{name}]: {error}"
        raise ConfigError(problem, (problem,)) from None


async def _all(waits: Iterable[Awaitable[None]]) -> None:
    """All at once; the first error ends the others and is raised as itself."""
    try:
        async with asyncio.TaskGroup() as group:
            for index, wait in enumerate(waits):
                group.create_task(_awaited(wait), name=f"start engines {index}")
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def _awaited(wait: Awaitable[None]) -> None:
    await wait


def _own_folder(runtime_dir: Path) -> Path:
    """A private folder for this process; those of processes that are gone are cleared away."""
    runtime_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in runtime_dir.glob("engines-*-*"):
        owner = left.name.split("-")[1]
        if owner.isdecimal() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"engines-{os.getpid()}-", dir=runtime_dir))
