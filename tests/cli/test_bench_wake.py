"""`auricle bench --only wake` counts what is missed and falsely heard, alone and joined, and fits the rule."""

import json
import shutil
from pathlib import Path

import pytest

from auricle.cli.main import main

pytestmark = pytest.mark.models


@pytest.mark.data
def test_recordings_are_counted_in_quiet_in_noise_and_in_babble(
    recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, count in (("alexa", 4), ("other", 5)):
        (tmp_path / name).mkdir()
        for path in sorted((recordings / "wake" / name).glob("*.flac"))[:count]:
            shutil.copy(path, tmp_path / name)
    config = tmp_path / "config.toml"
    config.write_text('[wake]\nwords = [{model = "alexa"}]\n')
    noise = str(recordings / "noise" / "kitchen.flac")
    arguments = ["--only", "wake", "--recordings", str(tmp_path), "--noise", noise, "--json"]
    assert main(["bench", "--config", str(config), *arguments]) == 0
    figures = json.loads(capsys.readouterr().out)
    for condition in ("clean", "kitchen at 10 dB", "babble of 4 at 10 dB"):
        for rule in ("light", "joint"):
            assert figures[f"{condition}: missed, {rule}"]["unit"] == "of 4"
            assert figures[f"{condition}: false, {rule}"]["unit"] == "of 5"
        assert figures[f"{condition}: missed, joint"]["median"] <= figures[f"{condition}: missed, light"]["median"]
    assert figures["clean: missed, joint"]["median"] == 0
    assert figures["clean: false, joint"]["median"] == 0
    assert 0.001 <= figures["fit: wake.second_look.confirm with fewest false, then fewest missed"]["median"] <= 0.5


def test_folder_without_the_word_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "computer").mkdir()
    assert main(["bench", "--only", "wake", "--recordings", str(tmp_path)]) != 0
    assert "hey_jarvis" in capsys.readouterr().err
    assert main(["bench", "--only", "wake"]) != 0
    assert "--recordings" in capsys.readouterr().err
