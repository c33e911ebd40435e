"""A package of somebody else's: installed by pip beside the built wheel, found, configured, and answering by voice."""

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from support.voice import STEADY_ENV

pytestmark = [pytest.mark.long, pytest.mark.models, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
CONFIG = """
[audio.input]
device = "file:greet.wav"
pace = "fast"
[audio.output]
device = "file:said.wav"
[plugins.rude]
greeting = "Good day to you"
"""


def run(*words: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(list(map(str, words)), cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_outsiders_plugin_answers_by_voice_beside_the_wheel(
    tmp_path: Path, speak: Callable[..., "np.ndarray"], read: Callable[["np.ndarray", int], str]
) -> None:
    run(sys.executable, "-m", "venv", tmp_path / "env", cwd=tmp_path)
    python = tmp_path / "env" / "bin" / "python"
    here = sysconfig.get_path("purelib")
    there = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=tmp_path).strip()
    # What Auricle depends on is taken from here; Auricle itself and the plugin are installed.
    (Path(there) / "dependencies.pth").write_text(here + "\n")
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path / "dist", ROOT, cwd=tmp_path)
    (wheel,) = (tmp_path / "dist").glob("auricle-*.whl")
    run(python, "-m", "pip", "install", "-q", "--force-reinstall", "--no-deps", wheel, cwd=tmp_path)
    run(python, "-m", "pip", "install", "-q", "--no-deps", ROOT / "tests" / "thirdparty" / "rude", cwd=tmp_path)
    where = run(python, "-c", "import auricle; print(auricle.__file__)", cwd=tmp_path).strip()
    assert where.startswith(there)
    config = tmp_path / "config.toml"
    config.write_text(CONFIG)
    env = {**os.environ, **STEADY_ENV, "XDG_STATE_HOME": str(tmp_path / "state"), "PYTHONPATH": ""}
    command = tmp_path / "env" / "bin" / "auricle"
    plugins = json.loads(run(command, "plugins", "list", "--json", "--config", config, cwd=tmp_path, env=env))
    assert [(p["state"], p["distribution"]) for p in plugins if p["name"] == "rude"] == [("active", "auricle-rude")]
    quiet = np.random.default_rng(1).integers(-3, 4, 24_000).astype(np.int16)
    soundfile.write(tmp_path / "greet.wav", np.concatenate([quiet, speak("hey jarvis, greet me."), quiet]), 16_000)
    told = run(command, "run", "--config", config, "--events", "-", cwd=tmp_path, env=env)
    events = [json.loads(line) for line in told.splitlines()]
    (intent,) = [event["payload"] for event in events if event["topic"] == "intent"]
    assert (intent["handled_by"], intent["reply"]) == ("rude", "Good day to you")
    said, rate_hz = soundfile.read(tmp_path / "said.wav", dtype="int16")
    assert "good day" in read(said, rate_hz)
