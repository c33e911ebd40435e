"""A plugin that cannot be loaded is told of, and the daemon starts all the same."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from support.voice import STEADY_ENV

pytestmark = pytest.mark.models


def test_the_daemon_starts_without_a_plugin_that_cannot_be_imported(tmp_path: Path) -> None:
    site = tmp_path / "site" / "auricle_broken-0.1.0.dist-info"
    site.mkdir(parents=True)
    (site / "METADATA").write_text("Metadata-Version: 2.1\nName: auricle-broken\nVersion: 0.1.0\n")
    (site / "entry_points.txt").write_text("[auricle.plugins]\nbroken = auricle_broken:Broken\n")
    soundfile.write(tmp_path / "house.wav", np.zeros(8_000, np.int16), 16_000)
    (tmp_path / "config.toml").write_text(
        f'[audio.input]\ndevice = "file:{tmp_path}/house.wav"\npace = "fast"\n[audio.output]\ndevice = "null"\n'
        '[plugins]\norder = ["nobody"]\n'
    )
    env = {
        **os.environ,
        **STEADY_ENV,
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PYTHONPATH": str(site.parent),
    }
    command = [sys.executable, "-m", "auricle", "--config", "config.toml", "run"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "plugin broken: importing it raised ModuleNotFoundError: No module named 'auricle_broken'" in done.stderr
    assert "plugin nobody: [plugins] order names nobody, which is not installed" in done.stderr
