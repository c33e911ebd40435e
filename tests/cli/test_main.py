"""The command line: what it answers, with which exit status, and how light it is."""

import asyncio
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from auricle import __version__
from auricle.cli.main import COMMANDS, main
from support.engine_parts import EngineParts
from support.golden import Golden

TEXT = '[site]\nname = "Kitchen"\n[mqtt]\npassword = "hunter2"\n'


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration, in an environment with no other."""
    for name in [name for name in os.environ if name.startswith("AURICLE")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "runtime").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    path = tmp_path / "config.toml"
    path.write_text(TEXT)
    return path


def python(code: str, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)  # type: ignore[call-overload, no-any-return]


def stdout_json(capsys: pytest.CaptureFixture[str]) -> object:
    return json.loads(capsys.readouterr().out)


# --- help


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; from auricle.cli.main import main; main(['--help']); print(*sys.modules, file=sys.stderr)"
    done = python(code)
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    assert "auricle" in loaded
    assert not loaded & {"asyncio", "msgspec", "numpy", "paho", "pluggy", "rapidfuzz", "rich", "wyoming"}
    assert not {name for name in done.stderr.split() if name.startswith("auricle.engines")}
    assert "commands:" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_imports_nothing_heavy(command: str) -> None:
    code = "import sys; from auricle.cli.main import main; main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    done = python(code, command, "--help")
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    assert not loaded & {"msgspec", "numpy", "paho", "sounddevice", "wyoming"}
    assert done.stdout.startswith(f"usage: auricle {command} ")


def test_every_listed_command_has_its_module() -> None:
    missing = [name for name, (_, module) in COMMANDS.items() if importlib.util.find_spec(module) is None]
    assert missing == []


@pytest.mark.parametrize(
    "words",
    [
        "",
        *COMMANDS,
        "config check",
        "config show",
        "config example",
        "plugins list",
        "plugins info",
        "engines list",
        "engines serve",
        "wake find",
        "wake enroll",
        "wake list",
        "wake forget",
    ],
)
def test_help_is_the_golden_one(
    words: str, golden: Golden, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "102")
    assert main([*words.split(), "--help"]) == 0
    golden(f"help/{words.replace(' ', '_') or 'auricle'}.txt", capsys.readouterr().out)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"auricle {__version__}\n"


# --- wrong usage and errors


def test_unknown_command_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cnfig"]) == 2
    assert capsys.readouterr().err == "auricle: there is no command cnfig; did you mean `auricle config`?\n"
    assert main(["qqq"]) == 2
    assert capsys.readouterr().err == "auricle: there is no command qqq; `auricle --help` lists the commands\n"


@pytest.mark.parametrize(
    "words",
    ["", "--config", "--colour run", "config", "config chek", "run --x", "wake", "wake --json", "say hi --speed 9"]
    + ["say hi --volume 101", "synthesize hi -o x.wav --pitch nan", "synthesize hi -o x.wav --speed 0.4"],
)
def test_wrong_usage_is_2(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words.split()) == 2
    assert "usage: auricle" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["say", " "], "TEXT: there is no text to say"),
        (["synthesize", "", "-o", "x.wav"], "TEXT: there is no text to say"),
        (["synthesize", "a" * 4097, "-o", "x.wav"], "TEXT: 4097 characters; at most 4096 fit"),
        (["say", "\udcff"], "TEXT: only UTF-8 fits, and byte 0 is none"),
        (["ask", ""], "TEXT: a command of 0 characters; 1 to 4096 fit"),
        (["bench", "--rounds", "0"], "--rounds, --seconds and --every: at least 1"),
        (["engines", "serve", "piper", "--uri", "tpc://127.0.0.1:1"], "uri 'tpc://127.0.0.1:1' is neither tcp://"),
    ],
)
def test_words_that_cannot_be_meant_are_2_and_are_named(
    words: list[str], named: str, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--config", str(config)]) == 2
    assert capsys.readouterr().err.startswith(f"auricle: {named}")


@pytest.mark.parametrize("words", ["config --json check", "config check --json", "--config {0} config --json check"])
def test_options_may_stand_before_the_action(words: str, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words.format(config).split()) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True


def test_problems_of_the_configuration_are_listed_and_2(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text("[site]\nnam = 1\n[listen]\nmax_s = 90\n[plugins.clokc]\nx = 1\n")
    assert main(["config", "check", "--config", str(config)]) == 2
    found = capsys.readouterr()
    assert found.out == ""
    assert found.err.splitlines() == [
        f"auricle: the configuration {config} has 3 problems:",
        f"  {config}:2: site.nam is not a key; did you mean site.name?",
        f"  {config}:4: listen.max_s is 90; it must be a number from 1 to 28 s",
        f"  {config}:5: plugins.clokc names no plugin that is installed; did you mean plugins.clock?",
    ]


def test_interrupt_is_130() -> None:
    code = (
        "import sys, auricle.cli.config as c; from auricle.cli.main import main\n"
        "def run(args): raise KeyboardInterrupt\n"
        "c.run = run; sys.exit(main(['config', 'show']))"
    )
    done = python(code)
    assert (done.returncode, done.stderr) == (130, "")


def test_broken_pipe_is_quiet() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "auricle", "config", "example"],
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


# --- config


@pytest.mark.parametrize("before", [True, False])
def test_config_is_taken_before_and_after_the_command(
    before: bool, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    option = ["--config", str(config)]
    assert main([*option, "config", "check"] if before else ["config", "check", *option]) == 0
    assert capsys.readouterr().out == f"ok: {config}\n"
    assert main(["config", f"--config={config}", "check"]) == 0
    assert main([f"--config={config}x", "config", "--config", str(config), "check"]) == 0


def test_check_says_what_it_checked(
    config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AURICLE_CONFIG", str(config))
    assert main(["config", "check", "--json"]) == 0
    assert stdout_json(capsys) == {"ok": True, "path": str(config), "problems": []}
    assert main(["config", "check", "--json", "--config", f"{config}x"]) == 2
    assert stdout_json(capsys) == {
        "ok": False,
        "path": f"{config}x",
        "problems": [f"{config}x: there is no such file"],
    }


def test_show_masks_secrets(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", str(config), "config", "show"]) == 0
    text = capsys.readouterr().out
    assert 'name = "Kitchen"' in text
    assert "hunter2" not in text
    assert main(["--config", str(config), "config", "show", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["config"]["mqtt"]["password"] == "********"
    assert shown["sources"]["site.name"] == f"{config}:2"


def test_example_is_printed_whatever_the_configuration(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text("nonsense")
    assert main(["--config", str(config), "config", "example"]) == 0
    assert capsys.readouterr().out.startswith("# Auricle: every key of the configuration with its default.\n")


# --- plugins and engines


def test_plugins_are_listed(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text('[plugins]\ndisabled = ["clock"]\n')
    assert main(["plugins", "list", "--json", "--config", str(config)]) == 0
    listed = json.loads(capsys.readouterr().out)
    plugins = {plugin["name"]: plugin for plugin in listed}
    assert plugins["clock"]["state"] == "disabled"
    assert plugins["microwakeword"] == {
        "name": "microwakeword",
        "state": "active",
        "version": __version__,
        "distribution": "auricle",
        "hooks": ["auricle_engines"],
        "detail": "",
    }
    assert main(["plugins", "list", "--config", str(config)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["NAME", "STATE", "VERSION", "PACKAGE", "HOOKS", "DETAIL"]
    assert ["microwakeword", "active", __version__, "auricle", "engines"] in [line.split() for line in lines]


def test_a_plugin_is_described(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins", "info", "microwakeword", "--config", str(config)]) == 0
    assert capsys.readouterr().out.splitlines()[:2] == ["name: microwakeword", "state: active"]
    assert main(["plugins", "info", "microwakewrd", "--config", str(config)]) == 2
    assert capsys.readouterr().err == ("auricle: there is no plugin microwakewrd; did you mean microwakeword?\n")


def test_engines_are_listed(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A daemon that runs on this machine has nothing to do with it.
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    monkeypatch.setattr("auricle.cli.engines._SYSTEM_RUNTIME_DIR", tmp_path)
    config.write_text(
        '[stt]\nfallback = ["box"]\n[engines.box]\nuri = "tcp://box:10300"\n'
        '[engines.piper]\nuri = "unix:///run/piper"\n[engines.faster_whisper]\npython = "/no/python"\n'
    )
    assert main(["engines", "list", "--json", "--config", str(config)]) == 0
    engines = {engine["name"]: engine for engine in json.loads(capsys.readouterr().out)}
    assert engines["box"]["state"] == "remote"
    assert engines["box"]["used_for"] == ["stt fallback"]
    assert (engines["piper"]["state"], engines["piper"]["detail"]) == ("remote", "unix:///run/piper")
    assert engines["faster_whisper"]["state"] == "not installed"
    assert "/no/python is no program that can be run" in engines["faster_whisper"]["detail"]
    assert engines["microwakeword"]["state"] == "ready"
    assert engines["microwakeword"]["used_for"] == ["wake"]
    assert engines["microwakeword"]["interpreter"] == sys.executable
    assert main(["engines", "list", "--config", str(config)]) == 0
    assert capsys.readouterr().out.startswith("NAME ")


async def test_what_a_running_engine_does_is_listed(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A worker under the name of a known engine, in the folder that a daemon would keep its sockets in."""
    tmp_path.chmod(0o700)
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    folder = tmp_path / f"engines-{os.getpid()}-x"
    folder.mkdir()
    parts = EngineParts(folder)
    worker = parts.worker("tts", name="piper", device="cpu")
    try:
        await worker.start()
        listing = ["engines", "list", "--config", str(config)]
        assert await asyncio.to_thread(main, [*listing, "--json"]) == 0
        engines = {engine["name"]: engine for engine in json.loads(capsys.readouterr().out)}
        piper = engines["piper"]
        assert (piper["state"], piper["pid"], piper["device"]) == ("running", worker.figures().pid, "cpu")
        assert (piper["restarts"], piper["requests"], piper["rtf"]) == (0, 0, None)
        assert piper["rss_mb"] > 5
        assert (engines["chatterbox"]["pid"], engines["chatterbox"]["rtf"]) == (None, None)
        assert await asyncio.to_thread(main, listing) == 0
        assert "RSS MB" in capsys.readouterr().out.splitlines()[0]
    finally:
        await parts.close()


