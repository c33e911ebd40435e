"""Making the engines that run inside the daemon: wake words and voice activity detection."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import msgspec

from auricle.api import EngineSpec, EngineUnavailable, PluginConfig, VadEngine, WakeEngine, WakeWordChoice
from auricle.api.engines import EngineKind
from auricle.model.errors import ConfigError

Options = Mapping[str, dict[str, Any]]
"""`[engines.NAME]` as written, by name."""


def make_wake(
    specs: Mapping[str, EngineSpec], engine: str, words: Sequence[WakeWordChoice], options: Options
) -> WakeEngine:
    """A wake engine, not loaded. Raises EngineUnavailable with what to type, ConfigError naming the key."""
    spec = _spec(specs, engine, "wake")
    made = _class(spec, WakeEngine)(_config(spec, options), words)
    assert isinstance(made, WakeEngine)
    return made


def make_vad(specs: Mapping[str, EngineSpec], engine: str, options: Options) -> VadEngine:
    """A VAD engine, not loaded. Raises EngineUnavailable with what to type, ConfigError naming the key."""
    spec = _spec(specs, engine, "vad")
    made = _class(spec, VadEngine)(_config(spec, options))
    assert isinstance(made, VadEngine)
    return made


def _spec(specs: Mapping[str, EngineSpec], name: str, kind: EngineKind) -> EngineSpec:
    spec = specs.get(name)
    if spec is None or spec.kind != kind:
        known = sorted(other for other, candidate in specs.items() if candidate.kind == kind)
        raise EngineUnavailable(
            f"there is no {kind} engine {name!r}; installed: {', '.join(known) or 'none'} (see `auricle engines list`)"
        )
    missing = [module for module in spec.requires if find_spec(module) is None]
    if missing:
        package = f"auricle[{spec.extra}]" if spec.extra else " ".join(missing)
        raise EngineUnavailable(f"engine {name} lacks {', '.join(missing)}: pip install '{package}'")
    return spec


def _config(spec: EngineSpec, options: Options) -> PluginConfig:
    try:
        return msgspec.convert(options.get(spec.name, {}), spec.config, strict=True)
    except msgspec.ValidationError as error:
        problem = f"[engines.{spec.name}]: {error}"
        raise ConfigError(problem, (problem,)) from error


def _class(spec: EngineSpec, base: type[object]) -> Callable[..., object]:
    module, _, name = spec.target.partition(":")
    try:
        found: object = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, OSError) as error:
        raise EngineUnavailable(f"engine {spec.name} cannot be imported from {spec.target}: {error}") from error
    if not (isinstance(found, type) and issubclass(found, base)):
        raise EngineUnavailable(f"engine {spec.name}: {spec.target} is no {base.__name__}")
    return found
