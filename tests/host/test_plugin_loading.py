"""What a host makes of the plugins that are installed: those it cannot load say why, and the others work."""

import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from auricle.api import EngineSpec, Intent, PluginConfig, PluginContext, PluginError, Sentences, hookimpl
from auricle.host import PluginHost, PluginState
from support.plugin_host import (
    Answers,
    Faults,
    Plain,
    faults_fixture,  # noqa: F401 -- a fixture
    handled,
    make_fixture,  # noqa: F401 -- a fixture
    make_host,
    status,
)


def test_installed_plugins_are_found_by_entry_point(faults: Faults) -> None:
    host = make_host(faults)
    host.load()
    assert status(host, "clock").state is PluginState.ACTIVE
    assert status(host, "clock").distribution == "auricle"
    assert status(host, "clock").hooks == ("auricle_sentences", "auricle_handle")
    assert set(host.sentences("en")) >= {"clock"}


def test_disabled_plugin_is_not_imported(faults: Faults) -> None:
    host = make_host(faults, disabled=["clock"])
    host.load()
    assert status(host, "clock").state is PluginState.DISABLED
    assert "clock" not in host.sentences("en")


def test_settings_that_name_no_plugin_are_told_with_the_nearest(faults: Faults) -> None:
    host = make_host(faults, disabled=["clok"], order=["comands"])
    host.load()
    assert ("clok", "[plugins] disabled names clok, which is not installed; did you mean clock?") in faults
    assert ("comands", "[plugins] order names comands, which is not installed; did you mean commands?") in faults


