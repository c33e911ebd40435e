"""Requests that were accepted and must not be lost, and messages that wait for their receiver, in SQLite.

What is handed in is on disk when the awaiting call returns. A thread of its own writes; what comes together is
committed together, so that a flood costs one flush of the disk for many requests.
"""

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from auricle.layout import lay_out
from auricle.model.errors import AuricleError
from auricle.model.speech import SpeechRequest, SpeechStatus

KEPT_S = 24 * 3600.0
"""How long a finished request is known by its id."""
MOST_KEPT = 20_000
"""Finished requests that are known by their id, at most."""
MOST_WAITING = 2_000
"""Messages that wait for their receiver; then the oldest goes."""
MOST_WAITING_BYTES = 64 * 1024 * 1024
_BATCH = 256
_SCHEMA = """
CREATE TABLE IF NOT EXISTS speech (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  request TEXT NOT NULL,
  origin TEXT NOT NULL,
  message TEXT,
  accepted_at REAL NOT NULL,
  begun INTEGER NOT NULL DEFAULT 0,
  status TEXT,
  reason TEXT,
  ended_at REAL,
  told INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS speech_message ON speech (message);
CREATE INDEX IF NOT EXISTS speech_ended ON speech (ended_at);
CREATE TABLE IF NOT EXISTS answers (
  kind TEXT NOT NULL, id TEXT NOT NULL, answer TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (kind, id)
) STRICT;
CREATE TABLE IF NOT EXISTS waiting (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, receiver TEXT NOT NULL, message BLOB NOT NULL
) STRICT;
"""

_LAYOUT = 2
_STEPS = {
    2: (
        "ALTER TABLE speech ADD COLUMN told INTEGER NOT NULL DEFAULT 0",
        # What had ended by then is not told again.
        "UPDATE speech SET told = 1 WHERE status IS NOT NULL",
    )
}

T = TypeVar("T")
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Open:
    """A request that was accepted before the daemon ended, and is not done."""

    request: SpeechRequest
    origin: str
    """Who asked, in the words of the adapter that took it; empty where nobody waits."""
    accepted_at: float
    """Seconds since the epoch."""
    begun: bool
    """Whether some of it may have been heard already."""


@dataclass(frozen=True, slots=True)
class Ended:
    status: SpeechStatus
    reason: str | None


@dataclass(frozen=True, slots=True)
class Untold:
    """A request that was done as the daemon ended, before anybody may have been told."""

    request: SpeechRequest
    origin: str
    ended: Ended


