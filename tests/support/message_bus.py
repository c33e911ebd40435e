"""A dbus-daemon of the test's own, and the programs that people call us with: busctl and gdbus."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from auricle.adapters.dbus_interface import INTERFACE, NAME, PATH

_PATIENCE_S = 20.0
_OPEN = """
<policy context="default">
  <allow user="*"/><allow own="*"/><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
</policy>
"""
SYSTEM = """
<policy context="default">
  <allow user="*"/><deny own="*"/><deny send_type="method_call"/>
  <allow send_type="signal"/><allow send_requested_reply="true" send_type="method_return"/>
  <allow send_requested_reply="true" send_type="error"/>
  <allow receive_type="method_call"/><allow receive_type="method_return"/>
  <allow receive_type="error"/><allow receive_type="signal"/>
  <allow send_destination="org.freedesktop.DBus"/>
</policy>
"""
"""As Debian's system.conf has it."""


class CallFailed(Exception):
    """A program that called us said so; `words` are its own."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


class MessageBus:
    def __init__(self, folder: Path, policies: Sequence[str] = (_OPEN,), kind: str = "session") -> None:
        self.folder = folder
        self.socket = folder / "bus"
        self.address = f"unix:path={self.socket}"
        self.config = folder / "bus.conf"
        self.config.write_text(
            f"<busconfig><type>{kind}</type><listen>{self.address}</listen><auth>EXTERNAL</auth>"
            f"{''.join(policies)}</busconfig>"
        )
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.socket.unlink(missing_ok=True)
        program = shutil.which("dbus-daemon")
        assert program is not None, "dbus-daemon is not installed"
        with (self.folder / "bus.log").open("ab") as log:
            self.process = subprocess.Popen(
                [program, f"--config-file={self.config}", "--nofork", "--nopidfile", "--nosyslog"], stderr=log
            )
        until_s = time.monotonic() + _PATIENCE_S
        while not self.socket.exists():
            assert self.process.poll() is None, (self.folder / "bus.log").read_text()
            assert time.monotonic() < until_s
            time.sleep(0.01)
        self.socket.chmod(0o777)

    def stop(self, how: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.send_signal(signal.SIGCONT)
            self.process.wait(_PATIENCE_S)
            self.process = None

    async def busctl(self, verb: str, *words: str, before: Sequence[str] = ()) -> str:
        command = [*before, "busctl", f"--address={self.address}", "--timeout=30", verb, NAME, PATH, *words]
        return await run(*command)

    async def call(self, method: str, signature: str = "", *words: str, before: Sequence[str] = ()) -> Any:
        """Call with busctl; return the answer's values."""
        said = await run(
            *before,
            *("busctl", f"--address={self.address}", "--json=short", "--timeout=30", "--"),
            *("call", NAME, PATH, INTERFACE, method, signature, *words),
        )
        return plain(json.loads(said)["data"]) if said.strip() else []

    async def get(self, property: str, before: Sequence[str] = ()) -> Any:
        said = await run(
            *before,
            *("busctl", f"--address={self.address}", "--json=short", "get-property", NAME, PATH, INTERFACE, property),
        )
        return plain(json.loads(said)["data"])

    async def set(self, property: str, signature: str, value: str) -> None:
        await self.busctl("set-property", INTERFACE, property, signature, value)

    async def gdbus(self, method: str, *words: str, before: Sequence[str] = ()) -> str:
        options = ("--address", self.address, "--dest", NAME, "--object-path", PATH, "--timeout", "30")
        return await run(*before, "gdbus", "call", *options, "--method", f"{INTERFACE}.{method}", *words)

    async def until_served(self) -> None:
        until_s = time.monotonic() + _PATIENCE_S
        while True:
            try:
                await self.get("State")
                return
            except CallFailed:
                assert time.monotonic() < until_s, "nobody has the name"
                await asyncio.sleep(0.05)

    @asynccontextmanager
    async def monitor(self, before: Sequence[str] = ()) -> AsyncIterator["Monitor"]:
        """`gdbus monitor` on our object; it listens already when the block begins."""
        process = await asyncio.create_subprocess_exec(
            *(*before, "gdbus", "monitor", "--address", self.address, "--dest", NAME, "--object-path", PATH),
            stdout=asyncio.subprocess.PIPE,
        )
        monitor = Monitor(process)
        try:
            await monitor.line("The name")
            # It says so a moment before the bus has its subscription.
            await asyncio.sleep(0.5)
            yield monitor
        finally:
            process.terminate()
            await process.wait()


class Monitor:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.seen: list[str] = []

    async def line(self, *parts: str) -> str:
        """The next line with all these parts in it."""
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(_PATIENCE_S):
                while line := (await self._process.stdout.readline()).decode():
                    self.seen.append(line)
                    if all(part in line for part in parts):
                        return line
        except TimeoutError:
            pass
        raise AssertionError(f"no line with {parts}; seen: {self.seen}")


async def run(*command: str, stdin: int | None = None) -> str:
    """Raises CallFailed with what the program said."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=subprocess.DEVNULL if stdin is None else stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    async with asyncio.timeout(_PATIENCE_S):
        out, err = await process.communicate()
    if process.returncode:
        raise CallFailed(err.decode().strip())
    return out.decode()


def plain(value: Any) -> Any:
    """Values without busctl's types."""
    if isinstance(value, dict):
        if set(value) == {"type", "data"}:
            return plain(value["data"])
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


@pytest.fixture
def message_bus(tmp_path: Path) -> Iterator[MessageBus]:
    """A bus that runs and lets everybody do everything."""
    bus = MessageBus(tmp_path)
    bus.start()
    yield bus
    bus.stop()