def test_broken_entry_point_fails_alone(faults: Faults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_plugins.py").write_text("import a_module_that_is_nowhere\n")
    (tmp_path / "leaving_plugin.py").write_text("raise SystemExit(3)\n")
    (tmp_path / "not_a_class.py").write_text("plugin = 5\n")
    found = tmp_path / "broken_plugins-1.2.dist-info"
    found.mkdir()
    (found / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-plugins\nVersion: 1.2\n")
    (found / "entry_points.txt").write_text(
        "[auricle.plugins]\na_broken = broken_plugins:X\na_leaving = leaving_plugin:X\na_number = not_a_class:plugin\n"
        "clock = broken_plugins:X\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    host = make_host(faults)
    host.load()
    broken = status(host, "a_broken")
    assert (broken.state, broken.version, broken.distribution) == (PluginState.FAILED, "1.2", "broken-plugins")
    assert broken.detail == "importing it raised ModuleNotFoundError: No module named 'a_module_that_is_nowhere'"
    assert "tried to end the daemon (SystemExit: 3)" in status(host, "a_leaving").detail
    assert "names a int, not a class" in status(host, "a_number").detail
    assert [status.name for status in host.statuses()].count("clock") == 1
    assert any(name == "clock" and "brings it too" in text for name, text in faults)
    assert status(host, "commands").state is PluginState.ACTIVE


class WrongConfig(Plain):
    Config = dict


class Strict(Plain):
    class Config(PluginConfig):
        volume: int = 5


class Refuses(Plain):
    def __init__(self, context: PluginContext, config: PluginConfig) -> None:
        raise PluginError("put your key into [plugins.p] key")


class Leaves(Plain):
    def __init__(self, context: PluginContext, config: PluginConfig) -> None:
        sys.exit("no licence")


class UnknownHook(Plain):
    @hookimpl
    def auricle_handel(self, intent: Intent) -> None: ...


class UnmarkedHook(Plain):
    def auricle_handle(self, intent: Intent) -> None: ...


class UnknownArgument(Plain):
    @hookimpl
    def auricle_handle(self, intent: Intent, room: str) -> None: ...


class Wrapper(Plain):
    @hookimpl(hookwrapper=True)
    def auricle_handle(self, intent: Intent):  # type: ignore[no-untyped-def]
        yield


class AsyncSentences(Plain):
    @hookimpl
    async def auricle_sentences(self) -> Mapping[str, Sentences]:
        return {}


class NoEngines(Plain):
    @hookimpl
    def auricle_engines(self) -> None: ...


class WrongSentences(Plain):
    @hookimpl
    def auricle_sentences(self) -> object:
        return {"en": ["what time is it"]}


class RaisingSentences(Plain):
    @hookimpl
    def auricle_sentences(self) -> object:
        raise KeyError("en")


@pytest.mark.parametrize(
    ("plugin", "options", "detail"),
    [
        (WrongConfig, {}, "WrongConfig.Config is no subclass of auricle.api.PluginConfig"),
        (Strict, {"volume": "5"}, "[plugins.p] volume: Expected `int`, got `str`"),
        (Strict, {"volumen": 5}, "did you mean volume?"),
        (Plain, {"volume": 5}, "[plugins.p]: Object contains unknown field `volume`"),
        (Refuses, {}, "put your key into [plugins.p] key"),
        (Leaves, {}, "tried to end the daemon (SystemExit: no licence)"),
        (UnknownHook, {}, "there is no hook auricle_handel; did you mean auricle_handle?"),
        (UnmarkedHook, {}, "auricle_handle lacks @hookimpl"),
        (UnknownArgument, {}, "auricle_handle asks for room; it can take intent, turn"),
        (Wrapper, {}, "auricle_handle is a hook wrapper"),
        (AsyncSentences, {}, "auricle_sentences cannot be async"),
        (NoEngines, {}, "auricle_engines answered with None, not a list of EngineSpec"),
        (WrongSentences, {}, "auricle_sentences answered with a dict, not a dict of language to Sentences"),
        (RaisingSentences, {}, "auricle_sentences raised KeyError: 'en'"),
    ],
)
async def test_plugin_that_cannot_be_loaded_says_why(
    make: Callable[..., PluginHost], faults: Faults, plugin: type, options: dict[str, object], detail: str
) -> None:
    host = make({"p": plugin, "q": Answers}, options={"p": options})
    assert status(host, "p").state is PluginState.FAILED
    assert detail in status(host, "p").detail
    assert faults[0][0] == "p"
    assert await handled(host) == "q: q says light"


async def test_plugin_that_hangs_while_it_is_made_fails(make: Callable[..., PluginHost]) -> None:
    let_go = threading.Event()

    class Hangs(Plain):
        def __init__(self, context: PluginContext, config: PluginConfig) -> None:
            let_go.wait(20)

    host = make({"p": Hangs, "q": Answers}, load_timeout_s=0.2)
    try:
        assert status(host, "p").state is PluginState.FAILED
        assert await handled(host) == "q: q says light"
    finally:
        let_go.set()


async def test_engines_of_all_plugins_are_gathered(make: Callable[..., PluginHost], faults: Faults) -> None:
    def bringing(target: str) -> type:
        class Brings(Plain):
            @hookimpl
            def auricle_engines(self) -> Sequence[EngineSpec]:
                return [EngineSpec("ear", "stt", target)]

        return Brings

    host = make({"b": bringing("b:Ear"), "a": bringing("a:Ear")})
    assert host.engines()["ear"].target == "a:Ear"
    assert ("a", "another plugin brings an engine ear too; the first in order is used") in faults


async def test_sentences_of_a_region_are_those_of_its_language(make: Callable[..., PluginHost]) -> None:
    class Speaks(Plain):
        @hookimpl
        def auricle_sentences(self) -> Mapping[str, Sentences]:
            return {"de": Sentences({"x": ("ja",)}), "de-AT": Sentences({"x": ("jo",)})}

    host = make({"p": Speaks})
    assert host.sentences("de-AT")["p"].intents["x"] == ("jo",)
    assert host.sentences("de-CH")["p"].intents["x"] == ("ja",)
    assert host.sentences("en") == {}
