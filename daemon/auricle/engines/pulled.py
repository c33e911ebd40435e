"""Models by the names of `auricle models`: what was pulled is found by its name, so that no path need be written."""

from pathlib import Path
from typing import Final

import msgspec

from auricle.api.engines import EngineSpec
from auricle.api.plugin import PluginConfig
from auricle.model.errors import EngineUnavailable
from auricle.weights import Model, PackageSource, Places, load_manifest

_HUB_NAME: Final = "openai/whisper-"


def with_pulled(spec: EngineSpec, config: PluginConfig, models_dir: Path) -> PluginConfig:
    """The engine's keys, with the folder of a pulled model in place of its name.

    `model = "base"` or `"whisper-base"` of the engine whisper becomes a folder; an engine with a key `checkpoint` gets
    the folder there. A name that the manifest does not have is left to the engine. Raises EngineUnavailable, with what
    to type, for one that was not pulled.
    """
    keys = config.__struct_fields__
    name = getattr(config, "model", "")
    if not isinstance(name, str) or not name or "/" in name.removeprefix(_HUB_NAME):
        return config
    found = _named(spec, name)
    if found is None or isinstance(found.source, PackageSource):
        return config
    path = Places(models_dir=models_dir, records_dir=models_dir).path(found)
    if "checkpoint" in keys:
        wanted = path is not None and getattr(config, "checkpoint", None) is None
        return msgspec.structs.replace(config, checkpoint=str(path)) if wanted else config
    if path is not None:
        return msgspec.structs.replace(config, model=str(path))
    if name.startswith(_HUB_NAME):
        return config
    raise EngineUnavailable(
        f"[stt] model {name!r} is not on this machine: `auricle models pull {found.name}`, or name a folder"
    )


def _named(spec: EngineSpec, name: str) -> Model | None:
    """By its whole name, else by what follows the engine's: `base.en` is `faster-whisper-base.en` to that engine."""
    models = {model.name: model for model in load_manifest().values() if model.engine == spec.name}
    short = name.removeprefix(_HUB_NAME)
    engine = spec.name.replace("_", "-")
    return models.get(name) or models.get(short) or models.get(f"{engine}-{short}")
