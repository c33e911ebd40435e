"""Minutes of our own speech, with the wake words in it, in six rooms: nothing wakes, and a person still does."""

from pathlib import Path

import pytest

from auricle.cli.figures import Progress
from auricle.cli.figures.own_speech import ROOMS, OwnSpeech, listen_to_ourselves
from auricle.config import load_config
from support.recordings import load_samples

pytestmark = [pytest.mark.models, pytest.mark.data, pytest.mark.slow]

WORDS = Path(__file__).parents[2] / "docs" / "examples" / "wake-words.toml"


@pytest.mark.parametrize(
    "minutes", [1.5, pytest.param(30.0, marks=[pytest.mark.long, pytest.mark.timeout(3600)])], ids=["short", "long"]
)
async def test_our_own_speech_wakes_nobody(recordings: Path, minutes: float) -> None:
    person = load_samples(sorted((recordings / "wake" / "alexa").glob("*.flac"))[0])
    found = OwnSpeech()
    await listen_to_ourselves(load_config(WORDS), minutes, Progress(), found, person)
    for figure in found.figures():
        print(figure.name, figure.samples[0], figure.unit)
    assert found.faults == []
    assert found.own_s >= 60 * minutes
    assert found.said >= len(ROOMS)
    assert found.by_ourselves() == []
    assert found.raw  # the same sound wakes without all that
    assert found.held_back or minutes < 5
    assert [hit.wake_word for hit in found.woken] == ["alexa"]  # the person's
