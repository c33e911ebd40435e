"""The daemon as a user starts it: a process of its own, a configuration file, and what it tells through `--events`."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from support.voice import STEADY_ENV

READY_S = 60.0
Payload = Any


class RunningDaemon:
    """A started `auricle run`; `wait` looks at events in the order in which they came."""

    def __init__(self, directory: Path, config: str, env: Mapping[str, str]) -> None:
        self.directory = directory
        self.events_path = directory / "events.jsonl"
        self.log_path = directory / "daemon.log"
        self.config_path = directory / "config.toml"
        self.config_path.write_text(config)
        self.env = {
            **env,
            **STEADY_ENV,
            "XDG_STATE_HOME": str(directory / "state"),
            "XDG_CACHE_HOME": str(directory / "cache"),
            "OMP_NUM_THREADS": "1",
        }
        self.process = self._spawn()
        self.seen = 0

    def _spawn(self) -> "subprocess.Popen[bytes]":
        with self.log_path.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "auricle", "run", "--config", str(self.config_path)]
                + ["--events", str(self.events_path)],
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def events(self) -> list[tuple[str, Payload]]:
        if not self.events_path.exists():
            return []
        lines = self.events_path.read_text().splitlines()
        parsed = []
        for line in lines:
            with contextlib.suppress(json.JSONDecodeError):  # the line that is being written
                event = json.loads(line)
                parsed.append((event["topic"], event["payload"]))
        return parsed

    def wait(
        self, topic: str, fits: Callable[[Payload], bool] = lambda payload: True, *, timeout_s: float = 20.0
    ) -> Payload:
        """Return the next event of `topic` that fits; events before it are not looked at again."""
        deadline = time.monotonic() + timeout_s
        while True:
            events = self.events
            for number, (found, payload) in enumerate(events[self.seen :], self.seen):
                if found == topic and fits(payload):
                    self.seen = number + 1
                    return payload
            if self.process.poll() is not None:
                raise AssertionError(f"the daemon ended with {self.process.returncode}\n{self.story()}")
            if time.monotonic() > deadline:
                raise AssertionError(f"no {topic} within {timeout_s} s\n{self.story()}")
            time.sleep(0.02)

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_S
        while "listening for" not in self.log_path.read_text():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the daemon did not get ready\n{self.story()}")
            time.sleep(0.05)

    def kill_and_start(self) -> None:
        """As a crash and systemd would; returns at once."""
        children = self.workers()
        self.process.kill()
        self.process.wait()
        psutil.wait_procs(children, timeout=10)
        self.process = self._spawn()

    def story(self) -> str:
        events = "\n".join(f"{topic}: {payload}" for topic, payload in self.events[-25:])
        return f"last events:\n{events}\nlog:\n{self.log_path.read_text()[-4000:]}"

    @property
    def ps(self) -> psutil.Process:
        return psutil.Process(self.process.pid)

    def workers(self) -> list[psutil.Process]:
        return self.ps.children(recursive=True)

    def worker(self, name: str) -> psutil.Process:
        """The worker process of the engine `name`."""
        found = [child for child in self.workers() if name in " ".join(child.cmdline())]
        assert len(found) == 1, f"{len(found)} workers of {name}"
        return found[0]

    def stop(self, number: int = signal.SIGTERM, *, timeout_s: float = 10.0) -> int:
        """Signal the daemon and return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the daemon did not end within {timeout_s} s\n{self.story()}") from None


@contextmanager
def running_daemon(directory: Path, config: str, env: Mapping[str, str] | None = None) -> Iterator[RunningDaemon]:
    """A daemon that is ready; ended with its workers at the end of the block, which must leave nothing behind."""
    daemon = RunningDaemon(directory, config, os.environ if env is None else env)
    workers: list[psutil.Process] = []
    try:
        daemon.wait_until_ready()
        workers = daemon.workers()
        yield daemon
    finally:
        workers += daemon.workers() if daemon.process.poll() is None else []
        daemon.stop()
        _, left = psutil.wait_procs(set(workers), timeout=5)
        for process in left:
            process.kill()
        assert not left, f"left running: {left}"
