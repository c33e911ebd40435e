"""`auricle transcribe`: files of any kind and length, into every format; some are bad, and a run may be interrupted."""

import fcntl
import json
import os
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from auricle.cli.main import main
from auricle.testing.contracts import words_of
from support.recordings import silence
from support.voice import Speak

pytestmark = pytest.mark.models

SENTENCES = (
    "Turn on the light in the kitchen.",
    "What is the weather like tomorrow?",
    "The door of the garage is open.",
)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    path = tmp_path / "config.toml"
    path.write_text('[site]\nid = "test"\n')
    return str(path)


@pytest.fixture
def broken(tmp_path: Path) -> str:
    """A configuration whose engine cannot be started."""
    path = tmp_path / "broken.toml"
    path.write_text('[stt]\nmodel = "/nowhere"\n')
    return str(path)


@pytest.fixture
def talk(tmp_path: Path, speak: Speak) -> Path:
    """Three sentences, the last one after half a minute of silence: 44.1 kHz, stereo, FLAC."""
    first, second, third = (speak(sentence) for sentence in SENTENCES)
    samples = np.concatenate([silence(1), first, silence(2), second, silence(30), third, silence(1)])
    wide = soxr.resample(samples.astype(np.float32) / 32_768, 16_000, 44_100)
    path = tmp_path / "talk.flac"
    soundfile.write(path, np.stack([wide, wide], axis=1), 44_100)
    return path


def spoken(path: Path, speak: Speak, sentence: str, rate_hz: int = 16_000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.concatenate([silence(0.3), speak(sentence, rate_hz), silence(0.3)]), rate_hz)
    return path


def test_a_long_recording_is_text_with_times(config: str, talk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["transcribe", "--config", config, "--json", str(talk)]) == 0
    shown = capsys.readouterr()
    found = json.loads(shown.out)
    assert list(found) == ["file", "text", "language", "confidence", "audio_s", "latency_ms", "segments"]
    assert found["file"] == str(talk)
    assert words_of(found["text"]) == words_of(" ".join(SENTENCES))
    assert (found["language"], found["audio_s"]) == ("en", pytest.approx(soundfile.info(talk).duration, abs=0.01))
    assert 0.5 < found["confidence"] <= 1
    starts = [segment["start_s"] for segment in found["segments"]]
    assert len(starts) == 3
    assert starts[0] == pytest.approx(1, abs=0.4)
    assert starts[2] - found["segments"][1]["end_s"] == pytest.approx(30, abs=0.8)
    assert "1 file, " in shown.err
    assert "times real time" in shown.err


def test_a_batch_of_chunks_and_files_has_the_texts_of_each_by_itself(
    config: str, talk: Path, whisper_checkpoint: Path, speak: Speak, tmp_path: Path
) -> None:
    """As on a GPU, here on a CPU."""
    pytest.importorskip("torch", reason="torch is installed for Python 3.11 alone")
    folder = tmp_path / "in"
    for number, sentence in enumerate(SENTENCES):
        spoken(folder / f"{number}.wav", speak, sentence)
    (folder / "talk.flac").symlink_to(talk)
    found = []
    for batch in (1, 4):
        Path(config).write_text(
            f'[site]\nid = "test"\n[stt]\nengine = "whisper"\nmodel = "{whisper_checkpoint}"\n'
            f'[engines.whisper]\ndevice = "cpu"\nint8 = false\nshort_context = false\nbatch = {batch}\n'
        )
        out = tmp_path / f"out{batch}"
        assert main(["transcribe", "--config", config, str(folder), "--format", "json", "-o", str(out)]) == 0
        facts = [json.loads(path.read_text()) for path in sorted(out.iterdir())]
        found.append([[(one["start_s"], one["end_s"], one["text"]) for one in fact["segments"]] for fact in facts])
    alone, together = found
    assert together == alone
    assert [len(segments) for segments in alone] == [1, 1, 1, 3]
    assert words_of(" ".join(text for _, _, text in alone[3])) == words_of(" ".join(SENTENCES))


def test_a_terminal_shows_how_far_it_is(config: str, talk: Path, tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    command = [sys.executable, "-m", "auricle", "transcribe", "--config", config, str(talk)]
    environ = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, text=True, env=environ) as running:
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # a terminal that nobody has open any more
            while more := os.read(ours, 65_536):
                shown += more
        text, _ = running.communicate(timeout=60)
    os.close(ours)
    assert running.returncode == 0
    assert words_of(text) == words_of(" ".join(SENTENCES))
    steps = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert "loading the engine" in steps
    assert "talk.flac" in steps
    assert "100%" in steps
    assert "times real time" in steps


def test_subtitles_go_into_a_folder(config: str, talk: Path, tmp_path: Path) -> None:
    for form in ("srt", "vtt"):
        assert main(["transcribe", "--config", config, str(talk), "--format", form, "-o", str(tmp_path / "out")]) == 0
    lines = (tmp_path / "out" / "talk.srt").read_text().splitlines()
    assert lines[0] == "1"
    assert lines[1].startswith("00:00:0")
    assert lines[2].lower().startswith("turn on the light")
    assert (tmp_path / "out" / "talk.vtt").read_text().startswith("WEBVTT\n\n00:00:0")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["talk.srt", "talk.vtt"]