def test_engine_names_and_uris_are_checked_before_loading(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["engines", "serve", "pipper", "--uri", "tcp://127.0.0.1:0", "--config", str(config)]) == 2
    assert "there is no engine for STT or TTS pipper; did you mean piper?" in capsys.readouterr().err
    assert main(["engines", "serve", "microwakeword", "--uri", "tcp://127.0.0.1:0", "--config", str(config)]) == 2
    assert "there is no engine for STT or TTS microwakeword" in capsys.readouterr().err


@pytest.mark.models
def test_an_engine_is_served_until_it_is_told_to_stop(config: Path) -> None:
    command = [sys.executable, "-m", "auricle", "engines", "serve", "piper", "--uri", "tcp://127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as serving:
        try:
            assert serving.stdout is not None
            uri = serving.stdout.readline().strip()
            host, _, port = uri.removeprefix("tcp://").partition(":")
            with socket.create_connection((host, int(port)), timeout=10) as connection:
                connection.sendall(b'{"type": "describe"}\n')
                with connection.makefile("rb") as answer:
                    header = json.loads(answer.readline())
            assert header["type"] == "info"
            serving.send_signal(signal.SIGTERM)
            assert serving.wait(timeout=20) == 0
            assert serving.stderr is not None
            assert "Traceback" not in serving.stderr.read()
        finally:
            serving.kill()


def test_help_comes_at_once() -> None:
    """The bound is loose for a busy machine; the aim is 150 ms."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "auricle", "--help"], stdout=subprocess.DEVNULL, check=True, timeout=30)
    assert time.monotonic() - began < 5
