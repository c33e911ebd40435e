"""A whole daemon with somebody enrolled: the visitor's word begins no turn, the user's own is answered."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from support.enrolled import ENROLLED, smaller, write_all
from support.recordings import Samples, silence
from support.voice import STEADY_ENV, Speak

pytestmark = pytest.mark.models

CONFIG = """
[wake]
words = [{ model = "alexa" }]
[audio.input]
device = "file:home.wav"
pace = "fast"
[audio.output]
device = "null"
"""


def auricle(*words: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    env = {**os.environ, **STEADY_ENV, "XDG_STATE_HOME": str(cwd / "state")}
    command = [sys.executable, "-m", "auricle", "--config", "config.toml", *words]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=170, check=False)


def test_only_the_enrolled_users_word_begins_a_turn(tmp_path: Path, joe: list[Samples], speak: Speak) -> None:
    (tmp_path / "config.toml").write_text(CONFIG)
    visitor, user = smaller(joe[7], 1.2), joe[7][:-14_000]
    home = np.concatenate([visitor, silence(2), user, speak("What time is it?"), silence(1.5), visitor, silence(2)])
    soundfile.write(tmp_path / "home.wav", home, 16_000)
    enrolling = auricle("wake", "enroll", "joe", *write_all(tmp_path / "joe", joe[:ENROLLED]), cwd=tmp_path)
    assert enrolling.returncode == 0, enrolling.stderr
    running = auricle("run", "--events", "-", cwd=tmp_path)
    assert running.returncode == 0, running.stderr
    events = [json.loads(line) for line in running.stdout.splitlines()]
    (wake,) = [event["payload"] for event in events if event["topic"] == "wake"]
    assert len(visitor) < wake["sample"] < len(home) - len(visitor) - 32_000
    (transcript,) = [event["payload"] for event in events if event["topic"] == "transcript"]
    assert "time" in transcript["text"].lower()
    assert running.stderr.count("is somebody else's") == 2
    assert [event for event in events if event["topic"] == "error"] == []


def test_without_the_profile_every_word_begins_one(tmp_path: Path, joe: list[Samples]) -> None:
    """What the other test shows is the profile's doing."""
    (tmp_path / "config.toml").write_text(CONFIG)
    visitor = smaller(joe[7], 1.2)
    soundfile.write(tmp_path / "home.wav", np.concatenate([visitor, silence(8)]), 16_000)
    (tmp_path / "state" / "auricle" / "enrolled" / "alexa").mkdir(parents=True)
    (tmp_path / "state" / "auricle" / "enrolled" / "alexa" / "joe.json").write_text("{}")
    running = auricle("run", "--events", "-", cwd=tmp_path)
    assert running.returncode == 0, running.stderr
    events = [json.loads(line) for line in running.stdout.splitlines()]
    assert [event["topic"] for event in events].count("wake") == 1
    (told,) = [line for line in running.stderr.splitlines() if "joe.json" in line]
    assert "auricle wake forget joe, then enrol again" in told
