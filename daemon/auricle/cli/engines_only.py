"""Engines without the daemon, for commands that need no microphone."""

import os
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Final

from auricle.api.engines import EngineKind
from auricle.app import make_host, no_broker, sound_rule
from auricle.config import LoadedConfig, cache_dir, runtime_dir, state_dir
from auricle.engines.fleet import Fleet
from auricle.pipeline.dispatch import Dispatcher

STT: Final[EngineKind] = "stt"
TTS: Final[EngineKind] = "tts"
VAD = "silero_vad"
"""The engine that cuts recordings."""


def dispatcher_of(loaded: LoadedConfig) -> Dispatcher:
    """The configured plugins' understanding, without anything behind it."""
    config = loaded.config
    host = make_host(loaded, state_dir(os.environ), no_broker)
    language = config.site.language
    return Dispatcher(
        host,
        {language: host.sentences(language)},
        near_miss=config.intents.near_miss,
        language=language,
        by_sound=sound_rule(config),
        judge_s=config.intents.judge_s,
    )


@asynccontextmanager
async def running_engines(loaded: LoadedConfig, *, kinds: Collection[EngineKind] = (STT, TTS)) -> AsyncIterator[Fleet]:
    """Start the configured engines of these kinds, and stop them at the end. Raises EngineUnavailable."""
    state = state_dir(os.environ)
    host = make_host(loaded, state, no_broker)
    fleet = Fleet(
        host.engines(),
        stt=loaded.config.stt,
        tts=loaded.config.tts,
        options=loaded.config.engines,
        runtime_dir=runtime_dir(os.environ),
        state_dir=state,
        on_change=lambda event: None,
        kinds=kinds,
        models_dir=cache_dir(os.environ) / "models",
    )
    try:
        await fleet.start()
        yield fleet
    finally:
        await fleet.stop()
