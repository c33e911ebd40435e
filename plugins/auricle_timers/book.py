"""The timers and alarms on disk: they survive kill -9, restarts of the machine, and a clock that is set."""

import sqlite3
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import msgspec

from auricle.api import PluginError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    length_s REAL,
    due_wall REAL NOT NULL,
    due_steady REAL NOT NULL,
    boot TEXT NOT NULL,
    at_local TEXT NOT NULL,
    days INTEGER NOT NULL,
    ringing INTEGER NOT NULL
) STRICT
"""

_LAYOUT = 1
_COLUMNS = ("id", "name", "length_s", "due_wall", "due_steady", "boot", "at_local", "days", "ringing")


def steady_s() -> float:
    """Seconds since the machine started, asleep or awake."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def boot_id() -> str:
    """Which start of the machine this is; `steady_s` means nothing in another."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


@dataclass(slots=True)
class Entry:
    """A timer or an alarm."""

    name: str = ""
    id: str = field(default_factory=lambda: str(uuid4()))
    length_s: float | None = None
    """Of a timer, as it was set; None is an alarm."""
    due_wall: float = 0.0
    """Of a timer: when it is due, by the wall clock as it was when the timer was set."""
    due_steady: float = 0.0
    """Of a timer: when it is due, by the clock that nobody sets."""
    boot: str = ""
    at_local: str = ""
    """Of an alarm: local time without a zone, `2026-11-27T07:00:00`."""
    days: int = 0
    """Of an alarm that comes again: a bit for each weekday, Monday is 1."""
    ringing: bool = False

    @property
    def is_alarm(self) -> bool:
        return self.length_s is None

    @property
    def alarm_at(self) -> datetime:
        """When an alarm rings, with the zone that holds now."""
        return datetime.fromisoformat(self.at_local).astimezone()

    def left_s(self, now: datetime) -> float:
        """Seconds until it rings; below 0 it is late."""
        if self.is_alarm:
            return self.alarm_at.timestamp() - now.timestamp()
        if self.boot and self.boot == boot_id():
            return self.due_steady - steady_s()
        return self.due_wall - now.timestamp()

    def set_left(self, left_s: float, now: datetime) -> None:
        """Let a timer ring in so many seconds."""
        self.due_wall, self.due_steady, self.boot = now.timestamp() + left_s, steady_s() + left_s, boot_id()


class Book:
    """All entries, in SQLite. Belongs to the thread that opened it; each change is on disk when it returns."""

    def __init__(self, path: Path) -> None:
        """Raises PluginError naming the file if it cannot be opened or is no database."""
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=2.0)
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute("PRAGMA synchronous = FULL")
                [layout] = self._connection.execute("PRAGMA user_version").fetchone()
                if layout > _LAYOUT:
                    raise PluginError(f"{path}: a newer version made it; use that one, or move the file away")
                self._connection.execute(_SCHEMA)
                self._connection.execute(f"PRAGMA user_version = {_LAYOUT}")
            except (sqlite3.Error, PluginError):
                self._connection.close()
                raise
        except sqlite3.Error as error:
            raise PluginError(f"{path}: {error}; move it away or mend its rights") from error

    def entries(self) -> Sequence[Entry]:
        rows = self._connection.execute(f"SELECT {', '.join(_COLUMNS)} FROM entries")
        return [msgspec.convert(dict(zip(_COLUMNS, row, strict=True)), Entry, strict=False) for row in rows]

    def put(self, entry: Entry) -> None:
        """Add or change."""
        self._connection.execute(
            "INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                entry.id,
                entry.name,
                entry.length_s,
                entry.due_wall,
                entry.due_steady,
                entry.boot,
                entry.at_local,
                entry.days,
                entry.ringing,
            ),
        )

    def remove(self, id: str) -> None:
        self._connection.execute("DELETE FROM entries WHERE id = ?", (id,))

    def close(self) -> None:
        self._connection.close()
