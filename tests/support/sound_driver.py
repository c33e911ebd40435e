"""Capture and playback in a process of their own: PortAudio keeps one state per process, tests must not share it."""

import asyncio
import json
import os
import select
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "daemon"))

import numpy as np

from auricle.model.audio import AudioFrame
from auricle.model.errors import AuricleError
from auricle.model.events import ComponentChanged, QualityFound

WAIT_S = 20.0


class SoundDriver:
    """The child as a test sees it: `tell` it what to do, `expect` what it says."""

    def __init__(self, env: dict[str, str], role: str, settings: dict[str, object], out: Path | None = None) -> None:
        self.said: list[dict[str, Any]] = []
        self._out = out
        self._rest = b""
        self.process = subprocess.Popen(
            [sys.executable, __file__, role, json.dumps(settings), str(out or "")],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> "SoundDriver":
        return self

    def __exit__(self, *error: object) -> None:
        if self.process.poll() is None:
            with suppress(OSError):
                self._stdin.close()
            try:
                self.process.wait(timeout=3)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def tell(self, **command: object) -> None:
        self._stdin.write(json.dumps(command).encode() + b"\n")
        self._stdin.flush()

    def expect(self, timeout_s: float = WAIT_S, **wanted: object) -> dict[str, Any]:
        """Wait for a line that has all of `wanted` (`...` is any value), among those not yet expected; return it."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            for at, line in enumerate(self.said):
                if all(key in line and value in (line[key], ...) for key, value in wanted.items()):
                    del self.said[: at + 1]
                    return line
            left_s = deadline_s - time.monotonic()
            if left_s <= 0 or not self._read(left_s):
                raise AssertionError(f"no {wanted} within {timeout_s} s; said were {self.said}")

    def end(self) -> dict[str, Any]:
        """Ask the child to end; return its last line."""
        self._stdin.close()
        self.process.wait(timeout=WAIT_S)
        while self._read(WAIT_S):
            pass
        return self.said[-1]

    def pcm(self) -> np.ndarray:
        """All samples captured so far, without those that are missing at gaps."""
        assert self._out is not None
        raw = self._out.read_bytes()
        return np.frombuffer(raw[: len(raw) // 2 * 2], np.int16)

    @property
    def _stdin(self) -> Any:
        return self.process.stdin

    def _read(self, timeout_s: float) -> bool:
        assert self.process.stdout is not None
        descriptor = self.process.stdout.fileno()
        if not select.select([descriptor], [], [], timeout_s)[0]:
            return False
        got = os.read(descriptor, 65536)
        *lines, self._rest = (self._rest + got).split(b"\n")
        self.said += [json.loads(line) for line in lines if line]
        return bool(got)


_SAYING = threading.Lock()


def _say(**line: object) -> None:
    with _SAYING:
        print(json.dumps({**line, "at": time.monotonic()}), flush=True)


def _changed(event: ComponentChanged) -> None:
    _say(component=event.component, ok=event.ok, detail=event.detail)


def _found(event: QualityFound) -> None:
    _say(finding=event.finding)


def _capture(settings: dict[str, Any], out: Path) -> None:
    from auricle.pipeline.capture import Capture
    from auricle.pipeline.devices import Format
    from auricle.pipeline.microphone import input_formats
    from auricle.settings import AudioInput

    form = settings.pop("format", None)
    formats = input_formats if form is None else lambda device: [Format(*form)]
    capture = Capture(AudioInput(**settings), on_change=_changed, on_quality=_found, formats=formats)
    began_s = time.monotonic()
    capture.start()
    _say(started_s=time.monotonic() - began_s)
    stopping = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.buffer.read(), stopping.set()), daemon=True).start()
    position, late_s = 0, 0.0
    with out.open("wb", buffering=0) as file:
        while not stopping.is_set() and not capture.ended:
            frame = capture.take(0.25)
            if frame is None:
                continue
            if frame.first_sample != position:
                _say(gap=frame.first_sample - position)
            position = frame.end_sample
            late_s = max(late_s, time.monotonic() - capture.arrived_at(frame.end_sample - 1))
            file.write(frame.pcm)
    began_s = time.monotonic()
    capture.stop()
    _say(stopped_s=time.monotonic() - began_s, overflows=capture.overflows, position=position, late_s=late_s)


async def _play(settings: dict[str, Any]) -> None:
    import soundfile

    from auricle.pipeline.devices import Format
    from auricle.pipeline.loudspeaker import DeviceSpeaker, output_formats

    form = settings.pop("format", None)
    formats = output_formats if form is None else lambda device: [Format(*form)]
    speaker = DeviceSpeaker(settings.pop("device"), _changed, formats=formats, **settings)
    loop = asyncio.get_running_loop()
    commands: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

    def read() -> None:
        for line in sys.stdin.buffer:
            loop.call_soon_threadsafe(commands.put_nowait, json.loads(line))
        loop.call_soon_threadsafe(commands.put_nowait, None)

    threading.Thread(target=read, daemon=True).start()

    async def frames(wav: str, pause_s: float) -> Any:
        pcm = soundfile.read(wav, dtype="int16")[0]
        _say(pulled=True)
        for at in range(0, len(pcm), 2400):
            yield AudioFrame(pcm[at : at + 2400].tobytes(), at, 24_000)
            if pause_s and at == 2400 * 3:
                await asyncio.sleep(pause_s)

    async def play(command: dict[str, Any]) -> None:
        began_s = time.monotonic()
        outcome = "done"
        try:
            await speaker.play(frames(command["wav"], command.get("pause_s", 0.0)), command.get("volume", 100))
        except asyncio.CancelledError:
            outcome = "cancelled"
        except AuricleError as error:
            outcome = error.code
        _say(played=outcome, took_s=time.monotonic() - began_s, underruns=speaker.underruns)

    task: asyncio.Task[None] | None = None
    _say(ready=True)
    while (command := await commands.get()) is not None:
        match command["do"]:
            case "play":
                task = asyncio.create_task(play(command))
            case "cancel" if task is not None:
                task.cancel()
            case "prepare":
                began_s = time.monotonic()
                speaker.prepare()
                _say(prepared_s=time.monotonic() - began_s)
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await speaker.close()


if __name__ == "__main__":
    if sys.argv[1] == "capture":
        _capture(json.loads(sys.argv[2]), Path(sys.argv[3]))
    else:
        asyncio.run(_play(json.loads(sys.argv[2])))
