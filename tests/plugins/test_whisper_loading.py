"""Whisper on transformers: what cannot be loaded says why, and what to type."""

import json
import shutil
from pathlib import Path

import msgspec
import pytest

from auricle.api import EngineUnavailable, PluginContext
from auricle_whisper import Whisper, WhisperConfig

torch = pytest.importorskip("torch", reason="torch is installed for Python 3.11 alone")
transformers = pytest.importorskip("transformers")

from auricle_whisper.checkpoint import checkpoint_folder  # noqa: E402
from auricle_whisper.engine import TransformersWhisper  # noqa: E402
from support.transformers_whisper import engine_of  # noqa: E402

pytestmark = pytest.mark.models


class TestLoading:
    def test_a_model_that_was_not_downloaded_says_what_to_type(self) -> None:
        with pytest.raises(EngineUnavailable, match="hf download openai/whisper-no-such-one"):
            TransformersWhisper(WhisperConfig(model="openai/whisper-no-such-one")).load()

    def test_no_model_means_base_en(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        import huggingface_hub.constants

        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
        with pytest.raises(EngineUnavailable, match=r"hf download openai/whisper-base\.en"):
            checkpoint_folder("")

    @pytest.mark.parametrize("model", ["/nowhere/at/all", "no such/name/../of a model", "https://example.org/x"])
    def test_a_name_that_can_be_none_is_named(self, model: str) -> None:
        with pytest.raises(EngineUnavailable, match=model):
            checkpoint_folder(model)

    def test_a_folder_without_weights_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "config.json").write_text("{}")
        with pytest.raises(EngineUnavailable, match=rf"{tmp_path} .*model\.safetensors"):
            engine_of(tmp_path)

    def test_another_kind_of_model_is_told(self, random_checkpoint: Path, tmp_path: Path) -> None:
        folder = shutil.copytree(random_checkpoint, tmp_path / "other")
        (folder / "config.json").write_text('{"model_type": "bert"}')
        with pytest.raises(EngineUnavailable, match="bert"):
            engine_of(folder)

    @pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json"])
    def test_a_broken_file_is_named_by_its_folder(self, random_checkpoint: Path, tmp_path: Path, name: str) -> None:
        folder = shutil.copytree(random_checkpoint, tmp_path / "broken")
        (folder / name).write_text("{")
        with pytest.raises(EngineUnavailable, match=str(folder)):
            engine_of(folder)

    def test_a_device_that_is_not_there_is_named(self, random_checkpoint: Path) -> None:
        missing = next(name for name in ("mps", "cuda") if not getattr(torch, name).is_available())
        with pytest.raises(EngineUnavailable, match=rf'device = "{missing}"'):
            engine_of(random_checkpoint, device=missing)

    def test_the_plugin_gives_its_engine(self) -> None:
        [spec] = Whisper(PluginContext("whisper"), Whisper.Config()).auricle_engines()
        assert (spec.name, spec.kind, spec.config, spec.extra) == ("whisper", "stt", WhisperConfig, "whisper")
        assert spec.target == f"{TransformersWhisper.__module__}:{TransformersWhisper.__name__}"

    def test_every_key_is_described(self) -> None:
        schema = json.dumps(msgspec.json.schema(WhisperConfig))
        assert schema.count("description") >= len(WhisperConfig.__struct_fields__)
