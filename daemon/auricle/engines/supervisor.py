"""Keeps one engine's process alive: start deadline, ping, memory limit, back-off, and an end to trying."""

import asyncio
import logging
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NoReturn

import msgspec

from auricle.api.engines import EngineKind, EngineSpec, Voice
from auricle.api.plugin import PluginConfig
from auricle.engines import environments
from auricle.engines.client import Client, ping
from auricle.engines.place import OnChange
from auricle.engines.process import ChildProcess
from auricle.model.errors import AuricleError, EngineDied, EngineError, EngineTimeout, EngineUnavailable
from auricle.model.events import ComponentChanged
from auricle.settings import EngineProcess

_log = logging.getLogger(__name__)
_MIB = 1024 * 1024
_EXIT_SEEN_S = 0.5


class WorkerState(StrEnum):
    STOPPED = "stopped"
    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Policy:
    """How patient the supervisor is."""

    watch_every_s: float = 3.0
    """Between two looks at a running engine: ping and memory."""
    ping_timeout_s: float = 20.0
    """Long: a library that holds the interpreter while it computes is busy, not dead."""
    first_backoff_s: float = 0.25
    max_backoff_s: float = 30.0
    quick_death_s: float = 60.0
    """A process that lived less than this died quickly."""
    quick_deaths: int = 5
    """So many in a row and the engine is broken."""
    probe_every_s: float = 180.0
    """A broken engine is tried again after this."""
    grace_s: float = 1.0
    """Between asking a process to end and making it."""


@dataclass(frozen=True, slots=True)
class WorkerFigures:
    """What is told of an engine."""

    name: str
    kind: EngineKind
    state: str
    """A WorkerState, or `remote`."""
    pid: int | None
    rss_bytes: int
    uri: str
    restarts: int
    detail: str


