"""A measurement leaves the user's own state alone, and finds what the user installed."""

import os
from pathlib import Path

import pytest

from auricle.cli.figures.places import in_own_places
from auricle.cli.main import main
from auricle.config import cache_dir, state_dir


def test_what_was_installed_is_found_and_what_was_kept_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "users"))
    monkeypatch.delenv("CACHE_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    python = tmp_path / "users" / "engines" / "chatterbox" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    (tmp_path / "caches" / "auricle" / "models" / "base").mkdir(parents=True)
    (tmp_path / "users" / "auricle.sqlite").touch()
    (tmp_path / "own").mkdir()
    with in_own_places(tmp_path / "own"):
        state = state_dir(os.environ)
        assert (state / "engines" / "chatterbox" / "bin" / "python").is_file()
        assert not (state / "auricle.sqlite").exists()
        assert (cache_dir(os.environ) / "models" / "base").is_dir()
    assert state_dir(os.environ) == tmp_path / "users"
    assert "CACHE_DIRECTORY" not in os.environ


@pytest.mark.models
@pytest.mark.long
def test_a_measurement_writes_nothing_where_the_user_keeps_things(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "users"))
    assert main(["bench", "--only", "tts", "--rounds", "1", "--json"]) == 0
    assert "real-time factor" in capsys.readouterr().out
    assert not (tmp_path / "users").exists()
