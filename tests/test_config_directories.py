"""State, cache and runtime folders."""

import os
import stat
from pathlib import Path

import pytest

from auricle.config import cache_dir, runtime_dir, state_dir
from auricle.model.errors import AuricleError


def test_state_and_cache_follow_systemd_then_the_session_then_home() -> None:
    environ = {"HOME": "/home/u"}
    assert state_dir(environ) == Path("/home/u/.local/state/auricle")
    assert cache_dir(environ) == Path("/home/u/.cache/auricle")
    environ |= {"XDG_STATE_HOME": "/s", "XDG_CACHE_HOME": "/c"}
    assert (state_dir(environ), cache_dir(environ)) == (Path("/s/auricle"), Path("/c/auricle"))
    environ |= {"STATE_DIRECTORY": "/var/lib/auricle:/var/lib/x", "CACHE_DIRECTORY": "/var/cache/auricle"}
    assert (state_dir(environ), cache_dir(environ)) == (Path("/var/lib/auricle"), Path("/var/cache/auricle"))


def test_relative_folders_do_not_count() -> None:
    assert state_dir({"HOME": "/home/u", "XDG_STATE_HOME": "s", "STATE_DIRECTORY": "x"}) == Path(
        "/home/u/.local/state/auricle"
    )


def test_runtime_folder_is_private(tmp_path: Path) -> None:
    assert runtime_dir({"RUNTIME_DIRECTORY": "/run/auricle"}) == Path("/run/auricle")
    session = runtime_dir({"XDG_RUNTIME_DIR": str(tmp_path)})
    assert session == tmp_path / "auricle"
    assert stat.S_IMODE(session.stat().st_mode) == 0o700
    environ = {"TMPDIR": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path / "missing")}
    fallback = runtime_dir(environ)
    assert fallback == tmp_path / f"auricle-{os.getuid()}"
    fallback.chmod(0o777)
    assert stat.S_IMODE(runtime_dir(environ).stat().st_mode) == 0o700


def test_a_runtime_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"auricle-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(AuricleError, match="belongs to somebody else; remove it or set XDG_RUNTIME_DIR"):
        runtime_dir({"TMPDIR": str(tmp_path)})


def test_a_runtime_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    with pytest.raises(AuricleError, match="cannot be made: No such file or directory"):
        runtime_dir({"TMPDIR": str(tmp_path / "missing")})
