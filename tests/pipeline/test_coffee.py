"""Spoken orders of real people, clean and in a kitchen, through Whisper to intent and slots."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auricle.api import AudioFrame
from auricle.cli.figures.intents import mixed
from auricle.pipeline.phonetic.matcher import BySound
from auricle.pipeline.phonetic.rule import SoundRule
from auricle.pipeline.sentences import Grammar
from auricle_faster_whisper import FasterWhisperConfig
from auricle_faster_whisper.engine import FasterWhisperEngine
from support.coffee import COFFEE

pytestmark = [pytest.mark.data, pytest.mark.models]


@pytest.fixture(scope="module")
def engine() -> Iterator[FasterWhisperEngine]:
    engine = FasterWhisperEngine(FasterWhisperConfig())
    engine.load()
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def coffee() -> Iterator[BySound]:
    grammar = Grammar("en", {"coffee": COFFEE}, lambda *fault: pytest.fail(str(fault)))
    sound = BySound("en", list(grammar.templates()), SoundRule(), lambda *fault: pytest.fail(str(fault)))
    yield sound
    sound.close()


def _right(recordings: Path, engine: FasterWhisperEngine, coffee: BySound, every: int, ratio_db: float | None) -> float:
    """Share of the orders, one of `every`, whose intent and slots are all right."""
    folder = recordings / "commands"
    labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    noise, _ = soundfile.read(recordings / "noise" / "kitchen.flac", dtype="float32")
    right = []
    for name in sorted(labels)[::every]:
        samples, _ = soundfile.read(folder / name, dtype="float32")
        if ratio_db is not None:
            samples = mixed(samples, noise, ratio_db, name)
        frame = AudioFrame((samples * 32767).astype("<i2").tobytes())
        heard = list(engine.transcribe(iter([frame]), "en"))[-1]
        intent = coffee.hear([heard.text, *heard.alternatives]).intent
        wanted = {slot: value.strip() for slot, value in labels[name]["slots"].items()}
        right.append(intent is not None and (intent.name, dict(intent.slots)) == (labels[name]["intent"], wanted))
    return float(np.mean(right))


@pytest.mark.parametrize(("ratio_db", "least"), [(None, 0.9), (12, 0.8)])
def test_orders_are_understood(
    recordings: Path, engine: FasterWhisperEngine, coffee: BySound, ratio_db: float | None, least: float
) -> None:
    assert _right(recordings, engine, coffee, 12, ratio_db) >= least


@pytest.mark.long
@pytest.mark.parametrize(("ratio_db", "least"), [(None, 0.985), (12, 0.95), (6, 0.86)])
def test_all_orders_are_understood(
    recordings: Path, engine: FasterWhisperEngine, coffee: BySound, ratio_db: float | None, least: float
) -> None:
    assert _right(recordings, engine, coffee, 1, ratio_db) >= least
