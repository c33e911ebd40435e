"""Engines inside the daemon are made from their specs, and what is wrong is told in one sentence."""

from dataclasses import replace

import pytest

from auricle.api import EngineSpec, EngineUnavailable, WakeWordChoice
from auricle.engines.inprocess import make_vad, make_wake
from auricle.model.errors import ConfigError
from auricle_microwakeword import MicroWakeWordConfig
from auricle_microwakeword.engine import Engine as MicroEngine
from auricle_silero_vad.engine import Engine as Vad

MICRO = EngineSpec("micro", "wake", "auricle_microwakeword.engine:Engine", MicroWakeWordConfig)
SILERO = EngineSpec("silero", "vad", "auricle_silero_vad.engine:Engine")
SPECS = {spec.name: spec for spec in (MICRO, SILERO)}
WORDS = (WakeWordChoice("alexa", 0.5),)


def test_wake_engine_gets_its_words_and_its_keys() -> None:
    engine = make_wake(SPECS, "micro", WORDS, {"micro": {"delay_s": 0.25}})
    assert isinstance(engine, MicroEngine)
    assert (engine.words, engine.config) == (WORDS, MicroWakeWordConfig(delay_s=0.25))


def test_vad_is_made_without_keys() -> None:
    assert isinstance(make_vad(SPECS, "silero", {}), Vad)


@pytest.mark.parametrize("options", [{"delay_s": "long"}, {"delay_s": 5}, {"dealy_s": 0.1}])
def test_wrong_key_is_named_with_its_table(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"\[engines\.micro\].*(delay_s|dealy_s)") as error:
        make_wake(SPECS, "micro", WORDS, {"micro": options})
    assert len(error.value.problems) == 1


def test_unknown_engine_is_told_with_those_that_there_are() -> None:
    with pytest.raises(EngineUnavailable, match=r"no wake engine 'mcro'.*micro"):
        make_wake(SPECS, "mcro", WORDS, {})
    with pytest.raises(EngineUnavailable, match="no wake engine 'silero'"):
        make_wake(SPECS, "silero", WORDS, {})
    with pytest.raises(EngineUnavailable, match="installed: none"):
        make_vad({}, "silero", {})


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (replace(MICRO, requires=("no_such_module",), extra="wakes"), r"no_such_module.*auricle\[wakes\]"),
        (replace(MICRO, requires=("no_such_module",)), "pip install 'no_such_module'"),
        (replace(MICRO, target="no_such_module:Engine"), "no_such_module"),
        (replace(MICRO, target="auricle_microwakeword.engine:Nothing"), "Nothing"),
        (replace(MICRO, target="auricle_microwakeword.engine:Sequence"), "is no WakeEngine"),
        (replace(MICRO, target="builtins:divmod"), "is no WakeEngine"),
        (replace(MICRO, target="builtins:complex"), "is no WakeEngine"),
    ],
)
def test_engine_that_cannot_be_made_is_told(spec: EngineSpec, told: str) -> None:
    with pytest.raises(EngineUnavailable, match=told):
        make_wake({"micro": spec}, "micro", WORDS, {})