class Ledger:
    """Belongs to one event loop and one process. Every method that is awaited raises AuricleError naming the file."""

    def __init__(self, path: Path, *, now: Callable[[], float] = time.time) -> None:
        """now: seconds since the epoch. Raises AuricleError naming the file if it cannot be opened or is none."""
        self._path = path
        self._now = now
        self._work: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        with contextlib.ExitStack() as unless_well:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._connection = sqlite3.connect(path, isolation_level=None, timeout=5.0, check_same_thread=False)
                unless_well.callback(self._connection.close)
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute("PRAGMA synchronous = FULL")
                lay_out(self._connection, path, _SCHEMA, _LAYOUT, _STEPS)
                self._prune()
            except (sqlite3.Error, OSError) as error:
                raise self._fault(error) from error
            unless_well.pop_all()
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write what was handed in, and end the thread."""
        self._work.put(None)
        self._thread.join(5.0)
        self._connection.close()

    async def accept(self, request: SpeechRequest, origin: str = "", message: str | None = None) -> "Ended | None":
        """Take a request; when this returns it survives a crash. Of one that is done already, return how it ended.

        message: names the message that brought it, for `id_of`.
        """
        body = msgspec.json.encode(request, enc_hook=str).decode()
        at = self._now()

        def write(connection: sqlite3.Connection) -> Ended | None:
            done = connection.execute("SELECT status, reason FROM speech WHERE id = ?", (request.id,)).fetchone()
            if done is not None:
                return Ended(SpeechStatus(done[0]), done[1]) if done[0] is not None else None
            connection.execute(
                "INSERT INTO speech (id, request, origin, message, accepted_at) VALUES (?, ?, ?, ?, ?)",
                (request.id, body, origin, message, at),
            )
            return None

        return await self._ask(write)

    async def id_of(self, message: str) -> str | None:
        """The id that the request of a message got, if it was accepted: for one that comes again and names none."""

        def read(connection: sqlite3.Connection) -> str | None:
            row = connection.execute(
                "SELECT id FROM speech WHERE message = ? ORDER BY seq DESC LIMIT 1", (message,)
            ).fetchone()
            return str(row[0]) if row is not None else None

        return await self._ask(read)

    def begin(self, id: str) -> "asyncio.Future[None]":
        """Some of it may be heard from now on. Returns at once; the future is done when that is on disk."""
        return self._note(lambda connection: connection.execute("UPDATE speech SET begun = 1 WHERE id = ?", (id,)))

    def end(self, id: str, status: SpeechStatus, reason: str | None) -> "asyncio.Future[None]":
        """It is done. Returns at once; the future is done when it is on disk.

        An error is logged, and after a crash the request may be done again.
        """
        at = self._now()
        return self._note(
            lambda connection: connection.execute(
                "UPDATE speech SET status = ?, reason = ?, ended_at = ? WHERE id = ? AND status IS NULL",
                (status.value, reason, at, id),
            )
        )

    def told(self, id: str) -> None:
        """Its end was told to all who listen. Returns at once; an error is logged, and it is told again some day."""
        self._tell(lambda connection: connection.execute("UPDATE speech SET told = 1 WHERE id = ?", (id,)))

    async def untold(self) -> Sequence[Untold]:
        """What was done, and may not have been told, in the order in which it was accepted."""

        def read(connection: sqlite3.Connection) -> list[Untold]:
            rows = connection.execute(
                "SELECT request, origin, status, reason FROM speech WHERE status IS NOT NULL AND told = 0 ORDER BY seq"
            ).fetchall()
            found = []
            for body, origin, status, reason in rows:
                with contextlib.suppress(msgspec.DecodeError):
                    request = msgspec.json.decode(body, type=SpeechRequest)
                    found.append(Untold(request, origin, Ended(SpeechStatus(status), reason)))
            return found

        return await self._ask(read)

    async def open_requests(self) -> Sequence[Open]:
        """What was accepted and is not done, in the order in which it was accepted."""

        def read(connection: sqlite3.Connection) -> list[Open]:
            found = []
            rows = connection.execute(
                "SELECT id, request, origin, accepted_at, begun FROM speech WHERE status IS NULL ORDER BY seq"
            ).fetchall()
            for id, body, origin, accepted_at, begun in rows:
                try:
                    request = msgspec.json.decode(body, type=SpeechRequest)
                except msgspec.DecodeError as error:
                    _LOG.error("request %s in %s cannot be read and is given up: %s", id, self._path, error)
                    connection.execute(
                        "UPDATE speech SET status = 'failed', reason = 'unreadable', ended_at = ? WHERE id = ?",
                        (self._now(), id),
                    )
                    continue
                found.append(Open(request, origin, accepted_at, bool(begun)))
            return found

        return await self._ask(read)

    async def answered(self, kind: str, id: str) -> str | None:
        """The answer that `answer` kept in the last 24 hours."""

        def read(connection: sqlite3.Connection) -> str | None:
            row = connection.execute(
                "SELECT answer FROM answers WHERE kind = ? AND id = ? AND at > ?", (kind, id, self._now() - KEPT_S)
            ).fetchone()
            return str(row[0]) if row is not None else None

        return await self._ask(read)

    async def answer(self, kind: str, id: str, answer: str) -> None:
        """Keep an answer, so that the same request is not done twice."""
        at = self._now()
        await self._ask(
            lambda connection: connection.execute(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", (kind, id, answer, at)
            )
        )

    def keep(self, receiver: str, message: bytes) -> None:
        """Keep a message for a receiver that is away. Returns at once; when too many wait the oldest are lost."""

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT INTO waiting (receiver, message) VALUES (?, ?)", (receiver, message))
            while True:
                count, size = connection.execute(
                    "SELECT count(*), total(length(message)) FROM waiting WHERE receiver = ?", (receiver,)
                ).fetchone()
                if count <= MOST_WAITING and (size <= MOST_WAITING_BYTES or count <= 1):
                    return
                _LOG.warning("too much waits for %s (%d messages); the oldest is dropped", receiver, count)
                connection.execute(
                    "DELETE FROM waiting WHERE seq = (SELECT min(seq) FROM waiting WHERE receiver = ?)", (receiver,)
                )

        self._tell(write)

    async def waiting(self, receiver: str, *, after: int = 0, most: int = 100) -> Sequence[tuple[int, bytes]]:
        """The oldest messages for a receiver after the number `after`, each with the number that `delivered` wants."""

        def read(connection: sqlite3.Connection) -> list[tuple[int, bytes]]:
            return connection.execute(
                "SELECT seq, message FROM waiting WHERE receiver = ? AND seq > ? ORDER BY seq LIMIT ?",
                (receiver, after, most),
            ).fetchall()

        return await self._ask(read)

    def delivered(self, receiver: str, up_to: int) -> None:
        """Forget the messages up to a number. Returns at once; an error is logged, and they are sent again some day."""
        self._tell(
            lambda connection: connection.execute(
                "DELETE FROM waiting WHERE receiver = ? AND seq <= ?", (receiver, up_to)
            )
        )

    def _prune(self) -> None:
        before = self._now() - KEPT_S
        self._connection.execute("DELETE FROM speech WHERE status IS NOT NULL AND ended_at < ?", (before,))
        self._connection.execute("DELETE FROM answers WHERE at < ?", (before,))
        for table in ("speech", "answers"):
            done = "WHERE status IS NOT NULL" if table == "speech" else ""
            key, order = ("seq", "seq") if table == "speech" else ("rowid", "at")
            self._connection.execute(
                f"DELETE FROM {table} WHERE {key} IN "
                f"(SELECT {key} FROM {table} {done} ORDER BY {order} DESC LIMIT -1 OFFSET {MOST_KEPT})"
            )

    async def _ask(self, function: "Callable[[sqlite3.Connection], T]") -> T:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()

        def tell(result: object, error: BaseException | None) -> None:
            if answer.done():
                return
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(result)  # type: ignore[arg-type]  # what `function` returned

        self._work.put(_Job(function, lambda result, error: _post(loop, tell, result, error)))
        return await answer

    def _note(self, function: Callable[[sqlite3.Connection], object]) -> "asyncio.Future[None]":
        loop = asyncio.get_running_loop()
        written: asyncio.Future[None] = loop.create_future()

        def told(result: object, error: BaseException | None) -> None:
            if error is not None:
                _LOG.error("%s", error)
            _post(loop, lambda: None if written.done() else written.set_result(None))

        self._work.put(_Job(function, told))
        return written

    def _tell(self, function: Callable[[sqlite3.Connection], object]) -> None:
        def told(result: object, error: BaseException | None) -> None:
            if error is not None:
                _LOG.error("%s", error)

        self._work.put(_Job(function, told))

    # From here on everything runs on the thread.

    def _run(self) -> None:
        pruned_at = time.monotonic()
        while (job := self._work.get()) is not None:
            jobs = [job]
            while len(jobs) < _BATCH and not self._work.empty():
                if (more := self._work.get()) is None:
                    self._work.put(None)
                    break
                jobs.append(more)
            self._commit(jobs)
            if time.monotonic() - pruned_at > 3600:
                pruned_at = time.monotonic()
                with contextlib.suppress(sqlite3.Error):
                    self._prune()

    def _commit(self, jobs: "list[_Job]") -> None:
        """All in one transaction; if that fails none of them happened."""
        results: list[object] = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            results += [job.function(self._connection) for job in jobs]
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            if len(jobs) > 1:
                for job in jobs:  # so that one that cannot be written does not spoil the rest
                    self._commit([job])
            else:
                jobs[0].told(None, self._fault(error))
            return
        for job, result in zip(jobs, results, strict=True):
            job.told(result, None)

    def _fault(self, error: Exception) -> AuricleError:
        return AuricleError(f"state file {self._path}: {error}; is the disk full, are its rights right?", code="store")


@dataclass(frozen=True, slots=True)
class _Job:
    function: Callable[[sqlite3.Connection], object]
    told: Callable[[object, BaseException | None], None]


def _post(loop: asyncio.AbstractEventLoop, tell: Callable[..., None], *args: object) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(tell, *args)
