"""Both Whisper engines on the real multilingual weights: other languages are written as such, and heard as such."""

import subprocess
from collections.abc import Iterator

import pytest

from auricle.api import SttEngine, Transcript
from auricle.testing.contracts import frames_of, share_of_words
from auricle_faster_whisper import FasterWhisperConfig
from auricle_faster_whisper.engine import FasterWhisperEngine
from auricle_whisper import WhisperConfig
from support.recordings import load_samples
from support.voice import Samples

pytestmark = pytest.mark.models
SAID = {
    "fr": "Bonjour, je voudrais une grande tasse de café avec du lait et du sucre, s'il vous plaît. Merci beaucoup, "
    "madame.",
    "de": "Guten Morgen, bitte schalte das Licht in der Küche ein und die Musik im Wohnzimmer aus.",
}
LEAST_RIGHT = {"fr": 0.25, "de": 0.7}
"""Share of the words; espeak-ng's French is hard on a small model."""


def made(engine: str, request: pytest.FixtureRequest) -> SttEngine:
    if engine == "faster_whisper":
        folder = request.getfixturevalue("multilingual_model")
        return FasterWhisperEngine(FasterWhisperConfig(model=str(folder)))
    checkpoint = request.getfixturevalue("multilingual_checkpoint")
    from auricle_whisper.engine import TransformersWhisper

    return TransformersWhisper(WhisperConfig(model=str(checkpoint), device="cpu"))


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Samples]:
    folder = tmp_path_factory.mktemp("espeak")
    for language, text in SAID.items():
        path = folder / f"{language}.wav"
        subprocess.run(["espeak-ng", "-v", language, "-s", "140", "-w", str(path), text], check=True, timeout=60)
    return {language: load_samples(folder / f"{language}.wav") for language in SAID}


@pytest.fixture(scope="module", params=["faster_whisper", "whisper"])
def engine(request: pytest.FixtureRequest) -> Iterator[SttEngine]:
    made_engine = made(request.param, request)
    made_engine.load()
    yield made_engine
    made_engine.close()


def final(engine: SttEngine, samples: Samples, language: str | None) -> Transcript:
    return list(engine.transcribe(frames_of(samples), language))[-1]


@pytest.mark.parametrize("language", SAID)
def test_a_language_that_is_named_is_written(engine: SttEngine, said: dict[str, Samples], language: str) -> None:
    heard = final(engine, said[language], language)
    assert heard.language == language
    assert share_of_words(SAID[language], heard.text) >= LEAST_RIGHT[language], heard.text


@pytest.mark.parametrize("language", SAID)
def test_a_language_that_is_not_named_is_heard(engine: SttEngine, said: dict[str, Samples], language: str) -> None:
    heard = final(engine, said[language], None)
    assert heard.language == language
    assert share_of_words(SAID[language], heard.text) >= LEAST_RIGHT[language], heard.text


def test_a_language_that_is_not_allowed_is_not_heard(
    engine: SttEngine, said: dict[str, Samples], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_languages", ("en", "fr"))
    assert final(engine, said["de"], None).language == "en"
    assert final(engine, said["fr"], None).language == "fr"
