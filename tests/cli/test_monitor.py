"""`auricle monitor`: what it makes of what the daemon tells, and a real daemon watched while it hears its wake word."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auricle.cli.monitor_view import Watched, picture
from support.daemon import running_daemon
from support.message_bus import MessageBus
from support.voice import Speak

TURN = {
    "at": "2026-03-01T12:00:05Z",
    "text": "what time is it",
    "reply": "Half past two.",
    "outcome": "answered",
    "stages_ms": {"transcript": 310.5, "intent": 4.0},
}


def told(last: int, levels: list[float], scores: list[float], **more: object) -> dict[str, object]:
    sound = {"bin_s": 0.1, "last": last, "level_dbfs": levels, "scores": {"hey_jarvis": scores}}
    return {
        "state": "idle",
        "site": "kitchen",
        "version": "1.2.3",
        "wake_words": ["hey_jarvis"],
        "sound": sound | {"thresholds": {"hey_jarvis": 0.9}},
        **more,
    }


def test_looks_that_overlap_make_one_past() -> None:
    watched = Watched()
    watched.look(told(2, [-60, -50], [0.0, 0.1]))
    watched.look(told(4, [-60, -50, -40, -30], [0.0, 0.1, 0.95, 0.2]))
    watched.look(told(4, [-60, -50, -40, -30], [0.0, 0.1, 0.95, 0.2]))
    assert list(watched.levels_dbfs) == [-60, -50, -40, -30]
    assert list(watched.scores["hey_jarvis"]) == [0.0, 0.1, 0.95, 0.2]
    watched.look(told(1, [-20], [0.3]))
    assert (watched.level_dbfs, len(watched.levels_dbfs)) == (-20, 5)
    watched.look(told(1, [-20], [0.3], muted=True))
    assert watched.level_dbfs is None


def test_the_picture_shows_level_scores_state_and_turns() -> None:
    watched = Watched()
    watched.look({"state": "idle", "wake_words": ["hey_jarvis"], "sound": {}})
    assert "no sound" in picture(watched, 80).plain
    parts = {"broker": {"ok": False, "detail": "refused"}, "speaker": {"ok": True, "detail": "well"}}
    watched.look(told(3, [-60, -20, -35], [0.0, 1.0, 0.5], turns=[TURN], parts=parts, state="listening"))
    watched.partial = "what time"
    shown = picture(watched, 80)
    lines = shown.plain.splitlines()
    assert max(map(len, lines)) <= 80
    [level] = [line for line in lines if line.startswith("level")]
    assert level.endswith("-35 dBFS, peak -20")
    assert 18 <= level.count("█") <= 24, level
    assert level.count("│") >= 1
    [word] = [line for line in lines if line.startswith("hey_jarvis")]
    assert " █▄ 0.50 of 0.90" in word
    [span] = [shown.plain[part.start : part.end] for part in shown.spans if "magenta" in str(part.style)]
    assert span == "█"
    assert "state         listening  what time" in lines
    assert "broker        refused" in lines
    assert "well" not in shown.plain
    assert '"what time is it" → "Half past two." (answered)' in shown.plain
    assert "transcript 310 ms, intent 4 ms" in shown.plain


@pytest.mark.bus
@pytest.mark.models
async def test_a_wake_word_is_seen_in_a_running_daemon(tmp_path: Path, message_bus: MessageBus, speak: Speak) -> None:
    asked = speak("hey jarvis, what time is it?")
    pause = np.zeros(16_000 * 3, np.int16)
    soundfile.write(tmp_path / "house.wav", np.concatenate([pause, *[asked, pause, pause] * 20]), 16_000)
    config = f"""
[audio.input]
device = "file:{tmp_path}/house.wav"
[audio.output]
device = "null"
[dbus]
bus = "{message_bus.address}"
"""
    env = os.environ | {"AURICLE__DBUS__BUS": message_bus.address, "COLUMNS": "100"}
    monitor = [sys.executable, "-m", "auricle", "monitor"]
    (tmp_path / "daemon").mkdir()
    with running_daemon(tmp_path / "daemon", config) as daemon:
        await message_bus.until_served()
        with subprocess.Popen([*monitor, "--json", "--seconds", "120"], env=env, stdout=subprocess.PIPE) as watching:
            seen = []
            assert watching.stdout is not None
            for line in watching.stdout:
                seen.append(json.loads(line))
                if any(turn.get("text") and turn.get("outcome") for turn in seen[-1]["turns"]):
                    break
            watching.terminate()
        assert max(look["scores"].get("hey_jarvis", 0.0) for look in seen) > 0.9
        assert max(look["level_dbfs"] or -90.0 for look in seen) > -50.0
        assert any("time" in (turn["text"] or "") for turn in seen[-1]["turns"])
        assert {look["state"] for look in seen} > {"idle"}
        plain = subprocess.run([*monitor, "--seconds", "2"], env=env, capture_output=True, text=True, timeout=60)
        assert plain.returncode == 0, plain.stderr
        assert "dBFS" in plain.stdout
        drawn = subprocess.run(
            ["script", "-qec", " ".join([*monitor, "--seconds", "2"]), "/dev/null"],
            env=env | {"TERM": "xterm"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert "last turns" in drawn.stdout
        with subprocess.Popen(monitor, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watching:
            assert watching.stdout is not None
            watching.stdout.readline()
            daemon.stop()
            _, said = watching.communicate(timeout=60)
        assert watching.returncode == 3
        assert "the daemon ended" in said
    away = subprocess.run(monitor, env=env, capture_output=True, text=True, timeout=60)
    assert away.returncode == 3
    assert "no daemon is running" in away.stderr
    assert subprocess.run([*monitor, "--seconds", "x"], env=env, capture_output=True, timeout=60).returncode == 2
