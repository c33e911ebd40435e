"""`auricle bench --only commands`: recorded commands at real pace, with and without what makes them fast."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from auricle.cli.figures import Figure
from auricle.cli.figures.commands import Played
from auricle.cli.main import main

TRANSCRIPT = "last spoken sample to transcript"
BY_VAD = "last sample that the VAD takes for speech to transcript"
REPLY = "last spoken sample to first sound of the reply"
COFFEE = Path(__file__).parents[2] / "docs" / "examples" / "coffee.toml"


def played(*, heard_last: int, transcript_ms: float = 300.0) -> Played:
    return Played("a.wav", 16_000, 48_000, transcript_ms=transcript_ms, heard_last=heard_last)


def test_a_command_that_ends_before_its_last_word_was_cut() -> None:
    assert not played(heard_last=48_000).cut
    assert not played(heard_last=48_000 - 3_900).cut
    assert played(heard_last=48_000 - 4_100).cut
    assert played(heard_last=48_000, transcript_ms=-1.0).cut


def test_the_95th_percentile_is_one_that_was_measured() -> None:
    facts = Figure("a", "ms", tuple(float(number) for number in range(1, 41))).as_dict()
    assert (facts["median"], facts["p95"], facts["min"], facts["max"], facts["n"]) == (20.5, 38.0, 1.0, 40.0, 40)
    assert Figure("a", "ms", (3.0,)).columns() == ("3", "3", "3", "3", "1")


@pytest.mark.models
@pytest.mark.data
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_ablation_plays_the_same_recordings_without_what_is_to_make_it_fast(
    recordings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--recordings", str(recordings / "commands"), "--every", "120", "--config", str(COFFEE)]
    assert main(["bench", "--only", "commands", "--ablation", "--json", *where]) == 0
    told = capsys.readouterr()
    figures = json.loads(told.out)
    for variant in ("", ", without meaning", ", without speculation"):
        assert figures[f"commands without a transcript{variant}"]["median"] == 0
        assert figures[f"commands cut early{variant}"]["median"] == 0
        assert figures[f"CPU of speech to text{variant}"]["median"] > 0
        for name in (TRANSCRIPT, REPLY):
            figure = figures[f"{name}{variant}"]
            assert figure["n"] == 1
            assert figure["min"] <= figure["median"] <= figure["p95"] == figure["max"]
    silence_ms = 700
    assert figures[f"{BY_VAD}, without meaning"]["min"] >= silence_ms - 50
    assert figures[f"{BY_VAD}, without speculation"]["min"] >= silence_ms - 50
    assert figures["attempts that were the transcript"]["median"] > 0
    assert figures["attempts that were the transcript, without speculation"]["median"] == 0
    assert figures["CPU of speech to text, of that without speculation"]["median"] > 0
    for line in ("recorded commands: 0 of 1", "recorded commands, without speculation: 1 of 1"):
        assert line in told.err.splitlines()


@pytest.mark.models
@pytest.mark.data
@pytest.mark.slow
@pytest.mark.timeout(200)
def test_interrupted_it_tells_what_it_has(recordings: Path) -> None:
    where = ["--recordings", str(recordings / "commands"), "--config", str(COFFEE)]
    with subprocess.Popen(
        [sys.executable, "-m", "auricle", "bench", "--only", "commands", "--json", *where],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as bench:
        assert bench.stdout is not None
        assert bench.stderr is not None
        told = ""
        for line in bench.stderr:
            told += line
            if " min left" in line:
                break
        bench.send_signal(signal.SIGINT)
        figures = json.loads(bench.stdout.read())
        told += bench.stderr.read()
        assert bench.wait(30) == 130
    assert "interrupted" in told
    assert 1 <= figures[TRANSCRIPT]["n"] < 120
    assert "Traceback" not in told


def test_options_that_make_no_sense_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--only", "commands", "--every", "0"]) != 0
    assert "--every" in capsys.readouterr().err
    assert main(["bench", "--only", "commands"]) != 0
    assert "--recordings" in capsys.readouterr().err
    assert main(["bench", "--only", "commands", "--recordings", str(tmp_path)]) != 0
    assert "no WAV or FLAC" in capsys.readouterr().err
