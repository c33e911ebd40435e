"""`auricle wake` finds wake words in files of any kind, and one bad file does not stop the others."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from auricle.cli.main import main
from support.recordings import silence
from support.voice import Speak

pytestmark = pytest.mark.models


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "config.toml"
    path.write_text('[wake]\nwords = [{model = "hey_jarvis"}, {model = "alexa"}]\n')
    return str(path)


@pytest.fixture
def spoken(tmp_path: Path, speak: Speak) -> str:
    """The word twice, 3 s apart, in 44.1 kHz stereo."""
    word = np.concatenate([silence(0.5), speak("Hey Jarvis."), silence(3)])
    wide = soxr.resample(np.concatenate([word, word]).astype(np.float32) / 32_768, 16_000, 44_100)
    path = tmp_path / "spoken.flac"
    soundfile.write(path, np.stack([wide, wide], axis=1), 44_100)
    return str(path)


def test_each_file_is_a_json_object_with_its_detections(
    config: str, spoken: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quiet = str(tmp_path / "quiet.wav")
    soundfile.write(quiet, silence(1), 16_000)
    assert main(["wake", "--config", config, "--json", spoken, quiet]) == 0
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert second == {"file": quiet, "detections": []}
    assert first["file"] == spoken
    assert [set(found) for found in first["detections"]] == [{"wake_word", "score", "sample"}] * 2
    assert {found["wake_word"] for found in first["detections"]} == {"hey_jarvis"}
    assert all(0.97 <= found["score"] <= 1 for found in first["detections"])
    one, two = (found["sample"] for found in first["detections"])
    assert two - one == pytest.approx(soundfile.info(spoken).duration / 2 * 16_000, abs=1_600)


def test_word_that_ends_with_the_file_is_found(
    config: str, tmp_path: Path, speak: Speak, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "short.wav")
    samples = speak("Hey Jarvis.")
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > 600)
    soundfile.write(path, np.concatenate([silence(1), samples[: loud[-1]]]), 16_000)
    assert main(["wake", "--config", config, "--json", path]) == 0
    assert len(json.loads(capsys.readouterr().out)["detections"]) == 1


def test_bad_file_is_named_and_the_others_go_on(
    config: str, spoken: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_text("no sound")
    assert main(["wake", "--config", config, str(bad), str(tmp_path / "absent.wav"), spoken]) == 1
    shown = capsys.readouterr()
    assert [name in shown.err for name in ("bad.wav", "absent.wav", "spoken.flac")] == [True, True, False]
    assert [name in shown.out for name in ("bad.wav", "absent.wav", "spoken.flac")] == [False, False, True]
    assert shown.out.count("hey_jarvis") == 2


def test_unknown_wake_word_is_named(tmp_path: Path, spoken: str, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[wake]\nwords = [{model = "hey_nobody"}]\n')
    assert main(["wake", "--config", str(config), spoken]) == 1
    assert "hey_nobody" in capsys.readouterr().err
