"""A dialogue through real sound: a missing length, a correction and a "never mind", with one wake word each."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from e2e.test_files import auricle, events, quiet

pytestmark = pytest.mark.models

Speak = Callable[..., "np.ndarray"]

CONFIG = """
[audio.input]
device = "file:talk.wav"
pace = "fast"
[audio.output]
device = "file:said.wav"
[listen]
follow_up_s = 4.0
chime = false
"""


def test_missing_slot_a_correction_and_a_never_mind_in_real_sound(
    tmp_path: Path, speak: Speak, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    lines = ("hey jarvis, set a timer.", "twenty minutes.", "no, thirty minutes.")
    other = ("hey jarvis, set a timer.", "never mind.")
    sound = [quiet(1)]
    for line in (*lines, None, *other):
        sound += [quiet(5.5)] if line is None else [speak(line), quiet(1.5)]
    soundfile.write(tmp_path / "talk.wav", np.concatenate(sound), 16_000)
    config = tmp_path / "config.toml"
    config.write_text(CONFIG)
    told = events(auricle("run", "--config", config, "--events", "-", cwd=tmp_path))
    replies = [payload["reply"] for topic, payload in told if topic == "intent"]
    assert replies == [
        "For how long?",
        "20 minutes timer, starting now.",
        "All right, 30 minutes.",
        "For how long?",
        "Okay, never mind.",
    ], [payload["text"] for topic, payload in told if topic == "transcript"]
    changes = [(payload["status"], payload["remaining_s"]) for topic, payload in told if topic == "timer"]
    assert [status for status, _ in changes] == ["started", "cancelled", "started"]
    assert changes[0][1] == pytest.approx(1200, abs=1)
    assert changes[2][1] == pytest.approx(1800, abs=1)
    wakes = [payload for topic, payload in told if topic == "wake"]
    assert len(wakes) == 2
