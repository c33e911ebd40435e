"""`auricle bench --only barge` and `--only own-voice`: what anybody can measure of barge-in."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from auricle.cli.main import main
from support.pulse import PulseServer

ALEXA = '[wake]\nwords = [{model = "alexa"}]\n'


@pytest.mark.sound
@pytest.mark.models
@pytest.mark.data
@pytest.mark.slow
@pytest.mark.timeout(200)
def test_rounds_in_a_room_become_figures(pulse: PulseServer, recordings: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(ALEXA)
    done = subprocess.run(
        [sys.executable, "-m", "auricle", "bench", "--config", str(config), "--only", "barge", "--rounds", "2"]
        + ["--recordings", str(recordings / "wake"), "--json"],
        env={**pulse.env, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        check=False,
    )
    told = done.stderr.decode()
    assert done.returncode == 0, told
    figures = json.loads(done.stdout)
    heard = figures["wake word over our own speech, heard"]
    assert heard["unit"] == "of 2"
    assert heard["median"] >= 1, told
    assert figures["silenced by it"]["median"] == heard["median"]
    assert figures["woken by our own speech"]["median"] == 0
    for name in ("wake event to silence", "word's end, as the detector tells it, to silence"):
        assert figures[name]["n"] == heard["median"]
    assert "wake words over our own speech: 0 of 2" in told
    assert not pulse.streams("sink-inputs"), "something still plays"


@pytest.mark.data
def test_without_a_sound_server_of_its_own_nothing_is_played(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(ALEXA)
    monkeypatch.setenv("PULSE_SERVER", f"unix:{tmp_path}/nobody")
    command = ["bench", "--config", str(config), "--only", "barge"]
    assert main([*command, "--recordings", str(recordings / "wake")]) != 0
    assert "script/with-pulse" in capsys.readouterr().err
    assert main([*command, "--recordings", str(recordings / "commands")]) != 0
    assert "a folder alexa" in capsys.readouterr().err
    assert main(command) != 0
    assert "--recordings" in capsys.readouterr().err


@pytest.mark.models
@pytest.mark.slow
def test_seconds_of_our_own_speech_become_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--only", "own-voice", "--minutes", "0.2", "--json"]) == 0
    told = capsys.readouterr()
    figures = json.loads(told.out)
    assert figures["our own speech: wake words said in it"]["unit"].startswith("in 0.")
    assert figures["our own speech: woken or silenced by it"]["median"] == 0
    assert "seconds of our own speech: 0 of 12" in told.err


def test_no_minutes_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--only", "own-voice", "--minutes", "0"]) != 0
    assert "--minutes" in capsys.readouterr().err
