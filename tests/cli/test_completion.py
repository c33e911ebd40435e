"""Completion and the manual page, made from the parsers: a shell completes with it, a formatter sets it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from auricle.cli.main import COMMANDS, main
from auricle.cli.words import places


def completed(script: Path, *words: str) -> list[str]:
    """What bash offers for the last of `words`."""
    line = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _auricle; printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(
        ["bash", "--norc", "-c", line, "bash", str(script), "auricle", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_completes_commands_options_and_choices(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "auricle"
    script.write_text(capsys.readouterr().out)
    assert completed(script, "st") == ["status", "stop"]
    assert completed(script, "config", "") == ["check", "show", "example", "--help", "--config"]
    assert completed(script, "mute", "o") == ["on", "off"]
    assert completed(script, "say", "Hello", "--vo") == ["--voice", "--volume"]
    assert completed(script, "wake", "") == ["find", "enroll", "list", "forget", "--help", "--config", "--json"]
    assert completed(script, "wake", "a.wav", "--j") == ["--json"]
    assert completed(script, "wake", "enroll", "ann", "--w") == ["--word"]
    assert completed(script, "--config", "x", "config", "check", "--j") == ["--json"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_are_told_every_option(shell: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["completion", shell]) == 0
    script = tmp_path / "script"
    script.write_text(capsys.readouterr().out)
    words = {word for place in places() for word, _ in place.words}
    text = script.read_text()
    prefix = "-l " if shell == "fish" else "--"
    missing = [word for word in words if word.startswith("--") and prefix + word[2:] not in text]
    assert missing == []
    if (program := shutil.which(shell)) is not None:
        subprocess.run([program, "-n", str(script)], check=True, timeout=60)


def test_the_manual_page_has_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["man"]) == 0
    page = capsys.readouterr().out
    assert page.startswith(".TH AURICLE 1 ")
    assert [name for name in COMMANDS if f".SS auricle {name}\n" not in page] == []
    if (groff := shutil.which("groff")) is not None:
        command = [groff, "-man", "-Tutf8", "-Kutf8", "-ww"]
        done = subprocess.run(command, input=page, capture_output=True, text=True, timeout=60, check=True)
        assert "auricle say" in done.stdout
