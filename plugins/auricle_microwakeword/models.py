"""Finding a microWakeWord model: one that pymicro-wakeword carries, or a file of the user's."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from auricle.api import EngineUnavailable


@dataclass(frozen=True, slots=True)
class Model:
    """What a manifest says of its network."""

    name: str
    tflite: Path
    threshold: float
    """Score that counts as heard."""
    window: int
    """Number of probabilities that are averaged."""


class _Micro(msgspec.Struct):
    probability_cutoff: Annotated[float, Meta(gt=0, lt=1)]
    sliding_window_size: Annotated[int, Meta(ge=1, le=100)]


class _Manifest(msgspec.Struct):
    """microWakeWord's JSON, version 2, as ESPHome reads it; keys that only a microcontroller needs are ignored."""

    model: Annotated[str, Meta(min_length=1)]
    micro: _Micro


def builtin_models() -> Mapping[str, Path]:
    """Name to manifest, of the models in the pymicro-wakeword package."""
    folder = Path(str(files("pymicro_wakeword"))) / "models"
    return {path.stem: path for path in sorted(folder.glob("*.json"))}


def find_model(choice: str) -> Model:
    """The model of a name, a .json manifest, or a .tflite with its .json beside it. Raises EngineUnavailable."""
    builtin = builtin_models()
    if choice in builtin:
        return _read(builtin[choice])
    path = Path(choice).expanduser()
    match path.suffix:
        case ".json":
            return _read(path)
        case ".tflite":
            model = _read(path.with_suffix(".json"))
            return Model(path.stem, _existing(path), model.threshold, model.window)
        case _:
            raise EngineUnavailable(
                f"microwakeword knows no wake word {choice!r}: use one of {', '.join(builtin)}, or the path of a "
                "microWakeWord .json or .tflite file"
            )


def _read(manifest: Path) -> Model:
    try:
        written = msgspec.json.decode(_existing(manifest).read_bytes(), type=_Manifest)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise EngineUnavailable(f"{manifest} is no microWakeWord manifest that can be read: {error}") from error
    return Model(
        manifest.stem,
        _existing(manifest.parent / written.model),
        written.micro.probability_cutoff,
        written.micro.sliding_window_size,
    )


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise EngineUnavailable(f"the wake word model {path} is missing: a model is a .json and the .tflite it names")
    return path
