"""A PulseAudio of the test's own: null sinks for microphone and speaker, a person who speaks, a room that hears."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

READY_S = 15.0
SPEAKER_RATE_HZ = 24_000
_REMAP = ("module-remap-source", "master=mic_sink.monitor", "source_name=mic")
_MODULES = (
    "module-null-sink norewinds=1 sink_name=mic_sink rate=16000 channels=1",
    " ".join(_REMAP),
    "module-null-sink norewinds=1 sink_name=speaker rate=48000",
)


class Recorder:
    """What the room hears, from its making until `stop`: 24 kHz, 16-bit, mono."""

    def __init__(self, server: "PulseServer", source: str) -> None:
        self._file = tempfile.TemporaryFile(dir=server.directory)  # noqa: SIM115 -- closed by stop()
        self._process = server.spawn(
            ["parec", "-d", source, "--raw", "--format=s16le", f"--rate={SPEAKER_RATE_HZ}", "--channels=1"]
            + ["--latency-msec=20"],
            stdout=self._file,
        )
        self._pcm: np.ndarray | None = None
        deadline = time.monotonic() + READY_S
        while not self.bytes_heard:
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"parec recorded nothing from {source}")
            time.sleep(0.02)

    @property
    def bytes_heard(self) -> int:
        return os.fstat(self._file.fileno()).st_size

    def so_far(self) -> np.ndarray:
        """Samples (int16) heard until now, or until `stop`."""
        if self._pcm is not None:
            return self._pcm
        size = self.bytes_heard // 2 * 2
        return np.frombuffer(os.pread(self._file.fileno(), size, 0), np.int16)

    def stop(self) -> np.ndarray:
        """End the recording and return its samples (int16)."""
        if self._pcm is None:
            _end(self._process)
            pcm = self.so_far()
            self._file.close()
            self._pcm = pcm
        return self._pcm


class PulseServer:
    """One PulseAudio with `mic_sink` (what is played there is heard by source `mic`) and sink `speaker`."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="auricle-pulse-"))
        self.socket = self.directory / "pulse" / "native"
        self.env: dict[str, str] = {
            **{name: text for name, text in os.environ.items() if not name.startswith("PULSE_")},
            "XDG_RUNTIME_DIR": str(self.directory),
            "PULSE_RUNTIME_PATH": str(self.directory / "pulse"),
            "PULSE_STATE_PATH": str(self.directory / "state"),
            "PULSE_SERVER": f"unix:{self.socket}",
            "PULSE_COOKIE": str(self.directory / "cookie"),
            "PULSE_CLIENTCONFIG": str(self.directory / "client.conf"),
        }
        """For every process that is to live in this room."""
        (self.directory / "client.conf").write_text("autospawn = no\n")
        self._server: subprocess.Popen[bytes] | None = None
        self._children: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start the server with its sinks and wait until it answers."""
        modules = [part for module in ("module-native-protocol-unix", *_MODULES) for part in ("-L", module)]
        home = {"HOME": str(self.directory), "XDG_CONFIG_HOME": str(self.directory / "config")}
        with (self.directory / "server.log").open("ab") as log:
            self._server = subprocess.Popen(
                ["pulseaudio", "--daemonize=no", "-n", "--exit-idle-time=-1", "--disallow-exit", "--use-pid-file=no"]
                + ["--log-target=stderr", *modules],
                env=self.env | home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + READY_S
        while (
            self._pactl("set-default-source", "mic").returncode or self._pactl("set-default-sink", "speaker").returncode
        ):
            if self._server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PulseAudio did not start: {(self.directory / 'server.log').read_text()[-2000:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        """End the server at once, as a crash would."""
        if self._server is not None:
            self._server.kill()
            self._server.wait()
            self._server = None
            self.socket.unlink(missing_ok=True)

    def restart(self) -> None:
        self.kill()
        self.start()

    def close(self) -> None:
        """End everything that was started here and remove its files."""
        for child in self._children:
            _end(child)
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def spawn(self, command: list[str], **options: object) -> "subprocess.Popen[bytes]":
        """Start `command` inside the room; it is ended with the room at the latest."""
        child = subprocess.Popen(command, **{"env": self.env, "stdin": subprocess.DEVNULL, **options})  # type: ignore[call-overload]
        self._children.append(child)
        return child

    def say(self, wav: Path, *, wait: bool = True) -> "subprocess.Popen[bytes]":
        """Play a sound file to the microphone; returns when it has been played, or at once if not `wait`."""
        child = self.spawn(["paplay", "-d", "mic_sink", "--latency-msec=50", str(wav)])
        if wait and child.wait(timeout=120):
            raise RuntimeError(f"paplay of {wav} failed with exit status {child.returncode}")
        return child

    @contextmanager
    def recorder(self, source: str = "speaker.monitor") -> Iterator[Recorder]:
        """Record what the room hears while the block runs."""
        recorder = Recorder(self, source)
        try:
            yield recorder
        finally:
            recorder.stop()

    def record(self, seconds: float, source: str = "speaker.monitor") -> np.ndarray:
        """Samples (int16, 24 kHz) that the room hears in the next `seconds`."""
        with self.recorder(source) as recorder:
            time.sleep(seconds)
            return recorder.stop()

    def unload_mic(self) -> None:
        """Pull the microphone's plug: source `mic` is gone."""
        self._check("unload-module", _REMAP[0])

    def load_mic(self) -> None:
        self._check("load-module", *_REMAP)
        self._check("set-default-source", "mic")

    def mute_mic(self, muted: bool) -> None:
        """A muted source gives digital zeros."""
        self._check("set-source-mute", "mic", str(int(muted)))

    def freeze(self) -> None:
        """Stop the server in its tracks: it is there, and answers nothing."""
        if self._server is not None:
            self._server.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        if self._server is not None:
            self._server.send_signal(signal.SIGCONT)

    def streams(self, kind: str) -> list[str]:
        """One line for each of the server's `sinks`, `sources`, `sink-inputs` or `source-outputs`."""
        listed = self._pactl("list", "short", kind)
        return [line for line in listed.stdout.decode().splitlines() if line]

    def _check(self, *arguments: str) -> None:
        done = self._pactl(*arguments)
        if done.returncode:
            raise RuntimeError(f"pactl {' '.join(arguments)}: {done.stderr.decode().strip()}")

    def _pactl(self, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(
            ["pactl", *arguments], env=self.env, stdin=subprocess.DEVNULL, capture_output=True, timeout=READY_S
        )


@pytest.fixture
def pulse() -> Iterator[PulseServer]:
    """A running PulseAudio of this test's own."""
    server = PulseServer()
    try:
        server.start()
        yield server
    finally:
        server.close()


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=3)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
