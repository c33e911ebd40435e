"""A room with an echo: what the speaker plays comes back into the microphone, late, reverberant, by another clock."""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

if __name__ != "__main__":
    from support.pulse import PulseServer

RATE = 16_000
_CHUNK = RATE // 50
_MOST_BEHIND = 5
_LOUD = 30.0
_REVERB_S = 0.12


class EchoRoom:
    """A process between `speaker.monitor` and `mic_sink` of a PulseServer; it knows when the speaker was last heard."""

    def __init__(self, pulse: "PulseServer", *, drift_ppm: float = 100.0) -> None:
        self._process = pulse.spawn(
            [sys.executable, __file__, str(drift_ppm)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._said: deque[dict[str, float]] = deque(maxlen=1)
        self._asked = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()

    def become(self, *, delay_ms: float, level_db: float, seed: int) -> None:
        """level_db: of the echo at the microphone, against what the speaker plays."""
        self._tell(delay_ms=delay_ms, level_db=level_db, seed=seed)

    def state(self) -> dict[str, float]:
        """`echo_rms` of the last two seconds of speech, and `loud_s`: when the speaker was last heard (monotonic)."""
        self._asked.clear()
        self._tell(ask=True)
        assert self._asked.wait(10), "the room does not answer"
        return self._said[-1]

    def _tell(self, **command: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        self._process.stdin.flush()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with suppress(ValueError):
            for line in self._process.stdout:
                self._said.append(json.loads(line))
                self._asked.set()


def impulse_response(delay_ms: float, level_db: float, seed: int) -> np.ndarray:
    """Of the way from speaker to microphone: the direct sound and a short decaying tail; energy is the level."""
    samples = int(_REVERB_S * RATE)
    tail = np.random.default_rng(seed).normal(0, 0.25, samples) * np.exp(-np.arange(samples) / (0.025 * RATE))
    tail[0] += 1.0
    tail *= 10 ** (level_db / 20) / np.sqrt(np.sum(tail**2))
    return np.concatenate((np.zeros(int(delay_ms * RATE / 1000)), tail)).astype(np.float32)


class _Loop:
    def __init__(self, drift_ppm: float) -> None:
        import soxr

        self.response = impulse_response(100.0, -10.0, 0)
        self._past = np.zeros(RATE, np.float32)
        self._clock = soxr.ResampleStream(1_000_000, 1_000_000 + drift_ppm, 1, dtype="float32")
        self.loud_s = 0.0
        self.levels: deque[float] = deque(maxlen=100)

    def listen(self, played: np.ndarray) -> None:
        if np.sqrt(np.mean(played.astype(np.float64) ** 2)) > _LOUD:
            self.loud_s = time.monotonic()

    def step(self, played: np.ndarray) -> bytes:
        # A loudspeaker that is a little overdriven.
        sound = np.tanh(played.astype(np.float32) / 20_000) * 20_000
        self._past = np.concatenate((self._past[len(sound) :], sound))
        response = self.response
        size = 1 << 14
        reach = self._past[-(len(sound) + len(response) - 1) :]
        echo = np.fft.irfft(np.fft.rfft(reach, size) * np.fft.rfft(response, size))[len(response) - 1 : len(reach)]
        level = float(np.sqrt(np.mean(echo**2)))
        if level > 10:
            self.levels.append(level)
        noise = np.random.default_rng().normal(0, 3, len(echo))
        moved = self._clock.resample_chunk((echo + noise).astype(np.float32))
        return bytes(np.clip(np.round(moved), -32_768, 32_767).astype("<i2").tobytes())


def _main(drift_ppm: float) -> None:
    with suppress(OSError):
        os.nice(-10)  # a room is never late, however busy the machine is
    loop = _Loop(drift_ppm)

    def obey() -> None:
        for line in sys.stdin:
            command = json.loads(line)
            if command.pop("ask", False):
                loud = sorted(loop.levels)[len(loop.levels) // 3 :]
                rms = float(np.sqrt(np.mean(np.square(loud)))) if loud else 0.0
                print(json.dumps({"loud_s": loop.loud_s, "echo_rms": rms}), flush=True)
            else:
                loop.response = impulse_response(**command)

    threading.Thread(target=obey, daemon=True).start()
    common = ["--raw", "--format=s16le", f"--rate={RATE}", "--channels=1", "--latency-msec=20"]
    with (
        subprocess.Popen(["parec", "-d", "speaker.monitor", *common], stdout=subprocess.PIPE) as speaker,
        subprocess.Popen(
            ["pacat", "-d", "mic_sink", *common[:-1], "--latency-msec=100"], stdin=subprocess.PIPE
        ) as microphone,
    ):
        assert speaker.stdout is not None
        assert microphone.stdin is not None
        heard: queue.Queue[np.ndarray] = queue.Queue()
        writing = threading.Thread(target=_write, args=(loop, heard, microphone.stdin), daemon=True)
        writing.start()
        while len(played := speaker.stdout.read(2 * _CHUNK)) == 2 * _CHUNK:
            chunk = np.frombuffer(played, "<i2")
            loop.listen(chunk)
            heard.put(chunk)


def _write(loop: _Loop, heard: "queue.Queue[np.ndarray]", microphone: IO[bytes]) -> None:
    with suppress(BrokenPipeError):
        microphone.write(bytes(2 * _CHUNK * 2))
        while True:
            chunk = heard.get()
            while heard.qsize() > _MOST_BEHIND:  # this process was late: the room itself never is
                chunk = heard.get()
            microphone.write(loop.step(chunk))
            microphone.flush()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    _main(float(sys.argv[1]))
