"""`auricle wake enroll`, `list`, `forget`: recordings in, a profile kept or every fault told, and `wake` goes by it."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auricle.cli.main import main
from auricle.pipeline.profiles import load
from support.enrolled import ENROLLED, smaller, write_all
from support.pulse import PulseServer
from support.recordings import Samples, silence

pytestmark = pytest.mark.models


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Two wake words, and a state folder of the test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    path = tmp_path / "config.toml"
    path.write_text('[wake]\nwords = [{model = "hey_jarvis"}, {model = "alexa"}]\n')
    return str(path)


@pytest.fixture
def files(tmp_path: Path, joe: list[Samples]) -> list[str]:
    return write_all(tmp_path / "joe", joe)


@pytest.fixture
def kid(tmp_path: Path, joe: list[Samples]) -> list[str]:
    """Somebody else."""
    return write_all(tmp_path / "kid", [smaller(said, 1.2) for said in joe[:ENROLLED]])


def profile(tmp_path: Path, name: str = "joe") -> Path:
    return tmp_path / "state" / "auricle" / "enrolled" / "alexa" / f"{name}.json"


def enroll(config: str, files: list[str], *options: str, name: str = "joe") -> int:
    return main(["wake", "enroll", name, "--config", config, "--word", "alexa", *options, *files[:ENROLLED]])


def test_enrolled_is_heard_listed_and_forgotten(
    config: str, files: list[str], kid: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert enroll(config, files) == 0
    shown = capsys.readouterr()
    assert shown.out == f"joe is enrolled for alexa, from 5 recordings: {profile(tmp_path)}\n"
    assert [line.split()[0] for line in shown.err.splitlines()] == ["1/5", "2/5", "3/5", "4/5", "5/5"]
    assert main(["wake", "list", "--config", config, "--json"]) == 0
    (fact,) = json.loads(capsys.readouterr().out)
    assert (fact["name"], fact["word"], fact["recordings"], fact["state"]) == ("joe", "alexa", 5, "counts")

    assert main(["wake", "--config", config, "--json", files[6], kid[0]]) == 0
    own, other = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert [found["user"] for found in own["detections"]] == ["joe"]
    assert own["detections"][0]["likeness"] >= 0.5
    assert own["refused"] == []
    assert other["detections"] == []
    assert other["refused"][0]["likeness"] < 0.5
    assert main(["wake", "--config", config, files[6], kid[0]]) == 0
    first, second = capsys.readouterr().out.splitlines()[1:]
    assert "refused" not in first
    assert "refused: joe 0.0" in second

    assert main(["wake", "forget", "joe", "--config", config]) == 0
    assert capsys.readouterr().out == "joe is not enrolled for alexa any more\n"
    assert not profile(tmp_path).exists()
    assert main(["wake", "--config", config, "--json", kid[0]]) == 0
    (found,) = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert [set(one) for one in found["detections"]] == [{"wake_word", "score", "sample"}]
    assert "refused" not in found
    assert main(["wake", "list", "--config", config]) == 0
    assert capsys.readouterr().err == "nobody is enrolled: wake words are anybody's\n"


def test_json_tells_each_saying_and_how_like_the_others_it_is(
    config: str, files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert enroll(config, files, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["name"], told["word"], told["recordings"]) == ("joe", "alexa", 5)
    assert told["path"] == str(profile(tmp_path))
    assert [saying["source"] for saying in told["sayings"]] == files[:ENROLLED]
    assert all(saying["likeness"] > 0.5 and saying["score"] > 0.9 for saying in told["sayings"])


def test_several_sayings_in_one_recording_all_count(
    config: str, joe: list[Samples], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (file,) = write_all(tmp_path / "long", [np.concatenate(joe[:4])])
    assert enroll(config, [file], "--json") == 0
    assert json.loads(capsys.readouterr().out)["recordings"] == 4


def test_every_recording_that_cannot_be_used_is_named_and_nothing_is_kept(
    config: str, files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mute, noise, loud, long, text = (
        str(tmp_path / f"{name}.wav") for name in ("mute", "noise", "loud", "long", "text")
    )
    soundfile.write(mute, silence(2), 16_000)
    soundfile.write(noise, np.random.default_rng(1).normal(0, 2_000, 32_000).astype(np.int16), 16_000)
    word, _ = soundfile.read(files[0], dtype="int16")
    soundfile.write(loud, np.clip(word.astype(np.int32) * 12, -32_768, 32_767).astype(np.int16), 16_000)
    soundfile.write(long, np.concatenate([word, silence(121)]), 16_000)
    Path(text).write_text("no sound")
    again = str(tmp_path / "again.wav")
    soundfile.write(again, word, 16_000)
    bad = [mute, noise, loud, long, text, str(tmp_path / "absent.wav"), again]
    assert main(["wake", "enroll", "joe", "--config", config, "--word", "alexa", *files[:3], *bad]) == 1
    lines = capsys.readouterr().err.splitlines()
    told = {Path(name).stem: next(line for line in lines if f"{name}" in line and "auricle:" in line) for name in bad}
    assert "nothing but silence" in told["mute"]
    assert "alexa is not heard in it" in told["noise"]
    assert "overdriven at " in told["loud"]
    assert "longer than 120 s" in told["long"]
    assert f"the same sound as {files[0]}" in told["again"]
    assert lines[-1] == "auricle: joe is not enrolled; nothing is kept"
    assert sum(line.startswith("auricle:") for line in lines) == len(bad) + 1
    assert not profile(tmp_path).exists()


def test_two_recordings_are_too_few(config: str, files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert enroll(config, files[:2]) == 1
    assert "alexa is heard 2 times in the recordings; at least 3 make a profile" in capsys.readouterr().err


def test_a_recording_of_somebody_else_is_named(
    config: str, files: list[str], kid: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert enroll(config, [*files[:4], kid[0]]) == 0
    (warning,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("auricle:")]
    assert warning.startswith(f"auricle: {kid[0]}: unlike the others (0.0")


def test_recorded_from_the_configured_input_one_by_one(
    config: str, joe: list[Samples], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (file,) = write_all(tmp_path / "microphone", [np.concatenate(joe[:6])])
    Path(config).write_text(
        f'[wake]\nwords = [{{model = "alexa"}}]\n[audio.input]\ndevice = "file:{file}"\npace = "fast"\n'
    )
    assert main(["wake", "enroll", "joe", "--config", config, "--record", "4", "--json"]) == 0
    shown = capsys.readouterr()
    assert [saying["source"] for saying in json.loads(shown.out)["sayings"]] == [f"recording {n}" for n in range(1, 5)]
    prompts = [line for line in shown.err.splitlines() if "say “alexa”" in line]
    assert [line.partition(":")[0] for line in prompts] == ["1 of 4", "2 of 4", "3 of 4", "4 of 4"]
    assert main(["wake", "enroll", "ann", "--config", config, "--record", "7"]) == 1
    assert "the sound ended after 6 of 7 times alexa" in capsys.readouterr().err
    assert not profile(tmp_path, "ann").exists()


@pytest.mark.sound
def test_recorded_from_a_microphone_each_time_it_is_asked_for(
    joe: list[Samples], tmp_path: Path, pulse: PulseServer
) -> None:
    """Somebody who speaks when told to, into the microphone of a real PulseAudio."""
    files = write_all(tmp_path / "joe", joe[:3])
    (tmp_path / "config.toml").write_text('[wake]\nwords = [{model = "alexa"}]\n[audio.input]\ndevice = "pulse"\n')
    command = [sys.executable, "-m", "auricle", "--config", str(tmp_path / "config.toml"), "wake", "enroll", "joe"]
    env = {**pulse.env, "XDG_STATE_HOME": str(tmp_path / "state")}
    with subprocess.Popen([*command, "--record", "3"], env=env, stderr=subprocess.PIPE, text=True) as enrolling:
        try:
            assert enrolling.stderr is not None
            for number, file in enumerate(files, 1):
                assert enrolling.stderr.readline().startswith(f"{number} of 3: say “alexa”")
                time.sleep(1.5)  # the microphone has just been opened, or the word before just said
                pulse.say(Path(file))
                assert enrolling.stderr.readline().startswith("  heard (")
            assert enrolling.wait(30) == 0
        finally:
            enrolling.kill()
    assert load(profile(tmp_path)).recordings == 3


def test_the_word_that_does_not_come_is_not_waited_for_longer_than_half_a_minute(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (file,) = write_all(tmp_path / "microphone", [silence(40)])
    Path(config).write_text(
        f'[wake]\nwords = [{{model = "alexa"}}]\n[audio.input]\ndevice = "file:{file}"\npace = "fast"\n'
    )
    assert main(["wake", "enroll", "joe", "--config", config, "--record", "3"]) == 1
    assert "alexa was not heard for 30 s" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["joe", "a.wav"], "say for which wake word: --word hey_jarvis or --word alexa"),
        (["joe", "--word", "alexxa", "a.wav"], "there is no configured wake word alexxa; did you mean alexa?"),
        (["../joe", "--word", "alexa", "a.wav"], "'../joe' is no name for a user"),
        (["joe", "--word", "alexa"], "give recordings of the word, or --record 5"),
        (["joe", "--word", "alexa", "--record", "2"], "--record: 3 to 50 recordings make a profile"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_loaded(
    config: str, words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["wake", "enroll", "--config", config, *words]) == 2
    assert told in capsys.readouterr().err


def test_forgetting_names_whom_there_is(
    config: str, files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert enroll(config, files) == 0
    assert main(["wake", "forget", "jo", "--config", config]) == 2
    assert "there is no enrolled user jo; did you mean joe?" in capsys.readouterr().err
    assert main(["wake", "forget", "joe", "--word", "hey_jarvis", "--config", config]) == 2
    assert "hey_jarvis" in capsys.readouterr().err
    assert profile(tmp_path).exists()
    profile(tmp_path).write_text("{")
    assert main(["wake", "list", "--config", config]) == 0
    assert "broken: " in capsys.readouterr().out
    assert main(["wake", "forget", "joe", "--word", "alexa", "--config", config, "--json"]) == 0
    assert [gone["word"] for gone in json.loads(capsys.readouterr().out)] == ["alexa"]
    assert not profile(tmp_path).parent.exists()


def test_a_file_that_is_called_as_an_action_is_found_by_its_path_or_with_find(
    config: str, files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(files[0]).rename(tmp_path / "enroll")
    for words in (["./enroll"], ["find", "enroll"], ["--json", "./enroll"], ["./enroll", "--json"]):
        assert main(["wake", "--config", config, *words]) == 0
        assert "alexa" in capsys.readouterr().out


def test_switched_off_list_and_enroll_say_so(config: str, files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with Path(config).open("a") as file:
        file.write("[wake.verify]\nenabled = false\n")
    assert enroll(config, files) == 0
    assert "[wake.verify] enabled is false" in capsys.readouterr().out
    assert main(["wake", "list", "--config", config]) == 0
    assert "off: wake.verify.enabled is false" in capsys.readouterr().out