class Worker:
    """One engine in a process of its own; implements Place."""

    local = True

    def __init__(
        self,
        spec: EngineSpec,
        config: PluginConfig,
        process: EngineProcess,
        *,
        runtime_dir: Path,
        state_dir: Path,
        on_change: OnChange,
        policy: Policy | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """runtime_dir: a folder of the daemon's own for the socket; state_dir: where engines' environments are."""
        self.spec = spec
        self.name = spec.name
        self.uri = f"unix://{runtime_dir / spec.name}.sock"
        self.state = WorkerState.STOPPED
        self.detail = "not started"
        self.restarts = 0
        self._config = config
        self._process = process
        self._runtime_dir = runtime_dir
        self._state_dir = state_dir
        self._on_change = on_change
        self._policy = policy or Policy()
        self._jitter = jitter
        self._voices: tuple[Voice, ...] = ()
        self._child: ChildProcess | None = None
        self._clients: set[Client] = set()
        self._supervising: asyncio.Task[None] | None = None
        self._first: asyncio.Future[None] | None = None
        self._settled = asyncio.Event()
        self._unwell = asyncio.Event()
        self._suspected = asyncio.Event()
        self._reason: EngineError | None = None

    @property
    def usable(self) -> bool:
        """Ready, or not needed so far."""
        return self.state is WorkerState.READY or self._supervising is None

    @property
    def voices(self) -> Sequence[Voice]:
        return self._voices

    async def start(self) -> None:
        """Load the engine. Raises what its first life ended with; it goes on being tried in the background."""
        first = self._launch()
        if self.state is not WorkerState.READY:
            await asyncio.shield(first)

    async def ready(self, timeout_s: float) -> None:
        """Wait until requests are taken, starting it if need be. Raises EngineUnavailable when that is not to be."""
        self._launch()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._settled.wait()
        if self.state is not WorkerState.READY:
            raise EngineUnavailable(f"{self.name} is {self.state.value}: {self.detail}")

    def restart(self, reason: EngineError) -> None:
        """Kill the process, which is started again; requests from now on wait for the next one."""
        self._reason = reason
        self._unwell.set()
        self._enter(WorkerState.RESTARTING, f"{reason.message}; it is started again")

    async def stop(self) -> None:
        """End the process; nothing of it is left. The worker can be started again."""
        supervising, self._supervising = self._supervising, None
        if supervising is None:
            return
        supervising.cancel()
        await asyncio.gather(supervising, return_exceptions=True)
        if self._first is not None and not self._first.done():
            self._first.set_exception(EngineUnavailable(f"{self.name} was stopped"))
            self._first.exception()
        self._enter(WorkerState.STOPPED, "stopped")

    def figures(self) -> WorkerFigures:
        child = self._child
        return WorkerFigures(
            name=self.name,
            kind=self.spec.kind,
            state=self.state.value,
            pid=child.pid if child is not None else None,
            rss_bytes=child.rss_bytes() if child is not None else 0,
            uri=self.uri,
            restarts=self.restarts,
            detail=self.detail,
        )

    @contextmanager
    def using(self, client: Client) -> Iterator[None]:
        self._clients.add(client)
        try:
            yield
        finally:
            self._clients.discard(client)

    def failed(self, error: EngineError) -> None:
        """A request that had no answer in time means that the engine hangs."""
        if self.state is not WorkerState.READY:
            return
        if isinstance(error, EngineTimeout):
            self.restart(error)
        elif isinstance(error, EngineDied):
            # The end of the process may not have been seen yet: the next request waits for a look at it.
            self._settled.clear()
            self._suspected.set()

    def answered(self) -> None:
        pass

    def _launch(self) -> "asyncio.Future[None]":
        if self._supervising is None or self._first is None:
            self._settled.clear()
            self._first = asyncio.get_running_loop().create_future()
            self._supervising = asyncio.create_task(self._supervise(), name=f"supervise {self.name}")
        return self._first

    async def _supervise(self) -> None:
        quick = 0
        clock = time.monotonic
        while True:
            began = clock()
            try:
                await self._live()
            except EngineError as failure:
                error = failure
            except Exception as failure:
                _log.exception("engine %s cannot be supervised", self.name)
                error = EngineUnavailable(f"{self.name} cannot be started: {type(failure).__name__}: {failure}")
            quick = quick + 1 if clock() - began < self._policy.quick_death_s else 1
            hopeless = isinstance(error, EngineUnavailable) or quick >= self._policy.quick_deaths
            if hopeless:
                self._enter(WorkerState.BROKEN, f"{error.message}; tried again every {self._policy.probe_every_s:g} s")
                quick = max(quick, self._policy.quick_deaths - 1)
                wait_s = self._policy.probe_every_s
            else:
                self._enter(WorkerState.RESTARTING, f"{error.message}; it is started again")
                doubled_s = self._policy.first_backoff_s * 2 ** (quick - 1)
                wait_s = min(self._policy.max_backoff_s, doubled_s) * (0.5 + self._jitter())
            if self._first is not None and not self._first.done():
                self._first.set_exception(error)
                self._first.exception()  # it counts as seen: nobody need be waiting
            await asyncio.sleep(wait_s)
            self.restarts += 1

    async def _live(self) -> NoReturn:
        """One life of the process. Always raises EngineError, saying how it ended, or is cancelled."""
        self._enter(WorkerState.STARTING, "loading")
        self._unwell.clear()
        self._suspected.clear()
        self._reason = None
        child = ChildProcess(self.name)
        grace_s = self._policy.grace_s
        try:
            await self._start(child)
            self._child = child
            try:
                async with asyncio.timeout(self._process.start_timeout_s):
                    ready = await child.ready()
            except TimeoutError:
                grace_s = 0.0
                raise EngineTimeout(
                    f"{self.name} was not loaded within [engines.{self.name}] start_timeout_s = "
                    f"{self._process.start_timeout_s:g}"
                ) from None
            self._voices = ready.voices
            self._enter(WorkerState.READY, f"{self.spec.description or self.name}, process {child.pid}")
            if self._first is not None and not self._first.done():
                self._first.set_result(None)
            ending = await self._watch(child)
            grace_s = 0.0
            raise ending
        except EngineError as error:
            if not isinstance(error, EngineUnavailable):
                tail = " | ".join(child.last_lines)
                _log.warning("%s%s", error.message, f"; its last lines: {tail}" if tail else "")
            raise
        finally:
            self._settled.clear()
            for client in tuple(self._clients):
                client.abort()
            self._child = None
            await asyncio.shield(child.stop(grace_s))

    async def _start(self, child: ChildProcess) -> None:
        spec = self.spec
        python = environments.interpreter(self.name, self._process.python, self._state_dir)
        config_type = type(self._config)
        modules = ["auricle", spec.target.partition(":")[0], config_type.__module__]
        links = environments.link_packages(self._runtime_dir / f"{self.name}.packages", modules)
        variables = environments.environment(python, links, self._process.threads)
        await environments.check(spec, python, variables)
        await child.start(command(python, spec, config_type, self.uri), variables, msgspec.json.encode(self._config))

    async def _watch(self, child: ChildProcess) -> EngineError:
        """Return why the life ended or is to end."""
        exit_seen = asyncio.create_task(child.ended(), name=f"end of {self.name}")
        unwell = asyncio.create_task(self._unwell.wait(), name=f"complaint about {self.name}")
        looking = asyncio.create_task(self._look(child), name=f"watch {self.name}")
        tasks = (exit_seen, unwell, looking)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if exit_seen.done():
                return EngineDied(f"{self.name} {exit_seen.result()}")
            if looking.done():
                await asyncio.wait({exit_seen}, timeout=_EXIT_SEEN_S)
                return EngineDied(f"{self.name} {exit_seen.result()}") if exit_seen.done() else looking.result()
            return self._reason or EngineDied(f"{self.name} was restarted")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _look(self, child: ChildProcess) -> EngineError:
        limit_bytes = self._process.memory_mb * _MIB
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._policy.watch_every_s):
                    await self._suspected.wait()
            self._suspected.clear()
            size = child.rss_bytes()
            # A request in hand may end first, unless the engine grows without measure.
            if limit_bytes and size > limit_bytes * (1.25 if self._clients else 1.0):
                return EngineError(
                    f"{self.name} takes {size // _MIB} MiB, over [engines.{self.name}] memory_mb = "
                    f"{self._process.memory_mb}"
                )
            try:
                await ping(self.uri, self._policy.ping_timeout_s)
            except AuricleError as error:
                return EngineTimeout(f"{self.name} does not answer a ping: {error.message}")
            if self.state is WorkerState.READY:
                self._settled.set()

    def _enter(self, state: WorkerState, detail: str) -> None:
        changed = (state, detail) != (self.state, self.detail)
        self.state, self.detail = state, detail
        if state in (WorkerState.READY, WorkerState.BROKEN, WorkerState.STOPPED):
            self._settled.set()
        else:
            self._settled.clear()
        if changed:
            level = logging.WARNING if state is WorkerState.BROKEN else logging.INFO
            _log.log(level, "engine %s is %s: %s", self.name, state.value, detail)
            self._on_change(
                ComponentChanged(
                    component=f"engine {self.name}",
                    ok=state is WorkerState.READY,
                    detail=detail if state is WorkerState.READY else f"{state.value}: {detail}",
                    essential=state is not WorkerState.STOPPED,
                )
            )


def command(python: Path, spec: EngineSpec, config_type: type[PluginConfig], uri: str) -> list[str]:
    """The command line of an engine's process, but for `--ready-fd`."""
    return [
        str(python),
        "-P",
        "-m",
        "auricle.engines.child",
        f"--name={spec.name}",
        f"--kind={spec.kind}",
        f"--target={spec.target}",
        f"--config-type={config_type.__module__}:{config_type.__qualname__}",
        "--config-json=-",
        f"--description={spec.description}",
        f"--languages={msgspec.json.encode(spec.languages).decode()}",
        f"--uri={uri}",
        f"--parent={os.getpid()}",
        f"--log-level={'debug' if logging.getLogger('auricle').isEnabledFor(logging.DEBUG) else 'info'}",
    ]
