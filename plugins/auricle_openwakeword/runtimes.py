"""Which runtime runs a model: pyopen-wakeword (TensorFlow Lite) or the openwakeword package (ONNX)."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from auricle.api import EngineUnavailable

STEP_SAMPLES = 1280
"""Sound that one embedding moves on by: 80 ms."""


class Runtime(ABC):
    """Runs several words on one stream."""

    delay_s: float
    """How long after the end of a word its probability comes to one half; measured, see the tests."""

    @abstractmethod
    def __init__(self, models: Sequence["Model"]) -> None:
        """Load the models; raise EngineUnavailable naming the file that is broken."""

    @abstractmethod
    def step(self, samples: npt.NDArray[np.int16]) -> Sequence[float]:
        """Probability of each word after `STEP_SAMPLES` more, in the order of the models."""

    @abstractmethod
    def reset(self) -> None: ...

    @abstractmethod
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Model:
    """A word's network and what runs it."""

    name: str
    path: Path
    runtime: type[Runtime]


RuntimeChoice = Literal["auto", "pyopen", "openwakeword"]


def available(choice: RuntimeChoice) -> Sequence[str]:
    """Names of the words that the runtimes carry, sorted."""
    names: set[str] = set()
    for runtime in _runtimes(choice):
        names.update(_carried(runtime))
    return tuple(sorted(names))


def choose(word: str, choice: RuntimeChoice) -> Model:
    """The model of a name or a file. Raises EngineUnavailable with what to do."""
    for runtime in _runtimes(choice):
        carried = _carried(runtime)
        if word in carried:
            return Model(word, carried[word], _load(runtime))
    path = Path(word).expanduser()
    suffixes = {".tflite": "pyopen", ".onnx": "openwakeword"}
    if path.suffix not in suffixes:
        raise EngineUnavailable(
            f"openwakeword knows no wake word {word!r}: use one of {', '.join(available(choice)) or '(none installed)'}"
            ", or the path of a .tflite or .onnx file"
        )
    runtime = suffixes[path.suffix]
    if choice not in ("auto", runtime):
        raise EngineUnavailable(f'{word} needs [engines.openwakeword] runtime = "{runtime}" or "auto", not "{choice}"')
    if not path.is_file():
        raise EngineUnavailable(f"the wake word model {word} is missing")
    return Model(path.stem, path, _load(runtime))


def _runtimes(choice: RuntimeChoice) -> Sequence[str]:
    """In the order in which "auto" asks them."""
    return ("openwakeword", "pyopen") if choice == "auto" else (choice,)


def _carried(runtime: str) -> Mapping[str, Path]:
    """Words in the package behind a runtime; none if it is not installed."""
    if runtime == "pyopen":
        return _models("pyopen_wakeword", "models", "*.tflite")
    return _models("openwakeword", "resources/models", "*_v*.onnx")


_NO_WORDS = frozenset({"melspectrogram", "embedding_model", "silero_vad", "timer"})
"""What lies beside the words; `timer` is one network for six phrases, which one score cannot tell apart."""


def _models(package: str, folder: str, pattern: str) -> Mapping[str, Path]:
    if find_spec(package) is None:
        return {}
    found = sorted((Path(str(files(package))) / folder).glob(pattern))
    named = {path.stem.rpartition("_v")[0] or path.stem: path for path in found}
    return {name: path for name, path in named.items() if name not in _NO_WORDS}


def _load(runtime: str) -> type[Runtime]:
    try:
        if runtime == "pyopen":
            from auricle_openwakeword.pyopen import Pyopen

            return Pyopen
        from auricle_openwakeword.onnx import Onnx

        return Onnx
    except ImportError as error:
        package = "pyopen-wakeword" if runtime == "pyopen" else "openwakeword==0.4.0"
        raise EngineUnavailable(f"the wake word runtime is missing ({error}): pip install {package}") from error
