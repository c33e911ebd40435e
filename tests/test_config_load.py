"""The configuration is found, overridden, judged whole, and told apart from defaults."""

import os
from pathlib import Path
from typing import Annotated

import msgspec
import pytest
from msgspec import Meta

from auricle.api import PluginConfig
from auricle.config import LoadedConfig, check_options, load_config
from auricle.model.errors import ConfigError
from auricle.settings import Config, Plugins, WakeWord


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment in which no configuration of this machine's is found."""
    return {"HOME": str(tmp_path / "home")}


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "config.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def problems(path: Path | None, environ: dict[str, str], **types: object) -> list[str]:
    """Every problem, the file's name left out."""
    with pytest.raises(ConfigError) as caught:
        load_config(path, environ, **types)  # type: ignore[arg-type]
    assert caught.value.code == "config"
    assert all(problem in str(caught.value) for problem in caught.value.problems)
    return [problem.removeprefix(f"{path}:") for problem in caught.value.problems]


class Lamp(PluginConfig, frozen=True, kw_only=True):
    """Keys of a plugin."""

    topic: Annotated[str, Meta(description="Where it listens.")]
    fade_s: Annotated[float, Meta(ge=0, le=9, extra={"unit": "s"})] = 1.0
    code: str = "0"
    token: Annotated[str | None, Meta(extra={"secret": True})] = None
    token_file: str | None = None


class Parrot(PluginConfig, frozen=True, kw_only=True):
    """Keys of an engine."""

    pace: Annotated[int, Meta(ge=1)] = 3


PLUGINS = {"lamp": Lamp}
ENGINES = {"parrot": Parrot, "faster_whisper": PluginConfig, "piper": PluginConfig, "microwakeword": PluginConfig}


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


# --- every fault at once


def test_every_wrong_key_is_named_at_once(tmp_path: Path, home: dict[str, str]) -> None:
    text = """\
[site]
id = "Küche"

[audio.input]
devise = "USB"
volume = 30
pace = "fasst"

[audio.output]
volume = 130

[[wake.words]]
model = "hey_jarvis"
threshold = 2
[[wake.words]]
modle = "alexa"

[sst]
engine = 3

[listen]
silence_s = "0.7"
patience_s = inf

[mqtt]
tls = { ca = 3, keys = "x" }

[plugins]
disbled = ["clock"]

[log]
level = "verbose"
"""
    assert problems(written(tmp_path, text), home) == [
        '2: site.id is "Küche"; it must be 1 to 64 of a-z, 0-9, _ and -',
        "5: audio.input.devise is not a key; did you mean audio.input.device?",
        "6: audio.input.volume is not a key; did you mean audio.output.volume?",
        '7: audio.input.pace is "fasst"; it must be "real" or "fast"; did you mean "fast"?',
        "10: audio.output.volume is 130; it must be a whole number from 0 to 100 %",
        "14: wake.words[0].threshold is 2; it must be a number above 0 and below 1",
        "15: wake.words[1].model is missing; it must be text that is not empty",
        "16: wake.words[1].modle is not a key; did you mean wake.words[1].model?",
        "18: sst is not a section; did you mean stt?",
        '22: listen.silence_s is "0.7"; it must be a number from 0.1 to 5 s',
        "23: listen.patience_s is inf; it must be a number from 0.5 to 30 s",
        "26: mqtt.tls.ca is 3; it must be text",
        "26: mqtt.tls.keys is not a key; did you mean mqtt.tls.key?",
        "29: plugins.disbled is not a key; did you mean plugins.disabled?",
        '32: log.level is "verbose"; it must be "debug", "info", "warning" or "error"',
    ]


