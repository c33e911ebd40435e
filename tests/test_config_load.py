"""The configuration is found, overridden, given its secrets, and told apart from defaults."""

import os
from pathlib import Path

import pytest

from auricle.config import load_config
from auricle.model.errors import ConfigError
from auricle.settings import Config, WakeWord
from support.config_files import (
    home_fixture,  # noqa: F401 -- a fixture
    problems,
    written,
)

# --- found


def test_defaults_run_without_a_file(home: dict[str, str]) -> None:
    if Path("/etc/auricle/config.toml").exists():
        home["AURICLE_CONFIG"] = os.devnull
    loaded = load_config(None, home)
    assert loaded.config == Config()
    assert loaded.sources == {}


def test_first_file_found_counts(tmp_path: Path, home: dict[str, str]) -> None:
    usual = tmp_path / "home/.config/auricle/config.toml"
    usual.parent.mkdir(parents=True)
    usual.write_text('site.name = "usual"')
    assert load_config(None, home).config.site.name == "usual"
    assert load_config(None, home).path == usual
    named = tmp_path / "named.toml"
    named.write_text('site.name = "named"')
    home["AURICLE_CONFIG"] = str(named)
    assert load_config(None, home).config.site.name == "named"
    given = written(tmp_path, 'site.name = "given"')
    assert load_config(given, home).config.site.name == "given"


def test_a_named_file_must_be_there(tmp_path: Path, home: dict[str, str]) -> None:
    missing = tmp_path / "missing.toml"
    with pytest.raises(ConfigError, match=f"{missing}: there is no such file"):
        load_config(missing, home)
    with pytest.raises(ConfigError, match=r"there is no such file \(\$AURICLE_CONFIG names it\)"):
        load_config(None, home | {"AURICLE_CONFIG": str(missing)})


def test_a_folder_is_no_configuration(tmp_path: Path, home: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=f"{tmp_path}: cannot be read: Is a directory"):
        load_config(tmp_path, home)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[site]\nid = \n", "2:6: Invalid value (line 2, column 6)"),
        ('[site]\nid = "a"\nid = "b"\n', "3:9: Cannot overwrite a value (line 3, column 9)"),
        (b'[site]\n\nname = "\xff"\n', "3: is not UTF-8 text"),
        ("a = " + "[" * 5000, " nested too deep"),
        ("a = " + "1" * 5000, " Exceeds the limit (4300 digits) for integer string conversion"),
        ("[site", "1: Expected ']' at the end of a table declaration, at the end of the file"),
    ],
)
def test_broken_toml_is_placed(tmp_path: Path, home: dict[str, str], text: str | bytes, problem: str) -> None:
    [found] = problems(written(tmp_path, text), home)
    assert found.startswith(problem)


def test_a_huge_file_is_refused(tmp_path: Path, home: dict[str, str]) -> None:
    assert problems(written(tmp_path, "#" * 1_100_000), home) == [" larger than 1 MiB; is it the right file?"]


# --- the environment


def test_environment_overrides_the_file(tmp_path: Path, home: dict[str, str]) -> None:
    path = written(tmp_path, "[audio.output]\nvolume = 10\n[site]\nname = 'file'\n")
    loaded = load_config(
        path,
        home
        | {
            "AURICLE__AUDIO__OUTPUT__VOLUME": "60",
            "AURICLE__AUDIO__INPUT__DEVICE": "2",
            "AURICLE__SITE__ID": "2",
            "AURICLE__MQTT__HOST": "broker.lan",
            "AURICLE__MQTT__PASSWORD": "1e5",
            "AURICLE__TTS__VOICE": '"joe"',
            "AURICLE__LISTEN__CHIME": "false",
            "AURICLE__WAKE__WORDS": '[{model = "alexa"}]',
            "AURICLE__PLUGINS__COMMANDS__X": "[1, 2]",
        },
    )
    config = loaded.config
    assert config.audio.output.volume == 60
    assert config.audio.input.device == 2
    assert config.site.id == "2"
    assert config.site.name == "file"
    assert config.mqtt.host == "broker.lan"
    assert config.mqtt.password == "1e5"
    assert config.tts.voice == "joe"
    assert config.listen.chime is False
    assert config.wake.words == (WakeWord(model="alexa"),)
    assert config.plugin_options == {"commands": {"x": [1, 2]}}
    assert loaded.sources["audio.output.volume"] == "AURICLE__AUDIO__OUTPUT__VOLUME"
    assert loaded.sources["site.name"] == f"{path}:4"
    assert "listen.max_s" not in loaded.sources


