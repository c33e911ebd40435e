"""Models of the manifest by their names in the configuration."""

from pathlib import Path

import pytest

from auricle.api import EngineSpec, EngineUnavailable, PluginConfig
from auricle.engines.pulled import with_pulled
from auricle.weights import load_manifest


class Config(PluginConfig, frozen=True, kw_only=True):
    model: str = ""


class WithCheckpoint(PluginConfig, frozen=True, kw_only=True):
    model: str = "chatterbox"
    checkpoint: str | None = None


WHISPER = EngineSpec("whisper", "stt", "x:X", Config)
FASTER = EngineSpec("faster_whisper", "stt", "x:X", Config)
CHATTERBOX = EngineSpec("chatterbox", "tts", "x:X", WithCheckpoint)


def pull(models: Path, name: str) -> Path:
    """What `auricle models pull` leaves, without the weights."""
    folder = models / name
    for file in load_manifest()[name].source.files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    return folder


@pytest.mark.parametrize("name", ["base.en", "whisper-base.en", "openai/whisper-base.en"])
def test_a_pulled_model_is_found_by_its_short_its_whole_and_its_hub_name(tmp_path: Path, name: str) -> None:
    folder = pull(tmp_path, "whisper-base.en")
    assert with_pulled(WHISPER, Config(model=name), tmp_path) == Config(model=str(folder))


def test_each_engine_has_models_of_its_own(tmp_path: Path) -> None:
    pull(tmp_path, "whisper-base")
    with pytest.raises(EngineUnavailable, match="`auricle models pull faster-whisper-base`, or name a folder"):
        with_pulled(FASTER, Config(model="base"), tmp_path)


@pytest.mark.parametrize("name", ["", "tiny.en", "/srv/whisper", "./base", "openai/whisper-large-v3", "my-own"])
def test_what_is_no_pulled_model_is_left_to_the_engine(tmp_path: Path, name: str) -> None:
    assert with_pulled(FASTER, Config(model=name), tmp_path) == Config(model=name)


@pytest.mark.parametrize(
    ("model", "name"),
    [("chatterbox", "chatterbox"), ("turbo", "chatterbox-turbo"), ("multilingual", "chatterbox-multilingual")],
)
def test_chatterbox_finds_its_checkpoint(tmp_path: Path, model: str, name: str) -> None:
    config = WithCheckpoint(model=model)
    assert with_pulled(CHATTERBOX, config, tmp_path) == config
    folder = pull(tmp_path, name)
    assert with_pulled(CHATTERBOX, config, tmp_path) == WithCheckpoint(model=model, checkpoint=str(folder))
    own = WithCheckpoint(model=model, checkpoint="/own")
    assert with_pulled(CHATTERBOX, own, tmp_path) == own