def test_message_counts_the_problems(tmp_path: Path, home: dict[str, str]) -> None:
    path = written(tmp_path, "listen.max_s = 90\nlisten.chime = 1\n")
    with pytest.raises(ConfigError) as caught:
        load_config(path, home)
    assert str(caught.value) == (
        f"the configuration {path} has 2 problems:\n"
        f"  {path}:1: listen.max_s is 90; it must be a number from 1 to 28 s\n"
        f"  {path}:2: listen.chime is 1; it must be true or false"
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("audio = 3", "1: audio is 3; it must be a table"),
        ("[mqtt]\npassword = 12345678", "2: mqtt.password is a number; it must be text"),
        ("[site]\nname = 2020-01-02", "2: site.name is 2020-01-02; it must be text of at most 128 characters"),
        ("[stt]\nlanguage = 3", "2: stt.language is 3; it must be text or a list of texts"),
        ("[stt]\nfallback = [\n 'a',\n 4]", "4: stt.fallback[1] is 4; it must be text"),
        ("[stt]\nuri = 'http://x'", '2: stt.uri is "http://x"; it must be tcp://HOST:PORT or unix:///PATH'),
        ("[mqtt]\nport = 0", "2: mqtt.port is 0; it must be a whole number from 1 to 65535"),
        ("[mqtt]\nport = 1883.0", "2: mqtt.port is 1883.0; it must be a whole number from 1 to 65535"),
        (
            "[mqtt]\ntopic_prefix = '/a'",
            '2: mqtt.topic_prefix is "/a"; it must be a topic without +, # and a leading /',
        ),
        ("device = 'x'", "1: device is not a key; did you mean audio.input.device or audio.output.device?"),
        ("plugin_options.x.y = 1", "1: plugin_options is not a section; did you mean plugins?"),
        ("plugins.clock = 3", "1: plugins.clock is not a key"),
        ("site.id = 'a\\n'", "1: site.id"),
    ],
)
def test_one_wrong_key(tmp_path: Path, home: dict[str, str], text: str, problem: str) -> None:
    if text.startswith("site.id"):
        text = 'site.id = "a\\n"'
    [found] = problems(written(tmp_path, text), home)
    assert found.startswith(problem)


def test_secrets_are_not_repeated_in_messages(tmp_path: Path, home: dict[str, str]) -> None:
    [found] = problems(written(tmp_path, "[mqtt]\npassword = ['hunter2']"), home)
    assert found == "2: mqtt.password is a list; it must be text"


# --- what no key has alone


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "[[wake.words]]\nmodel='a'\n[[wake.words]]\nmodel='a'",
            '3: wake.words[1]: "a" is listed before, as wake.words[0]',
        ),
        ("wake.words = [{model = '/no/such.tflite'}]", "1: wake.words[0].model: there is no file /no/such.tflite"),
        ("site.language = 'xx'", '1: site.language is "xx"; it must be an ISO 639-1 code such as en, de or pt-BR'),
        ("stt.language = 'english'", '1: stt.language is "english"; it must be an ISO 639-1 code'),
        ("stt.language = ['en', 'auto']", '1: stt.language: "auto" stands alone'),
        ("stt.language = ['en', 'en']", '1: stt.language: "en" is listed twice'),
        ("stt.language = []", "1: stt.language is an empty list"),
        ("mqtt.tls.ca = '/no/ca.pem'", "1: mqtt.tls.ca: there is no file /no/ca.pem"),
        ("mqtt.tls.cert = '/dev/null/x'", "1: mqtt.tls.cert: there is no file /dev/null/x"),
        ("tts.fallback = ['piper']", '1: tts.fallback: "piper" would take over from itself'),
    ],
)
def test_cross_checks(tmp_path: Path, home: dict[str, str], text: str, problem: str) -> None:
    assert problems(written(tmp_path, text), home)[0].startswith(problem)


def test_languages_that_there_are_pass(tmp_path: Path, home: dict[str, str]) -> None:
    config = load_config(written(tmp_path, "site.language = 'pt-BR'\nstt.language = ['de', 'yue', 'en']"), home).config
    assert config.site.language == "pt-BR"
    assert config.stt.language == ("de", "yue", "en")


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
        "AURICLE__FOO__BAR: foo is not a section; known: site, audio, wake, listen, stt, tts, intents, mqtt, plugins, "
        "log, engines",
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


# --- plugins and engines


def test_plugin_tables_are_split_from_plugin_keys(tmp_path: Path, home: dict[str, str]) -> None:
    text = "[plugins]\ndisabled = ['a']\norder = ['b']\n[plugins.lamp]\ntopic = 'x'\n[plugins.none]\n[engines.parrot]\n"
    config = load_config(written(tmp_path, text), home).config
    assert config.plugins == Plugins(disabled=("a",), order=("b",))
    assert config.plugin_options == {"lamp": {"topic": "x"}}
    assert config.engines == {}