def test_wrong_variables_are_named(tmp_path: Path, home: dict[str, str]) -> None:
    path = written(tmp_path, "[listen]\nmax_s = 5\n")
    found = problems(
        path,
        home
        | {
            "AURICLE__LISTEN__MAX_S": "99",
            "AURICLE__AUDIO__INPUT__DEVISE": "x",
            "AURICLE__FOO__BAR": "1",
            "AURICLE__SITE__NAME__X": "1",
            "AURICLE____X": "1",
            "AURICLE__LOG": "debug",
        },
    )
    assert sorted(found) == [
        "AURICLE__AUDIO__INPUT__DEVISE: audio.input.devise is not a key; did you mean audio.input.device?",
        "AURICLE__FOO__BAR: foo is not a section; known: site, audio, wake, listen, stt, tts, intents, mqtt, dbus, "
        "wyoming, http, metrics, …",
        "AURICLE__LISTEN__MAX_S: listen.max_s is 99; it must be a number from 1 to 28 s",
        'AURICLE__LOG: log is "debug"; it must be a table',
        "AURICLE__SITE__NAME__X: site.name is { x = 1 }; it must be text of at most 128 characters",
        "AURICLE____X: not of the form AURICLE__SECTION__KEY",
    ]


def test_a_variable_below_a_value_of_the_file_is_told(tmp_path: Path, home: dict[str, str]) -> None:
    path = written(tmp_path, "site.name = 'x'")
    assert problems(path, home | {"AURICLE__SITE__NAME__X": "1"}) == [
        "AURICLE__SITE__NAME__X: site.name is no table, so nothing below it can be set"
    ]


# --- secrets


def test_password_comes_from_its_file(tmp_path: Path, home: dict[str, str]) -> None:
    (tmp_path / "secret").write_text("pä ss\n")
    path = written(tmp_path, "mqtt.password_file = './secret'")
    loaded = load_config(path, home)
    assert loaded.config.mqtt.password == "pä ss"
    assert loaded.sources["mqtt.password"] == f"{path}:1"


def test_bare_name_is_a_credential_of_systemd(tmp_path: Path, home: dict[str, str]) -> None:
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials/mqtt").write_text("pw")
    path = written(tmp_path, "mqtt.password_file = 'mqtt'")
    environ = home | {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}
    assert load_config(path, environ).config.mqtt.password == "pw"
    [found] = problems(path, home)
    assert found.startswith("1: mqtt.password_file: mqtt is a bare name and $CREDENTIALS_DIRECTORY is not set")


def test_unreadable_secrets_name_key_and_file(tmp_path: Path, home: dict[str, str]) -> None:
    missing = tmp_path / "missing"
    path = written(tmp_path, f"mqtt.password_file = '{missing}'")
    assert problems(path, home) == [f"1: mqtt.password_file: {missing} cannot be read: No such file or directory"]
    missing.write_bytes(b"\n")
    assert problems(path, home) == [f"1: mqtt.password_file: {missing} is empty"]
    missing.write_bytes(b"\xff\xfe")
    assert problems(path, home) == [f"1: mqtt.password_file: {missing} is not UTF-8 text"]
    missing.write_bytes(b"a" * 70_000)
    assert problems(path, home) == [f"1: mqtt.password_file: {missing} is larger than 64 KiB: is it the right file?"]


def test_password_and_its_file_exclude_each_other(tmp_path: Path, home: dict[str, str]) -> None:
    path = written(tmp_path, "[mqtt]\npassword_file = '/dev/null'\npassword = 'x'")
    assert problems(path, home) == ["3: mqtt.password and password_file are both set; keep one of them"]
