"""The configuration is judged whole, with the keys of plugins and engines: every fault is told with its place."""

from pathlib import Path
from typing import Annotated

import msgspec
import pytest
from msgspec import Meta

from auricle.api import PluginConfig
from auricle.config import LoadedConfig, check_options, load_config
from auricle.model.errors import ConfigError
from auricle.settings import Config, Plugins
from support.config_files import (
    home_fixture,  # noqa: F401 -- a fixture
    problems,
    written,
)


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
