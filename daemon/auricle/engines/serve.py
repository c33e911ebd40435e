"""Loads an engine in this process and serves it: the inside of a worker, and of `auricle engines serve`."""

import asyncio
import importlib
from collections.abc import Callable
from functools import reduce

from auricle.api.engines import EngineSpec, SttEngine, TtsEngine
from auricle.api.plugin import PluginConfig
from auricle.engines.server import EngineServer
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


async def serve_engine(
    spec: EngineSpec, config: PluginConfig, uri: str, *, on_ready: Callable[[str], None] = lambda _uri: None
) -> None:
    """Load the engine here and serve it at `uri` until cancelled.

    on_ready: called with the uri, real port and all, once requests are taken. Raises EngineUnavailable, and what the
    engine's `load` raises.
    """
    server = EngineServer(spec, build(spec.target, config))
    try:
        await server.load()
        on_ready(await server.listen(uri))
        await asyncio.Event().wait()
    finally:
        await server.close()
