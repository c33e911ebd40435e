"""`auricle plugins new`: the package's own tests pass at once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from auricle.cli.main import main


def test_new_package_passes_its_own_tests(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins", "new", "night_light", "--into", str(tmp_path)]) == 0
    folder = tmp_path / "auricle-night-light"
    assert str(folder / "pyproject.toml") in capsys.readouterr().out
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder / "tests")],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "7 passed" in done.stdout
    assert main(["plugin", "new", "night_light", "--into", str(tmp_path)]) == 1
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["Dice", "two words", "1st", "class", "../up"])
def test_name_that_cannot_be_is_refused(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins", "new", name, "--into", str(tmp_path)]) == 2
    assert "one word" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
