"""Imports an engine and makes it: inside of its worker, nowhere else."""

import importlib
from functools import reduce

from auricle.api.engines import SttEngine, TtsEngine
from auricle.api.plugin import PluginConfig
from auricle.model.errors import EngineUnavailable


def resolve(target: str) -> object:
    """What `module:Qualified.Name` names. Raises EngineUnavailable."""
    module, _, path = target.partition(":")
    try:
        return reduce(getattr, path.split("."), importlib.import_module(module))
    except (ImportError, AttributeError, ValueError) as error:
        raise EngineUnavailable(f"{target} cannot be imported: {error}") from error


def build(target: str, config: PluginConfig) -> SttEngine | TtsEngine:
    """Import the engine and make it, not loaded yet. Raises EngineUnavailable."""
    engine_type = resolve(target)
    engine = engine_type(config) if callable(engine_type) else None
    if not isinstance(engine, SttEngine | TtsEngine):
        raise EngineUnavailable(f"{target} is no SttEngine or TtsEngine")
    return engine
