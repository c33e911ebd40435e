"""Where the daemon keeps what it must keep, what it can make again, and its sockets."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from auricle.model.errors import AuricleError


def state_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Return `$STATE_DIRECTORY`, else `$XDG_STATE_HOME/auricle`, else `~/.local/state/auricle`; not made."""
    return _directory(environ, "STATE_DIRECTORY", "XDG_STATE_HOME", ".local/state")


def cache_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Return `$CACHE_DIRECTORY`, else `$XDG_CACHE_HOME/auricle`, else `~/.cache/auricle`; not made."""
    return _directory(environ, "CACHE_DIRECTORY", "XDG_CACHE_HOME", ".cache")


def runtime_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Return a folder that only this user can enter, made if need be.

    `$RUNTIME_DIRECTORY`, else `$XDG_RUNTIME_DIR/auricle`, else `/tmp/auricle-<uid>` (in `$TMPDIR` if that is set).
    Raises AuricleError if it cannot be made or belongs to somebody else.
    """
    by_systemd = _first(environ.get("RUNTIME_DIRECTORY", ""))
    if by_systemd is not None:
        return by_systemd
    session = _first(environ.get("XDG_RUNTIME_DIR", ""))
    if session is not None and session.is_dir() and os.access(session, os.W_OK):
        return _private(session / "auricle")
    return _private(Path(environ.get("TMPDIR") or "/tmp") / f"auricle-{os.getuid()}")


def home_dir(environ: Mapping[str, str]) -> Path:
    """Return the user's home folder as `environ` tells it, else as the system does."""
    home = _first(environ.get("HOME", ""))
    return home if home is not None else Path("~").expanduser()


def _directory(environ: Mapping[str, str], by_systemd: str, by_session: str, below_home: str) -> Path:
    given = _first(environ.get(by_systemd, ""))
    if given is not None:
        return given
    session = _first(environ.get(by_session, ""))
    return (session if session is not None else home_dir(environ) / below_home) / "auricle"


def _first(value: str) -> Path | None:
    """Return the first of a colon-separated list, as systemd gives it; a path that is not absolute does not count."""
    path = Path(value.split(":")[0])
    return path if path.is_absolute() else None


def _private(path: Path) -> Path:
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
    except OSError as error:
        raise AuricleError(f"runtime folder {path} cannot be made: {error.strerror}; set XDG_RUNTIME_DIR") from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise AuricleError(f"runtime folder {path} belongs to somebody else; remove it or set XDG_RUNTIME_DIR")
    if stat.S_IMODE(found.st_mode) != 0o700:
        path.chmod(0o700)
    return path