def test_a_bad_file_is_named_and_the_others_go_on(
    config: str, speak: Speak, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_text("no sound")
    good = spoken(tmp_path / "good.ogg", speak, SENTENCES[0], 24_000)
    absent, empty = str(tmp_path / "absent.wav"), tmp_path / "empty"
    empty.mkdir()
    assert main(["transcribe", "--config", config, str(bad), absent, str(empty), str(good)]) == 1
    shown = capsys.readouterr()
    assert shown.out.startswith(f"{good}: Turn on the light")
    assert shown.err.count("auricle: ") == 3
    assert f"auricle: {empty}: there is no sound file in this folder\n" in shown.err
    assert f"auricle: {bad} cannot be read as sound: " in shown.err
    assert f"auricle: {absent} cannot be read as sound: " in shown.err
    assert shown.err.rstrip().endswith("; 3 failed")


def test_a_folder_is_its_sound_files_and_finished_ones_are_not_done_again(
    config: str, broken: str, speak: Speak, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    spoken(folder / "a.wav", speak, SENTENCES[0], 8_000)
    spoken(folder / "below" / "b.flac", speak, SENTENCES[1])
    (folder / "notes.txt").write_text("no sound")
    arguments = ["transcribe", str(folder), "-o", str(out), "--jobs", "2"]
    assert main([*arguments, "--config", config]) == 0
    assert capsys.readouterr().out == ""
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*.*")) == ["a.txt", "below/b.txt"]
    assert words_of((out / "a.txt").read_text()) == words_of(SENTENCES[0])
    assert words_of((out / "below" / "b.txt").read_text()) == words_of(SENTENCES[1])
    # All is there: the engine, which could not be had, is not even started.
    assert main([*arguments, "--config", broken]) == 0
    assert "0 files, 0.0 s of sound; 2 skipped" in capsys.readouterr().err
    assert main([*arguments, "--config", broken, "--again"]) == 1
    assert "/nowhere" in capsys.readouterr().err
    # A recording that has changed since is done again.
    (out / "a.txt").write_text("old")
    later_s = time.time() + 5
    os.utime(folder / "a.wav", (later_s, later_s))
    assert main([*arguments, "--config", config]) == 0
    assert "1 file, " in capsys.readouterr().err
    assert words_of((out / "a.txt").read_text()) == words_of(SENTENCES[0])


def test_two_files_with_one_output_are_told_apart(
    config: str, speak: Speak, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = spoken(tmp_path / "one" / "x.wav", speak, SENTENCES[0])
    second = spoken(tmp_path / "two" / "x.wav", speak, SENTENCES[1])
    out = tmp_path / "out"
    assert main(["transcribe", "--config", config, str(first), str(second), str(first), "-o", str(out)]) == 1
    assert f"auricle: {second}: {out / 'x.txt'} is what {first} becomes; write" in capsys.readouterr().err
    assert words_of((out / "x.txt").read_text()) == words_of(SENTENCES[0])


def test_intents_are_recognised(config: str, speak: Speak, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = spoken(tmp_path / "time.wav", speak, "What time is it?")
    other = spoken(tmp_path / "other.wav", speak, "The grass is green and high.")
    assert main(["transcribe", "--config", config, "--intent", "--json", str(asked), str(other)]) == 0
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (first["intent"], first["slots"], first["score"]) == ("time", {}, 1.0)
    assert (second["intent"], second["slots"], second["score"]) == (None, None, None)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("a.wav --json --format srt", "--json prints JSON; to have srt too, name a folder for it with -o DIR"),
        ("a.wav b.wav --format vtt", "--format vtt for several files needs a folder to write into: -o DIR"),
        ("a.wav --again", "--again is about what lies in the folder of -o DIR, and there is no -o"),
        ("a.wav --jobs 0", "argument --jobs: '0' is no number from 1 to 64"),
    ],
)
def test_options_that_contradict_each_other_are_wrong_usage(
    words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["transcribe", *words.split()]) == 2
    assert said in capsys.readouterr().err


def test_an_interrupted_run_leaves_what_is_finished_and_goes_on(config: str, speak: Speak, tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    first = spoken(folder / "000.wav", speak, SENTENCES[0])
    for number in range(1, 120):
        (folder / f"{number:03}.wav").symlink_to(first)
    command = [sys.executable, "-m", "auricle", "transcribe", "--config", config, str(folder), "-o", str(out)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as running:
        deadline_s = time.monotonic() + 60
        while not list(out.glob("*.txt")) and running.poll() is None and time.monotonic() < deadline_s:
            time.sleep(0.02)
        os.killpg(running.pid, signal.SIGINT)
        _, told = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "Traceback" not in told
    done = sorted(path.name for path in out.iterdir())
    assert 1 <= len(done) < 120
    assert all(name.endswith(".txt") and not name.startswith(".") for name in done)
    assert {(out / name).read_text() for name in done} == {(out / "000.txt").read_text()}
    assert told.startswith(f"{len(done)} file")
    for number in range(len(done) + 1, 120):
        (folder / f"{number:03}.wav").unlink()
    again = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=100, check=True)
    assert again.stderr.startswith("1 file, ")
    assert f"{len(done)} skipped" in again.stderr
