"""Spoken orders of real people to the coffee machine, through the very command to intent and slots."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auricle.cli.figures.intents import mixed
from auricle.cli.main import main

pytestmark = [pytest.mark.data, pytest.mark.models, pytest.mark.usefixtures("coffee_machine")]


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "config.toml"
    path.write_text('[site]\nid = "test"\n')
    return str(path)


def wanted(label: dict[str, object]) -> tuple[object, dict[str, str]]:
    assert isinstance(label["slots"], dict)
    return label["intent"], {slot: value.strip() for slot, value in label["slots"].items()}


def test_orders_in_files_are_understood_clean_and_in_a_kitchen(
    recordings: Path, config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = recordings / "commands"
    labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    noise, rate_hz = soundfile.read(recordings / "noise" / "kitchen.flac", dtype="float32")
    names = sorted(labels)[::30]
    files = [folder / name for name in names]
    for name in names:
        noisy = mixed(soundfile.read(folder / name, dtype="float32")[0], noise, 12, name)
        files.append((tmp_path / name).with_suffix(".wav"))
        soundfile.write(files[-1], noisy, rate_hz)
    assert main(["transcribe", "--config", config, "--intent", "--json", *map(str, files)]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [facts["file"] for facts in told] == list(map(str, files))
    right = [
        (facts["intent"], facts["slots"]) == wanted(labels[name]) for facts, name in zip(told, names * 2, strict=True)
    ]
    assert np.mean(right[: len(names)]) >= 0.75
    assert np.mean(right[len(names) :]) >= 0.75
    assert all(0.7 <= facts["score"] <= 1 for facts, good in zip(told, right, strict=True) if good)


def test_intent_stands_behind_the_text(recordings: Path, config: str, capsys: pytest.CaptureFixture[str]) -> None:
    order = recordings / "commands" / "3c7149d4-2c90-4933-a564-584d77d7a63f.flac"
    assert main(["transcribe", "--config", config, "--intent", str(order)]) == 0
    text, _, intent = capsys.readouterr().out.rstrip().partition("  ")
    assert text.startswith("Get me a small")
    slots = {"size": "small", "roast": "dark roast", "coffeeDrink": "americano", "milkAmount": "some soy milk"}
    assert intent == f"[orderDrink {json.dumps(slots)}]"


def test_decoder_tells_what_the_words_have_lost(
    recordings: Path, config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of "some soy milk" in a kitchen Whisper writes "some soy", which is nearer to "some sugar" by its sound."""
    name = "3c7149d4-2c90-4933-a564-584d77d7a63f.flac"
    noise, rate_hz = soundfile.read(recordings / "noise" / "kitchen.flac", dtype="float32")
    noisy = mixed(soundfile.read(recordings / "commands" / name, dtype="float32")[0], noise, 6, name)
    soundfile.write(tmp_path / "order.wav", noisy, rate_hz)
    found = []
    for judge_s in (0, 10):
        # Told what is expected, Whisper writes it as it was said.
        Path(config).write_text(f'[site]\nid = "test"\n[stt]\nprompt = "off"\n[intents]\njudge_s = {judge_s}\n')
        assert main(["transcribe", "--config", config, "--intent", "--json", str(tmp_path / "order.wav")]) == 0
        found.append(json.loads(capsys.readouterr().out))
    alone, judged = found
    assert (alone["text"], alone["explain"]["how"]) == (judged["text"], "sound")
    assert "milkAmount" not in alone["slots"]
    assert judged["slots"] == {
        "size": "small",
        "roast": "dark roast",
        "coffeeDrink": "americano",
        "milkAmount": "some soy milk",
    }
    first, *others = judged["explain"]["candidates"]
    assert first["slots"] == judged["slots"]
    assert all(first["likelihood"] > other["likelihood"] + 3 for other in others)
    assert all(candidate["likelihood"] is None for candidate in alone["explain"]["candidates"])


def test_order_is_confirmed_and_other_orders_are_not_the_machines(
    config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ask", "--config", config, "--here", "Give me a late with brown sugar and sum milk"]) == 0
    assert capsys.readouterr().out == "One latte with some milk and brown sugar.\n"
    assert main(["ask", "--config", config, "--here", "bring me a hot dog"]) == 0
    assert capsys.readouterr().out == "Sorry, I did not understand.\n"


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_all_orders_are_understood(recordings: Path, config: str, capsys: pytest.CaptureFixture[str]) -> None:
    noise = recordings / "noise" / "kitchen.flac"
    folder = recordings / "commands"
    where = ["--config", config, "--json", "--recordings", str(folder), "--noise", str(noise)]
    assert main(["bench", "--only", "intents", *where]) == 0
    figures = json.loads(capsys.readouterr().out)
    right = {name: figure["median"] for name, figure in figures.items() if name.startswith("right, ")}
    assert right["right, clean (120 commands)"] >= 0.985
    assert right["right, noise at 12 dB (120 commands)"] >= 0.95
    assert right["right, noise at 6 dB (120 commands)"] >= 0.86
