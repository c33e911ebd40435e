"""`--events FILE`: every event as a JSON line, with the topics and payloads of MQTT."""

import asyncio
import logging
import os
import queue
import select
import stat
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress

from auricle.adapters import payloads
from auricle.adapters.assistant import Observed
from auricle.bus import Subscription
from auricle.model.errors import AuricleError
from auricle.model.events import Event, Lagged, SpeechChanged
from auricle.status import Status, reduce

_LOG = logging.getLogger(__name__)
_EVENTS = 1024
_LINES = 1024
_CHUNK_BYTES = 4096
"""A pipe that can be written to takes this much without blocking (PIPE_BUF)."""
_POLL_MS = 200
_DRAIN_S = 1.0


class EventsFile:
    """Appends to a file, a FIFO or (`-`) standard output. What it cannot write is dropped and logged, once."""

    def __init__(self, assistant: Observed, path: str) -> None:
        self._assistant = assistant
        self._path = path
        self._lines: queue.Queue[tuple[bytes, Event | None] | None] = queue.Queue(_LINES)
        self._ended = asyncio.Event()
        self._stopping = threading.Event()
        self._subscribed = ExitStack()
        self._subscription: Subscription | None = None
        self._overflowed = False
        self._torn = False

    async def start(self) -> None:
        """Raises AuricleError naming the file if it cannot be opened."""
        self._loop = asyncio.get_running_loop()
        self._fd = _open(self._path)
        self._torn = _breaks_off(self._path)
        self._subscription = self._subscribed.enter_context(self._assistant.bus.subscribe(_EVENTS, vouches=True))
        self._thread = threading.Thread(target=self._write_all, name="auricle-events", daemon=True)
        self._thread.start()
        self._task = asyncio.create_task(
            self._take_events(self._subscription, self._assistant.status), name="events file"
        )

    async def stop(self) -> None:
        """Write what has happened so far, for a second or two at most."""
        if self._subscription is None:
            return
        self._subscription.close()
        await asyncio.wait({self._task}, timeout=_DRAIN_S)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        with suppress(queue.Full):
            self._lines.put_nowait(None)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), _DRAIN_S)
        self._stopping.set()
        try:
            await asyncio.wait_for(self._ended.wait(), _DRAIN_S)
            self._thread.join()
        except TimeoutError:
            # A write to a disk that is gone cannot be interrupted.
            _LOG.warning("events: %s does not let go; leaving it behind", self._path)
        self._subscribed.close()
        self._subscription = None

    async def _take_events(self, subscription: Subscription, status: Status) -> None:
        state = payloads.state_of(status)
        async for event in subscription:
            lines: list[bytes] = []
            try:
                status = self._assistant.status if isinstance(event, Lagged) else reduce(status, event)
                for message in payloads.encode(event, status):
                    if message.topic == "state":
                        if message == state:
                            continue
                        state = message
                    lines.append(payloads.to_json({"topic": message.topic, "payload": message.value}) + b"\n")
            except Exception:
                # This adapter's top: one event that cannot be written must not end the rest.
                _LOG.exception("events: a %s could not be written to %s", type(event).__name__, self._path)
            # An event's lines are one, so that it is confirmed when the last is written.
            if not lines or not self._put(b"".join(lines), event):
                subscription.confirm(event)

    def _put(self, lines: bytes, event: Event) -> bool:
        try:
            self._lines.put_nowait((lines, event if isinstance(event, SpeechChanged) else None))
        except queue.Full:
            if not self._overflowed:
                self._overflowed = True
                _LOG.warning("events: %s does not take lines as fast as they come; dropping", self._path)
            return False
        self._overflowed = False
        return True

    def _write_all(self) -> None:
        """The thread: a disk or a reader may be as slow as it likes."""
        failing = False
        try:
            while not self._stopping.is_set():
                try:
                    taken = self._lines.get(timeout=_POLL_MS / 1000)
                except queue.Empty:
                    continue
                if taken is None:
                    return
                lines, event = taken
                try:
                    self._write(lines)
                    failing = False
                except OSError as error:
                    if not failing:
                        failing = True
                        _LOG.error("events: %s cannot be written (%s); dropping", self._path, error.strerror)
                if event is not None:
                    self._on_loop(self._confirm, event)
        finally:
            os.close(self._fd)
            self._on_loop(self._ended.set)

    def _on_loop(self, callback: Callable[..., None], *args: object) -> None:
        # A closed loop has nobody left to be told.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback, *args)

    def _confirm(self, event: Event) -> None:
        if self._subscription is not None:
            self._subscription.confirm(event)

    def _write(self, lines: bytes) -> None:
        """In pieces, each only when there is room, so that `stop` never waits for a reader that has gone to sleep."""
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        # After a line that broke off in its middle the next one begins on a line of its own.
        rest = memoryview(b"\n" + lines if self._torn else lines)
        while rest and not self._stopping.is_set():
            if poll.poll(_POLL_MS):
                rest = rest[os.write(self._fd, rest[:_CHUNK_BYTES]) :]
                self._torn = True
        self._torn = bool(rest)


def _breaks_off(path: str) -> bool:
    """Whether the file's last line has no end, since the daemon that wrote it had none either."""
    if path == "-" or not os.path.isfile(path) or not os.path.getsize(path):
        return False
    with suppress(OSError), open(path, "rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() != b"\n"
    return False


def _open(path: str) -> int:
    if path == "-":
        return os.dup(1)
    try:
        # Opened for reading too, a FIFO need not have its reader yet.
        fifo = os.path.exists(path) and stat.S_ISFIFO(os.stat(path).st_mode)
        return os.open(path, os.O_RDWR if fifo else os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    except OSError as error:
        raise AuricleError(
            f"--events {path}: cannot be opened: {error.strerror}; give a file that may be written"
        ) from error
