"""Keeps one engine's process alive: start deadline, ping, memory limit, back-off, idle time, and an end to trying."""

import asyncio
import logging
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path

import msgspec

from auricle.api.engines import EngineSpec, Voice
from auricle.api.plugin import PluginConfig
from auricle.engines import environments
from auricle.engines.client import Client, ping
from auricle.engines.conditions import Conditions
from auricle.engines.figures import MIB, WorkerFigures, rss_bytes, thread_count
from auricle.engines.patience import Policy
from auricle.engines.place import OnChange
from auricle.engines.process import ChildProcess
from auricle.model.errors import (
    AuricleError,
    EngineDied,
    EngineError,
    EngineTimeout,
    EngineUnavailable,
    EngineWrecked,
)
from auricle.model.events import ComponentChanged, ErrorRaised
from auricle.settings import EngineProcess

_log = logging.getLogger(__name__)
_EXIT_SEEN_S = 0.5


class WorkerState(StrEnum):
    STOPPED = "stopped"
    LOADING = "loading"
    READY = "ready"
    UNLOADED = "unloaded"
    """Nobody needed it for a while: it is loaded again when somebody does."""
    RESTARTING = "restarting"
    BROKEN = "broken"


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
        replaceable: bool = False,
        uri: str | None = None,
    ) -> None:
        """runtime_dir: a folder of the daemon's own for the socket; state_dir: where engines' environments are.

        replaceable: whether another engine can do its work. uri: where it listens, if not at a socket of the daemon's.
        """
        self.spec = spec
        self.name = spec.name
        self.uri = uri or f"unix://{runtime_dir / spec.name}.sock"
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
        self._replaceable = replaceable
        self._requests = 0
        self._told: Mapping[str, object] = {}
        self._used_at = 0.0
        self._resuming = False
        self._wanted = asyncio.Event()
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
        """Ready, not needed so far, or not needed for a while."""
        idle = self.state is WorkerState.UNLOADED or (self._resuming and self.state is WorkerState.LOADING)
        return self.state is WorkerState.READY or self._supervising is None or idle

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

    def prepare(self) -> None:
        """It will be needed soon: load it if it is not."""
        self._used_at = time.monotonic()
        self._launch()

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
        child, told = self._child, self._told
        device, batch, gpu_mb, rtf = (told.get(key) for key in ("device", "batch", "gpu_mb", "rtf"))
        return WorkerFigures(
            name=self.name,
            kind=self.spec.kind,
            state=self.state.value,
            detail=self.detail,
            uri=self.uri,
            pid=child.pid if child is not None else None,
            rss_bytes=rss_bytes(child.pid) if child is not None else 0,
            gpu_mb=float(gpu_mb) if child is not None and isinstance(gpu_mb, int | float) else None,
            threads=thread_count(child.pid) if child is not None else 0,
            device=device if isinstance(device, str) else "",
            batch=batch if isinstance(batch, int) else 1,
            restarts=self.restarts,
            requests=self._requests,
            rtf=float(rtf) if isinstance(rtf, int | float) else None,
        )

    @contextmanager
    def using(self, client: Client) -> Iterator[None]:
        self._clients.add(client)
        self._requests += 1
        try:
            yield
        finally:
            self._clients.discard(client)
            self._used_at = time.monotonic()

    def failed(self, error: EngineError) -> None:
        """A request that had no answer in time means that the engine hangs."""
        if self.state is not WorkerState.READY:
            return
        if isinstance(error, EngineTimeout | EngineWrecked):
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
        elif self.state is WorkerState.UNLOADED:
            self._wanted.set()
        return self._first

    async def _supervise(self) -> None:
        quick, hopeless = 0, 0
        clock = time.monotonic
        while True:
            began = clock()
            try:
                await self._live()
            except EngineError as failure:
                error = failure
            except Exception as failure:  # an engine's top: it is tried again
                _log.exception("engine %s cannot be supervised", self.name)
                error = EngineUnavailable(f"{self.name} cannot be started: {type(failure).__name__}: {failure}")
            else:
                await self._wanted.wait()
                quick, hopeless, self._resuming = 0, 0, True
                continue
            self._resuming = False
            lasted = clock() - began >= self._policy.quick_death_s
            quick, hopeless = (1, 0) if lasted else (quick + 1, hopeless)
            if isinstance(error, EngineUnavailable) or quick >= self._policy.quick_deaths:
                hopeless += 1
                wait_s = self._policy.probe_s(hopeless)
                self._enter(WorkerState.BROKEN, f"{error.message}; tried again in {wait_s:g} s")
                quick = max(quick, self._policy.quick_deaths - 1)
            else:
                self._enter(WorkerState.RESTARTING, f"{error.message}; it is started again")
                wait_s = self._policy.backoff_s(quick, self._jitter())
            self._on_change(ErrorRaised(code=error.code, message=error.message))
            if self._first is not None and not self._first.done():
                self._first.set_exception(error)
                self._first.exception()  # it counts as seen: nobody need be waiting
            await asyncio.sleep(wait_s)
            self.restarts += 1

    async def _live(self) -> None:
        """One life of the process. Returns when it was not needed for long; else raises EngineError: why it ended."""
        self._enter(WorkerState.LOADING, "its process starts")
        self._wanted.clear()
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
            self.uri = ready.uri or self.uri
            self._told = {"device": ready.device, "batch": ready.batch}
            self._used_at = time.monotonic()
            self._enter(WorkerState.READY, f"{self.spec.description or self.name}, process {child.pid}")
            if self._first is not None and not self._first.done():
                self._first.set_result(None)
            ending = await self._watch(child)
            if ending is None:
                idle_s = self._process.unload_after_s
                self._enter(WorkerState.UNLOADED, f"not needed for {idle_s:g} s; loaded again when it is")
                return
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
        started = [*command(python, spec, config_type, self.uri, self._conditions()), f"--restarts={self.restarts}"]
        await child.start(started, variables, msgspec.json.encode(self._config))

    def _conditions(self) -> Conditions:
        wants_gpu = getattr(self._config, "device", "") == "auto"
        return Conditions(
            nice=self._process.nice,
            cpus=self._process.cpus,
            gpu_memory_share=self._process.gpu_memory_share,
            slowest_rtf=self._process.slowest_rtf if wants_gpu and self._replaceable else 0.0,
        )

    async def _watch(self, child: ChildProcess) -> EngineError | None:
        """Return why the life ended or is to end; None because it is not needed."""
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

    async def _look(self, child: ChildProcess) -> EngineError | None:
        limit_bytes = self._process.memory_mb * MIB
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._policy.watch_every_s):
                    await self._suspected.wait()
            self._suspected.clear()
            if self._idle():
                return None
            size = rss_bytes(child.pid)
            # A request in hand may end first, unless the engine grows without measure.
            if limit_bytes and size > limit_bytes * (1.25 if self._clients else 1.0):
                return EngineError(
                    f"{self.name} takes {size // MIB} MiB, over [engines.{self.name}] memory_mb = "
                    f"{self._process.memory_mb}"
                )
            try:
                self._told = await ping(self.uri, self._policy.ping_timeout_s)
            except AuricleError as error:
                return EngineTimeout(f"{self.name} does not answer a ping: {error.message}")
            if self.state is WorkerState.READY:
                self._settled.set()

    def _idle(self) -> bool:
        idle_s = self._process.unload_after_s
        return idle_s > 0 and not self._clients and time.monotonic() - self._used_at >= idle_s

    def _enter(self, state: WorkerState, detail: str) -> None:
        changed = (state, detail) != (self.state, self.detail)
        self.state, self.detail = state, detail
        if state in (WorkerState.READY, WorkerState.BROKEN, WorkerState.STOPPED):
            self._settled.set()
        else:
            self._settled.clear()
        if changed:
            loading = state is WorkerState.LOADING
            level = logging.WARNING if state is WorkerState.BROKEN else logging.INFO
            _log.log(level, "engine %s is %s: %s", self.name, state.value, detail)
            self._on_change(
                ComponentChanged(
                    component=f"engine {self.name}",
                    ok=state in (WorkerState.READY, WorkerState.UNLOADED) or (loading and self._resuming),
                    detail=detail if state is WorkerState.READY else f"{state.value}: {detail}",
                    essential=state is not WorkerState.STOPPED,
                )
            )


def command(
    python: Path, spec: EngineSpec, config_type: type[PluginConfig], uri: str, conditions: Conditions
) -> list[str]:
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
        f"--conditions={msgspec.json.encode(conditions).decode()}",
        f"--parent={os.getpid()}",
        f"--log-level={'debug' if logging.getLogger('auricle').isEnabledFor(logging.DEBUG) else 'info'}",
    ]
