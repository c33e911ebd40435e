"""What every plugin must do, as a test class: subclass it, give it a fixture `plugin`, its class, and run pytest.

class TestMyPlugin(PluginContract):
    @pytest.fixture
    def plugin(self): return MyPlugin
"""

from pathlib import Path

import pytest

from auricle.api import Intent, PluginContext, SpeechChanged, StopAsked, TimerChanged, WakeHeard
from auricle.host import checks
from auricle.model.speech import SpeechStatus
from auricle.pipeline.sentences import Grammar
from auricle.testing.harness import Harness

EVENTS = (
    StopAsked(),
    WakeHeard(turn="t", wake_word="hey_jarvis", score=0.9, sample=1),
    SpeechChanged(id="s", status=SpeechStatus.FINISHED, text="hello"),
    TimerChanged(id="t", name="", status="finished", remaining_s=0.0),
)


class PluginContract:
    """For a plugin. Fixture: `plugin`, its class. `options`: keys of its configuration."""

    @pytest.fixture
    def options(self) -> dict[str, object]:
        return {}

    def test_it_loads_starts_and_ends_without_a_fault(
        self, plugin: type, options: dict[str, object], tmp_path: Path
    ) -> None:
        with Harness(plugin, config=options, data_dir=tmp_path, near_miss=1.0) as house:
            assert house.status().state == "active", house.status().detail
        assert house.faults == []

    def test_every_key_has_a_description(self, plugin: type) -> None:
        from auricle.config.schema import Key, table

        for name, key in table(checks.config_type(plugin)).entries.items():
            assert not isinstance(key, Key) or key.description, name

    def test_every_sentence_is_sound(self, plugin: type, options: dict[str, object], tmp_path: Path) -> None:
        config = checks.config(plugin.__name__, checks.config_type(plugin), options)
        made = plugin(PluginContext(name="plugin", data_dir=tmp_path), config)
        faults: list[str] = []
        for language, sentences in (made.auricle_sentences() if hasattr(made, "auricle_sentences") else {}).items():
            Grammar(language, {"plugin": sentences}, lambda plugin, text: faults.append(text))
        assert faults == []

    def test_events_of_every_kind_do_it_no_harm(self, plugin: type, options: dict[str, object], tmp_path: Path) -> None:
        with Harness(plugin, config=options, data_dir=tmp_path, near_miss=1.0) as house:
            for event in EVENTS:
                house.tell(event)
        assert house.faults == []

    def test_intents_of_others_are_left_to_them(self, plugin: type, options: dict[str, object], tmp_path: Path) -> None:
        with Harness(plugin, config=options, data_dir=tmp_path, near_miss=1.0) as house:
            assert house.handle(Intent("no_such_intent", plugin="somebody_else")) is None
        assert house.faults == []
