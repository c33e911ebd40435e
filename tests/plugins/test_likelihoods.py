"""How likely a text is, given the sound of the last utterance: both Whispers with the same real weights."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from auricle.api import BadRequest, SttEngine
from auricle.testing.contracts import frames_of
from auricle_faster_whisper import FasterWhisperConfig
from auricle_faster_whisper.engine import FasterWhisperEngine, model_folder
from support.recordings import load_samples
from support.voice import Samples

pytestmark = [pytest.mark.models, pytest.mark.data]

ORDER = "3c7149d4-2c90-4933-a564-584d77d7a63f.flac"
SAID = "Get me a small dark roast americano with some soy milk."
OTHERS = (
    "Get me a small dark roast americano with some sugar.",
    "Get me a small dark roast americano with some cream.",
    "Get me a small light roast americano with some soy milk.",
    "Get me a medium dark roast americano with some soy milk.",
    "Get me a small dark roast americano.",
)


@pytest.fixture(scope="module")
def quick() -> Iterator[SttEngine]:
    engine = FasterWhisperEngine(FasterWhisperConfig(compute_type="float32"))
    engine.load()
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def whole(request: pytest.FixtureRequest) -> Iterator[SttEngine]:
    pytest.importorskip("torch", reason="torch is installed for Python 3.11 alone")
    from auricle_whisper import WhisperConfig
    from auricle_whisper.engine import TransformersWhisper

    checkpoint = request.getfixturevalue("whisper_checkpoint")
    engine = TransformersWhisper(WhisperConfig(model=str(checkpoint), device="cpu", int8=False))
    engine.load()
    yield engine
    engine.close()


@pytest.fixture(params=["quick", "whole"])
def engine(request: pytest.FixtureRequest) -> SttEngine:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, SttEngine)
    return found


@pytest.fixture(scope="module")
def order(recordings: Path) -> Samples:
    return load_samples(recordings / "commands" / ORDER)


def heard(engine: SttEngine, samples: Samples) -> tuple[str, str]:
    """The text, and what the sound is called."""
    final = list(engine.transcribe(frames_of(samples), "en"))[-1]
    return final.text, final.utterance


def test_what_was_said_is_likelier_than_what_was_not(engine: SttEngine, order: Samples) -> None:
    text, utterance = heard(engine, order)
    assert text.startswith("Get me a small")
    said, *others = engine.likelihoods(utterance, [SAID, *OTHERS])
    assert said < 0
    assert max(others) < said - 3


def test_the_order_of_texts_and_what_was_asked_before_do_not_matter(engine: SttEngine, order: Samples) -> None:
    text, utterance = heard(engine, order)
    first = engine.likelihoods(utterance, [SAID, *OTHERS])
    again = engine.likelihoods(utterance, [*reversed(OTHERS), SAID])
    assert [*reversed(again)] == pytest.approx(first, abs=1e-3)
    assert heard(engine, order)[0] == text


def test_both_engines_say_the_same(quick: SttEngine, whole: SttEngine, order: Samples) -> None:
    found = [engine.likelihoods(heard(engine, order)[1], [SAID, *OTHERS]) for engine in (quick, whole)]
    assert found[0] == pytest.approx(found[1], rel=0.05, abs=0.3)


def test_only_the_last_utterance_is_kept(engine: SttEngine, order: Samples) -> None:
    _, first = heard(engine, order)
    _, second = heard(engine, order)
    assert first
    assert second
    assert first != second
    for unknown in (first, "", "nobody"):
        with pytest.raises(BadRequest, match="not kept") as refused:
            engine.likelihoods(unknown, [SAID])
        assert refused.value.field == "utterance"
    assert len(engine.likelihoods(second, [SAID])) == 1


def test_of_utterances_that_are_transcribed_together_none_is_kept(engine: SttEngine, order: Samples) -> None:
    one = list(frames_of(order)), "en"
    _, before = heard(engine, order)
    assert [transcript.utterance for transcript in engine.transcribe_all([one, one])] == ["", ""]
    with pytest.raises(BadRequest, match="not kept"):
        engine.likelihoods(before, [SAID])
    (alone,) = engine.transcribe_all([one])
    said, *others = engine.likelihoods(alone.utterance, [SAID, *OTHERS])
    assert max(others) < said - 3


def test_model_that_does_not_name_its_alignment_heads_is_not_asked(order: Samples, tmp_path: Path) -> None:
    for file in model_folder("").iterdir():
        (tmp_path / file.name).symlink_to(file)
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    del config["alignment_heads"]
    (tmp_path / "config.json").unlink()
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    engine = FasterWhisperEngine(FasterWhisperConfig(model=str(tmp_path)))
    engine.load()
    try:
        assert not engine.judges
        text, utterance = heard(engine, order)
        assert text.startswith("Get me a small")
        assert utterance == ""
    finally:
        engine.close()


def test_what_has_no_words_or_more_than_one_window_with_words_is_not_kept(engine: SttEngine, order: Samples) -> None:
    assert heard(engine, np.zeros(16_000, np.int16)) == ("", "")
    pause = np.zeros(4 * 16_000, np.int16)
    text, utterance = heard(engine, np.concatenate([order, pause, order]))
    assert text.count("small") == 2
    assert utterance == ""
