"""One life of an engine's process: started, heard to be ready, its log lines passed on, ended with nothing left."""

import asyncio
import logging
import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO

import msgspec

from auricle.engines.child import Ready
from auricle.model.errors import EngineDied, EngineError, EngineUnavailable

_LINE_CHARACTERS = 1_000
_READY_BYTES = 1024 * 1024
_LEVELS = {name: getattr(logging, name) for name in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")}


class ChildProcess:
    """A started process. It dies with the thread that started it, so that is to be the loop's main thread."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.last_lines: deque[str] = deque(maxlen=5)
        self._log = logging.getLogger(f"auricle.engines.{name}")
        self._loop = asyncio.get_running_loop()
        self._exited: asyncio.Future[int] = self._loop.create_future()
        self._process: subprocess.Popen[bytes] | None = None
        self._ready: asyncio.StreamReader | None = None
        self._pipes: list[asyncio.BaseTransport] = []
        self._forwarding: asyncio.Task[None] | None = None

    async def start(self, command: Sequence[str], variables: Mapping[str, str], given: bytes) -> None:
        """Run `command --ready-fd N`; `given` is its standard input. Raises EngineUnavailable."""
        ready_end, child_end = os.pipe()
        try:
            process = subprocess.Popen(  # noqa: ASYNC220 -- a fork is short, and asyncio's own waits for pipes too
                [*command, "--ready-fd", str(child_end)],
                env=dict(variables),
                stdin=subprocess.PIPE,
                stderr=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=(child_end,),
                start_new_session=True,  # Ctrl-C in the terminal is for the daemon, which ends its children itself
            )
        except OSError as error:
            os.close(ready_end)
            raise EngineUnavailable(f"{self.name}: {command[0]} cannot be run: {error.strerror or error}") from error
        finally:
            os.close(child_end)
        self._process = process
        if process.stdin is not None:
            # Before anything is waited for, where a stop would leave it open. If it died already, `ready` will say so.
            with suppress(OSError), process.stdin:
                process.stdin.write(given)
        threading.Thread(target=self._wait, args=(process,), name=f"wait for {self.name}", daemon=True).start()
        self._ready = await self._reader(os.fdopen(ready_end, "rb", 0))
        if process.stderr is not None:
            lines = await self._reader(process.stderr)
            self._forwarding = asyncio.create_task(self._forward(lines), name=f"log of {self.name}")

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    async def ready(self) -> Ready:
        """Wait until the engine is loaded. Raises EngineUnavailable, EngineDied or EngineError, as it went wrong."""
        try:
            line = await self._ready.readline() if self._ready is not None else b""
            ready = msgspec.json.decode(line, type=Ready)
        except ValueError:  # nothing, or no such line
            raise EngineDied(f"{self.name} {await self.ended()} while it loaded") from None
        if ready.error is None:
            return ready
        if ready.error == EngineUnavailable.code:
            raise EngineUnavailable(ready.message)
        raise EngineError(ready.message, code=ready.error)

    async def ended(self) -> str:
        """Wait for the end and say how it came: `exited with status 3`, `was killed by SIGKILL`."""
        status = await asyncio.shield(self._exited)
        if status >= 0:
            return f"exited with status {status}"
        try:
            return f"was killed by {signal.Signals(-status).name}"
        except ValueError:
            return f"was killed by signal {-status}"

    async def stop(self, grace_s: float) -> None:
        """Ask it to end, make it after `grace_s`; all of its own children go with it."""
        if self._process is None:
            return
        try:
            if grace_s > 0:
                self._signal(signal.SIGTERM)
                await asyncio.wait({self._exited}, timeout=grace_s)
        finally:
            self._signal(signal.SIGKILL)
            await asyncio.wait({self._exited}, timeout=5.0)
            if self._forwarding is not None:
                await asyncio.wait({self._forwarding}, timeout=0.5)
                self._forwarding.cancel()
                await asyncio.gather(self._forwarding, return_exceptions=True)
            for pipe in self._pipes:
                pipe.close()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and not self._exited.done():
            with suppress(ProcessLookupError, PermissionError):
                os.kill(self._process.pid, number)

    def _wait(self, process: "subprocess.Popen[bytes]") -> None:
        """On a thread of its own: does not depend on pipes that a grandchild may hold open."""
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        # Not reaped yet, so the group's number is still its own: whatever it started goes too.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        status = process.wait()
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._settle, status)

    def _settle(self, status: int) -> None:
        if not self._exited.done():
            self._exited.set_result(status)

    async def _reader(self, pipe: IO[bytes]) -> asyncio.StreamReader:
        reader = asyncio.StreamReader(limit=_READY_BYTES)
        transport, _ = await self._loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
        self._pipes.append(transport)
        return reader

    async def _forward(self, lines: asyncio.StreamReader) -> None:
        rest = b""
        while piece := await lines.read(16 * 1024):
            *whole, rest = (rest + piece).split(b"\n")
            rest = rest[: 4 * _LINE_CHARACTERS]
            for line in whole:
                self._pass_on(line)
        self._pass_on(rest)

    def _pass_on(self, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip()[:_LINE_CHARACTERS]
        if not text:
            return
        self.last_lines.append(text)
        level, _, message = text.partition(" ")
        if level in _LEVELS:
            self._log.log(_LEVELS[level], "%s", message)
        else:
            # What a library prints may be the words of a user.
            self._log.debug("%s", text)
