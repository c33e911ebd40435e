"""`auricle ask`: a typed command, without the daemon."""

import json
from pathlib import Path

import pytest
import soundfile

from auricle.cli.main import main

COMMANDS = """
[audio.output]
device = "file:{wav}"

[[plugins.commands.command]]
name = "lamp"
sentences = ["turn on the lamp"]
topic = "home/lamp/set"
payload = {{state = "ON"}}
reply = "It is on."

[[plugins.commands.command]]
name = "hallo"
language = "de"
sentences = ["hallo haus"]
reply = "Hallo!"
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    path = tmp_path / "config.toml"
    path.write_text(COMMANDS.format(wav=tmp_path / "said.wav"))
    return str(path)


def test_reply_is_printed(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "--config", config, "What day is it?"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Today is ")
    assert out.count("\n") == 1


def test_json_tells_what_was_understood(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "--config", config, "--json", "what is the date tomorow"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert set(answer) == {"id", "text", "intent", "slots", "score", "reply", "handled_by"}
    assert (answer["text"], answer["intent"], answer["slots"]) == ("what is the date tomorow", "date", {"day": 1})
    assert answer["handled_by"] == "clock"
    assert answer["reply"].startswith("Tomorrow is ")
    assert 0.86 <= answer["score"] < 1


def test_not_understood_is_a_reply(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "--config", config, "--json", "sing a song"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["intent"], answer["score"]) == (None, None)
    assert answer["reply"] == "Sorry, I did not understand."


def test_what_would_be_published_is_told_and_not_sent(
    config: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert main(["ask", "--config", config, "turn on the lamp"]) == 0
    assert capsys.readouterr().out == "The message broker is not reachable.\n"
    assert (
        "`auricle ask` works without the daemon and sends nothing; "
        'home/lamp/set would have got {"state":"ON"}' in caplog.text
    )


def test_language_of_the_command_can_be_given(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "--config", config, "--language", "de", "Hallo Haus!"]) == 0
    assert capsys.readouterr().out == "Hallo!\n"


@pytest.mark.parametrize("text", ["", "  ", "x" * 4097])
def test_text_that_is_no_command_is_refused(config: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "--config", config, text]) == 2
    assert "1 to 4096 fit" in capsys.readouterr().err


@pytest.mark.models
def test_reply_is_spoken_where_asked(config: str, tmp_path: Path) -> None:
    assert main(["ask", "--config", config, "--speak", "what day is it"]) == 0
    samples, rate = soundfile.read(tmp_path / "said.wav", dtype="int16")
    assert rate == 24_000
    assert len(samples) > 12_000
    assert abs(samples).max() > 1000
