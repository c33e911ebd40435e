"""The tables of a state file: made, or brought up from an earlier version's; a later version's are left alone."""

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from auricle.model.errors import AuricleError


def lay_out(
    connection: sqlite3.Connection,
    path: Path,
    schema: str,
    layout: int,
    steps: Mapping[int, Sequence[str]] = MappingProxyType({}),
) -> None:
    """Make the tables of `schema`, or change those that are there step by step, and note it in `PRAGMA user_version`.

    layout: the version of `schema`, 1 or more. steps: the statements that lead to each version from the one before. A
    file without a note has layout 1. Raises sqlite3.Error, and AuricleError naming the file if it is a later version's;
    then nothing was changed.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        [found] = connection.execute("PRAGMA user_version").fetchone()
        [tables] = connection.execute("SELECT count(*) FROM sqlite_schema WHERE type = 'table'").fetchone()
        if found > layout:
            raise AuricleError(
                f"state file {path}: a newer Auricle made it (layout {found}, and this one knows {layout}); "
                "use that one, or move the file away",
                code="store",
            )
        if tables:
            for version in range(max(found, 1) + 1, layout + 1):
                for statement in steps[version]:
                    _change(connection, statement)
        for statement in schema.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {layout}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk has ended it already
            connection.execute("ROLLBACK")
        raise


def _change(connection: sqlite3.Connection, statement: str) -> None:
    try:
        connection.execute(statement)
    except sqlite3.OperationalError as error:
        if "duplicate column name" not in str(error):  # an unnoted file may have it already
            raise
