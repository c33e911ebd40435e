"""A room with an echo, between the sinks `speaker` and `mic_sink` of a PulseAudio as `script/with-pulse` starts one."""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Self

import numpy as np

from auricle.cli.figures.acoustics import Acoustics, Samples
from auricle.model.audio import INBOUND_RATE_HZ
from auricle.model.errors import AuricleError

_CHUNK = INBOUND_RATE_HZ // 50
_MOST_BEHIND = 5
_LOUD = 30.0
_ECHO = 10.0
_REMEMBERED = 100
"""Chunks of echo, 2 s."""
_ANSWER_S = 10.0


class EchoRoom:
    """A process of its own, so that the room is never late for what is measured in it."""

    def __init__(self, env: Mapping[str, str] | None = None, *, drift_ppm: float = 100.0) -> None:
        """env: of a process that finds the sound server; none is this one's."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "auricle.cli.figures.room", str(drift_ppm)],
            env=None if env is None else dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the measurement, which ends its room itself
        )
        self._said: queue.Queue[dict[str, float]] = queue.Queue()
        self._reader = threading.Thread(target=self._listen, name="room", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(OSError):
            self._process.stdin.close()  # at which it ends
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(5)
        self._process.stdout.close()

    def become(self, *, delay_ms: float, level_db: float, seed: int) -> None:
        """See `Acoustics.become`. Raises AuricleError if the room has ended."""
        self._tell(delay_ms=delay_ms, level_db=level_db, seed=seed)

    def state(self) -> dict[str, float]:
        """`echo_rms` of the last two seconds of speech, and `loud_s`: when the speaker was last heard (monotonic).

        Blocks until the room answers. Raises AuricleError if it does not.
        """
        self._tell(ask=1)
        try:
            return self._said.get(timeout=_ANSWER_S)
        except queue.Empty:
            raise AuricleError("the room between speaker and microphone does not answer") from None

    def _tell(self, **command: float) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(command).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise AuricleError(
                "the room between speaker and microphone has ended; is the sound server there, with parec and pacat?"
            ) from error

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with suppress(ValueError):
            for line in self._process.stdout:
                self._said.put(json.loads(line))


class _Between:
    """The room, in its own process."""

    def __init__(self, drift_ppm: float) -> None:
        self._acoustics = Acoustics(drift_ppm)
        self._levels: deque[float] = deque(maxlen=_REMEMBERED)
        self._loud_s = 0.0
        self._heard: queue.SimpleQueue[Samples | None] = queue.SimpleQueue()

    def run(self) -> None:
        """Until the speaker's sound ends."""
        common = ["--raw", "--format=s16le", f"--rate={INBOUND_RATE_HZ}", "--channels=1"]
        with (
            subprocess.Popen(
                ["parec", "-d", "speaker.monitor", *common, "--latency-msec=20"], stdout=subprocess.PIPE
            ) as speaker,
            subprocess.Popen(
                ["pacat", "-d", "mic_sink", *common, "--latency-msec=100"], stdin=subprocess.PIPE
            ) as microphone,
        ):
            assert speaker.stdout is not None
            ends = (speaker, microphone)
            threading.Thread(target=self._obey, args=ends, name="orders", daemon=True).start()
            echo = threading.Thread(target=self._write, args=ends, name="echo", daemon=True)
            echo.start()
            while len(pcm := speaker.stdout.read(2 * _CHUNK)) == 2 * _CHUNK:
                played = np.frombuffer(pcm, "<i2")
                if np.sqrt(np.mean(played.astype(np.float64) ** 2)) > _LOUD:
                    self._loud_s = time.monotonic()
                self._heard.put(played)
            self._heard.put(None)
            echo.join()
            for end in ends:
                end.terminate()

    def _obey(self, *ends: "subprocess.Popen[bytes]") -> None:
        for line in sys.stdin:
            command = json.loads(line)
            if command.pop("ask", False):
                print(json.dumps({"loud_s": self._loud_s, "echo_rms": self._echo_rms()}), flush=True)
            else:
                self._acoustics.become(**command)
        for end in ends:
            end.terminate()

    def _echo_rms(self) -> float:
        levels = sorted(self._levels)
        return float(np.sqrt(np.mean(np.square(levels[len(levels) // 3 :])))) if levels else 0.0

    def _write(self, speaker: "subprocess.Popen[bytes]", microphone: "subprocess.Popen[bytes]") -> None:
        assert microphone.stdin is not None
        with suppress(OSError):
            microphone.stdin.write(bytes(2 * _CHUNK * 2))
            while (played := self._heard.get()) is not None:
                if self._heard.qsize() > _MOST_BEHIND:  # this process was late: the room itself never is
                    continue
                heard = self._acoustics.step(played)
                if self._acoustics.echo_rms > _ECHO:
                    self._levels.append(self._acoustics.echo_rms)
                microphone.stdin.write(heard.tobytes())
                microphone.stdin.flush()
        speaker.terminate()  # where nothing is heard any more, nothing is waited for either


def _main(drift_ppm: float) -> None:
    with suppress(OSError):
        os.nice(-10)
    _Between(drift_ppm).run()


if __name__ == "__main__":
    _main(float(sys.argv[1]))
