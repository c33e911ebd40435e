"""Engines served in this process or in workers, for one test, and ended after it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from auricle.api import AudioFrame, EngineSpec, Expected, Transcript
from auricle.engines.patience import Policy
from auricle.engines.place import Remote
from auricle.engines.proxy import WyomingStt, WyomingTts
from auricle.engines.server import Bounds, EngineServer
from auricle.engines.supervisor import Worker
from auricle.engines.wire import Limits
from auricle.model.events import ComponentChanged, ErrorRaised
from auricle.settings import EngineProcess
from support.scripted_engines import Script, ScriptedStt, ScriptedTts, spec

QUICK = Policy(watch_every_s=0.2, ping_timeout_s=10.0, first_backoff_s=0.05, max_backoff_s=0.1, first_probe_s=60.0)


class EngineParts:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.changes: list[ComponentChanged] = []
        self.errors: list[ErrorRaised] = []
        self._servers: list[EngineServer] = []
        self._workers: list[Worker] = []

    async def served(self, kind: str, *, uri: str | None = None, bounds: Bounds | None = None, **script: object) -> str:
        """An engine served in this process; its uri."""
        config = Script(**script)  # type: ignore[arg-type]
        engine = ScriptedStt(config) if kind == "stt" else ScriptedTts(config)
        server = EngineServer(spec(f"scripted_{kind}", kind), engine, bounds)  # type: ignore[arg-type]
        self._servers.append(server)
        await server.load()
        return await server.listen(uri or f"unix://{self.folder / f'{kind}{len(self._servers)}.sock'}")

    def note(self, event: ComponentChanged | ErrorRaised) -> None:
        if isinstance(event, ErrorRaised):
            self.errors.append(event)
        else:
            self.changes.append(event)

    def pending(self) -> int:
        """Requests that the last served engine has to do."""
        return self._servers[-1].pending

    def weighed(self) -> int:
        """Texts that the last served engine was asked about."""
        engine = self._servers[-1]._engine
        assert isinstance(engine, ScriptedStt)
        return engine.weighed

    def worker(
        self,
        kind: str,
        *,
        name: str = "",
        process: EngineProcess | None = None,
        policy: Policy = QUICK,
        what: EngineSpec | None = None,
        replaceable: bool = False,
        **script: object,
    ) -> Worker:
        worker = Worker(
            what or spec(name or f"scripted_{kind}", kind),  # type: ignore[arg-type]
            Script(**script),  # type: ignore[arg-type]
            process or EngineProcess(),
            runtime_dir=self.folder,
            state_dir=self.folder / "state",
            on_change=self.note,
            policy=policy,
            replaceable=replaceable,
        )
        self._workers.append(worker)
        return worker

    def remote(self, uri: str) -> Remote:
        return Remote("remote", uri, on_change=self.note)

    def stt(self, uri: str, timeout_s: float = 10.0) -> WyomingStt:
        return WyomingStt(self.remote(uri), timeout_s=timeout_s)

    def tts(self, uri: str, timeout_s: float = 10.0) -> WyomingTts:
        return WyomingTts(self.remote(uri), timeout_s=timeout_s)

    async def close(self) -> None:
        for server in self._servers:
            await server.close()
        await asyncio.gather(*(worker.stop() for worker in self._workers))


async def speech(frames: int = 5, samples: int = 1_600, pause_s: float = 0.0) -> AsyncGenerator[AudioFrame, None]:
    """Inbound audio whose first sample is at 48,000, as after a wake word."""
    for index in range(frames):
        await asyncio.sleep(pause_s)
        yield AudioFrame(b"\1\0" * samples, 48_000 + index * samples)


async def transcript(
    stt: WyomingStt, frames: int = 5, language: str | None = None, expected: Expected | None = None
) -> Transcript:
    """The final one."""
    return [heard async for heard in stt.transcribe(speech(frames), language, expected)][-1]


async def until(true: Callable[[], bool], timeout_s: float = 15.0) -> None:
    """Wait until a fact holds."""
    async with asyncio.timeout(timeout_s):
        while not true():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def raw_server(
    folder: Path, handler: Callable[[asyncio.StreamReader, asyncio.StreamWriter], object]
) -> AsyncIterator[str]:
    """A server that answers with whatever bytes it likes."""

    async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)  # type: ignore[misc]
        finally:
            writer.close()

    path = folder / "raw.sock"
    server = await asyncio.start_unix_server(closing, path)
    try:
        yield f"unix://{path}"
    finally:
        server.close()


LITTLE = Limits(header_bytes=1_000, data_bytes=2_000, payload_bytes=10_000, stall_s=0.3)
