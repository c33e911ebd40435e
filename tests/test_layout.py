"""State files of other versions: an older one's are brought up to date, a newer one's are refused and left alone."""

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from auricle.layout import lay_out
from auricle.ledger import Ledger
from auricle.model.errors import AuricleError
from auricle.model.speech import SpeechRequest, SpeechStatus
from auricle.store import SettingsStore
from auricle_timers.book import Book

FIRST_LEDGER = """
CREATE TABLE speech (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, request TEXT NOT NULL, origin TEXT NOT NULL,
  message TEXT, accepted_at REAL NOT NULL, begun INTEGER NOT NULL DEFAULT 0, status TEXT, reason TEXT, ended_at REAL
) STRICT;
CREATE TABLE answers (
  kind TEXT NOT NULL, id TEXT NOT NULL, answer TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (kind, id)
) STRICT;
CREATE TABLE waiting (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, receiver TEXT NOT NULL, message BLOB NOT NULL
) STRICT;
INSERT INTO speech (id, request, origin, accepted_at, status, ended_at)
  VALUES ('done', '{"text": "one", "id": "done"}', '', 1e10, 'finished', 1e10);
INSERT INTO speech (id, request, origin, accepted_at) VALUES ('open', '{"text": "two", "id": "open"}', 'a', 1e10);
INSERT INTO waiting (receiver, message) VALUES ('mqtt', x'7b7d');
"""


def layout_of(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


async def test_a_ledger_of_the_first_layout_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "requests.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(FIRST_LEDGER)
    for _ in range(2):
        ledger = Ledger(path)
        try:
            assert [one.request.id for one in await ledger.open_requests()] == ["open"]
            assert await ledger.untold() == []
            assert [body for _, body in await ledger.waiting("mqtt")] == [b"{}"]
        finally:
            ledger.close()
    ledger = Ledger(path)
    try:
        ledger.end("open", SpeechStatus.FINISHED, None)
        await ledger.accept(SpeechRequest(text="three", id="new"))
        ledger.end("new", SpeechStatus.FAILED, None)
        assert [one.request.id for one in await ledger.untold()] == ["open", "new"]
    finally:
        ledger.close()
    assert layout_of(path) == 2


async def test_a_ledger_that_has_the_column_and_no_note_of_it_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "requests.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(FIRST_LEDGER + "ALTER TABLE speech ADD COLUMN told INTEGER NOT NULL DEFAULT 0;")
    ledger = Ledger(path)
    assert [one.request.id for one in await ledger.open_requests()] == ["open"]
    ledger.close()


@pytest.mark.parametrize("opens", [Ledger, SettingsStore, Book])
def test_a_newer_version_is_refused_by_name_and_left_alone(tmp_path: Path, opens: Callable[[Path], object]) -> None:
    path = tmp_path / "state.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(AuricleError, match=r"state\.sqlite: a newer"):
        opens(path)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)
    assert layout_of(path) == 99


def test_files_of_now_say_their_layout(tmp_path: Path) -> None:
    SettingsStore(tmp_path / "settings.sqlite").close()
    Ledger(tmp_path / "ledger.sqlite").close()
    assert (layout_of(tmp_path / "settings.sqlite"), layout_of(tmp_path / "ledger.sqlite")) == (1, 2)


def test_what_ended_the_transaction_is_told_and_not_that_it_is_over(tmp_path: Path) -> None:
    path = tmp_path / "any.sqlite"
    schema = (
        "CREATE TABLE one (name UNIQUE ON CONFLICT ROLLBACK); INSERT INTO one VALUES (1); INSERT INTO one VALUES (1)"
    )
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        with pytest.raises(sqlite3.IntegrityError, match="UNIQUE constraint failed"):
            lay_out(connection, path, schema, 1)
        assert connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)
