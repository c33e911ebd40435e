"""State that must survive a restart, in SQLite: mute, volume, voice."""

import contextlib
import sqlite3
from collections.abc import Mapping
from pathlib import Path

import msgspec

from auricle.layout import lay_out
from auricle.model.errors import AuricleError

_SCHEMA = "CREATE TABLE IF NOT EXISTS settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT"
_LAYOUT = 1


class SettingsStore:
    """Small settings as JSON values by key. One process at a time; every `save` is on disk when it returns."""

    def __init__(self, path: Path) -> None:
        """Raises AuricleError naming the file if it cannot be opened or is no database."""
        self._path = path
        with contextlib.ExitStack() as unless_well:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._connection = sqlite3.connect(path, isolation_level=None, timeout=2.0)
                unless_well.callback(self._connection.close)
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute("PRAGMA synchronous = FULL")
                lay_out(self._connection, path, _SCHEMA, _LAYOUT)
            except (sqlite3.Error, OSError) as error:
                problem = f"state file {path}: {error}; mend its rights or make room on the disk, or else move it away"
                raise AuricleError(problem, code="store") from error
            unless_well.pop_all()

    def load(self) -> Mapping[str, object]:
        values: dict[str, object] = {}
        for key, value in self._connection.execute("SELECT key, value FROM settings"):
            with contextlib.suppress(msgspec.DecodeError):
                values[key] = msgspec.json.decode(value)
        return values

    def save(self, key: str, value: object) -> None:
        """Raises AuricleError naming the file if it cannot be written."""
        try:
            self._connection.execute(
                "INSERT INTO settings VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (key, msgspec.json.encode(value).decode()),
            )
        except sqlite3.Error as error:
            raise AuricleError(f"state file {self._path}: {error}; is the disk full?", code="store") from error

    def close(self) -> None:
        self._connection.close()
