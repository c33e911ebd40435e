"""A spoken order that sounds like several: the running daemon asks the engine that heard it, and keeps what it said."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auricle.cli.figures.intents import mixed
from support.coffee import PACKAGE
from support.voice import STEADY_ENV

pytestmark = [pytest.mark.models, pytest.mark.data, pytest.mark.usefixtures("coffee_machine")]

ORDER = "3c7149d4-2c90-4933-a564-584d77d7a63f.flac"


@pytest.mark.timeout(300)
def test_order_in_a_kitchen_is_judged_by_who_heard_it(
    recordings: Path, tmp_path: Path, speak: Callable[..., "np.ndarray"]
) -> None:
    noise = soundfile.read(recordings / "noise" / "kitchen.flac", dtype="float32")[0]
    order = mixed(soundfile.read(recordings / "commands" / ORDER, dtype="float32")[0], noise, 6, ORDER)
    spoken = (order * 32767).astype(np.int16)
    hush = np.random.default_rng(1).integers(-3, 4, 4 * 16_000).astype(np.int16)
    soundfile.write(tmp_path / "house.wav", np.concatenate([hush, speak("hey jarvis"), spoken, hush]), 16_000)
    (tmp_path / "config.toml").write_text(
        f'[audio.input]\ndevice = "file:{tmp_path}/house.wav"\npace = "real"\n[audio.output]\ndevice = "null"\n'
        '[listen]\nchime = false\n[privacy]\nrecord = "all"\n[intents]\njudge_s = 10\n'
        # Told what is expected, Whisper writes it as it was said.
        '[stt]\nprompt = "off"\n'
    )
    env = {
        **os.environ,
        **STEADY_ENV,
        "XDG_STATE_HOME": str(tmp_path / "state"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PYTHONPATH": os.pathsep.join((str(tmp_path / "installed"), str(PACKAGE))),
    }
    command = [sys.executable, "-m", "auricle", "--config", str(tmp_path / "config.toml"), "run"]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    (kept,) = (tmp_path / "state/auricle/traces").glob("*.json")
    steps = {step["stage"]: step for step in json.loads(kept.read_text(encoding="utf-8"))["steps"]}
    understood = steps["understand"]["decision"]
    assert (understood["how"], understood["verdict"]) == ("sound", "taken")
    first, *others = understood["candidates"]
    assert first["slots"]["milkAmount"] == "some soy milk"
    assert all(first["likelihood"] > other["likelihood"] + 3 for other in others)
    assert min(other["distance"] for other in others) < first["distance"]
    assert steps["intent"]["decision"] == {
        "name": "orderDrink",
        "handled_by": "coffee",
        "reply": "One small dark roast americano with some soy milk.",
        "slots": first["slots"],
    }
