"""A whole daemon in a process of its own that says what it is told and tells, with times, what happens."""

import asyncio
import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any


class BargeDriver:
    """The child as a test sees it."""

    def __init__(self, config: Path, folder: Path, env: dict[str, str]) -> None:
        self.log = (folder / "barge.log").open("wb")
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(config), str(folder)],
            env={**os.environ, **env, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
        )
        self._lines: queue.Queue[dict[str, Any]] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> "BargeDriver":
        return self

    def __exit__(self, *error: object) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(5)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self.log.close()

    def tell(self, **command: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        self._process.stdin.flush()

    def wait(self, what: str, timeout_s: float, **fits: object) -> dict[str, Any] | None:
        """The next line of this kind that fits, those before it are dropped; None if none comes in time."""
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                line = self._lines.get(timeout=left)
                if line["what"] == what and all(line.get(key) == value for key, value in fits.items()):
                    return line
        return None

    def drop(self) -> list[dict[str, Any]]:
        """Lines that nobody waited for."""
        dropped = []
        with contextlib.suppress(queue.Empty):
            while True:
                dropped.append(self._lines.get_nowait())
        return dropped

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(json.loads(line))


async def _main(config: Path, folder: Path) -> None:
    from auricle.app import Daemon
    from auricle.config import load_config
    from auricle.model.events import SpeechChanged, TurnEnded, WakeHeard
    from auricle.model.speech import SpeechRequest

    def tell(**line: object) -> None:
        print(json.dumps({"s": time.monotonic(), **line}), flush=True)

    async def events(daemon: Daemon) -> None:
        with daemon.bus.subscribe() as bus:
            async for event in bus:
                match event:
                    case WakeHeard():
                        behind = daemon.ears.position - event.sample
                        tell(what="wake", word=event.wake_word, score=event.score, behind=behind)
                    case SpeechChanged():
                        heard = getattr(event, "heard", None)
                        tell(what="speech", status=event.status.value, reason=event.reason, heard=heard)
                    case TurnEnded():
                        tell(what="turn", outcome=event.outcome.value, heard=getattr(event, "heard", None))

    async with Daemon(load_config(config), state=folder / "state", cache=folder / "cache") as daemon:
        beside = asyncio.create_task(events(daemon))
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        tell(what="ready")
        while line := await reader.readline():
            command = json.loads(line)
            if "say" in command:
                daemon.assistant.submit(SpeechRequest(text=command["say"]))
            elif "stop" in command:
                await daemon.assistant.stop()
            elif (echo := daemon.echo) is not None:
                tell(
                    what="echo",
                    drift_ppm=echo.drift_ppm,
                    delay_s=echo.delay_s,
                    removed_db=echo.removed_db,
                    busy_s=daemon.ears.busy_s,
                )
        beside.cancel()
        await asyncio.gather(beside, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), Path(sys.argv[2])))
