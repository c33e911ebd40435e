"""Settings that survive."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from auricle.model.errors import AuricleError
from auricle.store import SettingsStore


def test_what_was_saved_is_there_in_the_next_life(tmp_path: Path) -> None:
    store = SettingsStore(tmp_path / "deep" / "state.sqlite")
    store.save("volume", 35)
    store.save("volume", 40)
    store.save("voice", "jo")
    store.close()
    again = SettingsStore(tmp_path / "deep" / "state.sqlite")
    assert dict(again.load()) == {"volume": 40, "voice": "jo"}
    again.close()


def test_a_kill_after_save_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    program = (
        "import os, pathlib, sys; from auricle.store import SettingsStore\n"
        "SettingsStore(pathlib.Path(sys.argv[1])).save('muted', True); os.kill(os.getpid(), 9)"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(path)], check=False, env={**os.environ})
    assert ended.returncode == -signal.SIGKILL
    store = SettingsStore(path)
    assert dict(store.load()) == {"muted": True}
    store.close()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    path.write_text("this is not a database, and it is long enough to be read as one" * 20)
    with pytest.raises(AuricleError, match=r"state\.sqlite"):
        SettingsStore(path)
