"""The engine `whisper` over a checkpoint; torch has to be there."""

from pathlib import Path

from auricle_whisper import WhisperConfig
from auricle_whisper.engine import TransformersWhisper


def engine_of(checkpoint: Path, **keys: object) -> TransformersWhisper:
    engine = TransformersWhisper(WhisperConfig(model=str(checkpoint), **{"device": "cpu"} | keys))
    engine.load()
    return engine