def test_option_faults_are_found_with_the_rest(tmp_path: Path, home: dict[str, str]) -> None:
    text = """\
[listen]
max_s = 90
[plugins.lamp]
fade = 3
fade_s = 10
[plugins.lmap]
[engines.parrot]
pace = 0
thread = 2
memory_mb = -1
[engines.piper]
start_timeout_s = 0
[engines.pipre]
[engines.microwakeword]
threads = 2
[engines.box]
uri = "tcp://box:10300"
[tts]
engine = "pipper"
fallback = ["box"]
"""
    path = written(tmp_path, text)
    found = problems(path, home, plugin_types=PLUGINS, engine_types=ENGINES, in_daemon={"microwakeword"})
    assert found == [
        "2: listen.max_s is 90; it must be a number from 1 to 28 s",
        "3: plugins.lamp.topic is missing; it must be text",
        "4: plugins.lamp.fade is not a key; did you mean plugins.lamp.fade_s?",
        "5: plugins.lamp.fade_s is 10; it must be a number from 0 to 9 s",
        "6: plugins.lmap names no plugin that is installed; did you mean plugins.lamp?",
        "8: engines.parrot.pace is 0; it must be a whole number 1 or more",
        "9: engines.parrot.thread is not a key; did you mean engines.parrot.threads?",
        "10: engines.parrot.memory_mb is -1; it must be a whole number 0 or more MiB",
        "12: engines.piper.start_timeout_s is 0; it must be a number above 0 and at most 3600 s",
        "13: engines.pipre names no engine that is installed; did you mean engines.piper?",
        "15: engines.microwakeword.threads is not a key; this table takes no keys",
        '19: tts.engine: no engine is called "pipper"; did you mean piper?',
    ]


def options(loaded: LoadedConfig | Config) -> tuple[str, ...]:
    return check_options(loaded, PLUGINS, ENGINES)


def test_options_are_checked_without_a_file() -> None:
    assert options(Config()) == ()
    config = Config(plugin_options={"lamp": {"topic": "x", "fade_s": -1}}, engines={"parot": {"pace": 3}})
    assert options(config) == (
        "plugins.lamp.fade_s is -1; it must be a number from 0 to 9 s",
        "engines.parot names no engine that is installed; did you mean engines.parrot?",
    )


def test_loaded_options_are_checked_with_their_lines(tmp_path: Path, home: dict[str, str]) -> None:
    path = written(tmp_path, "[plugins.lamp]\ntopic = 'x'\ncode = 4\n")
    assert options(load_config(path, home)) == (f"{path}:3: plugins.lamp.code is 4; it must be text",)


def test_tables_of_plugins_that_did_not_load_pass(tmp_path: Path, home: dict[str, str]) -> None:
    path = written(tmp_path, "[plugins]\ndisabled = ['gone']\n[plugins.gone]\nx = 1\n[plugins.clock]\nx = 1\n")
    loaded = load_config(path, home)
    assert options(loaded.config) == ()
    assert options(loaded) == ()


def test_an_engine_with_an_address_needs_no_plugin(tmp_path: Path, home: dict[str, str]) -> None:
    environ = home | {"AURICLE__ENGINES__BOX__URI": "tcp://box:1", "AURICLE__STT__ENGINE": "box"}
    config = load_config(written(tmp_path, ""), environ, plugin_types=PLUGINS, engine_types=ENGINES).config
    assert (config.stt.engine, config.engines) == ("box", {"box": {"uri": "tcp://box:1"}})


def test_types_tell_what_a_variable_means(tmp_path: Path, home: dict[str, str]) -> None:
    (tmp_path / "token").write_text("t0\n")
    environ = home | {
        "AURICLE__PLUGINS__LAMP__CODE": "0815",
        "AURICLE__PLUGINS__LAMP__TOPIC": "7",
        "AURICLE__PLUGINS__LAMP__FADE_S": "7",
        "AURICLE__PLUGINS__LAMP__TOKEN_FILE": f"{tmp_path}/token",
    }
    loaded = load_config(written(tmp_path, ""), environ).with_types(PLUGINS, ENGINES)
    lamp = msgspec.convert(loaded.config.plugin_options["lamp"], Lamp, strict=True)
    assert (lamp.code, lamp.topic, lamp.fade_s, lamp.token) == ("0815", "7", 7.0, "t0")
