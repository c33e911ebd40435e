"""Where log records go: the journal when systemd started us, else the terminal; which turn and plugin they are of."""

import logging
import os
import sys
from contextvars import ContextVar

turn_in_hand: ContextVar[str | None] = ContextVar("turn_in_hand", default=None)
"""Id of the turn that the running task or call works for."""

_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
_PLUGIN = "auricle.plugin."


def set_up(level: str, site: str = "") -> None:
    """level: debug, info, warning or error. Entries in the journal name `site`, and their turn and plugin."""
    handler: logging.Handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(_FORMAT, datefmt="%H:%M:%S"))
    if _stderr_is_journal():
        try:
            from systemd.journal import JournalHandler
        except ImportError:
            pass
        else:
            handler = JournalHandler(SYSLOG_IDENTIFIER="auricle", AURICLE_SITE=site)
            handler.addFilter(add_fields)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())


def add_fields(record: logging.LogRecord) -> bool:
    """Give a record the journal's fields, from what runs and from the logger's name; one that has them keeps them."""
    fields = vars(record)
    if (turn := turn_in_hand.get()) is not None:
        fields.setdefault("AURICLE_TURN", turn)
    if record.name.startswith(_PLUGIN):
        fields.setdefault("AURICLE_PLUGIN", record.name.removeprefix(_PLUGIN).partition(".")[0])
    return True


def _stderr_is_journal() -> bool:
    """Whether $JOURNAL_STREAM (`device:inode`, systemd.exec(5)) names our standard error."""
    device, _, inode = os.environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        here = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return (device, inode) == (str(here.st_dev), str(here.st_ino))
