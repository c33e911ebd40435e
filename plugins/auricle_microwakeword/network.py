"""One streaming network in TensorFlow Lite: quantised features in, a probability out, nothing allocated between."""

import ctypes
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pymicro_wakeword.wakeword import TfLiteWakeWord

from auricle.api import EngineError, EngineUnavailable

_FEATURES = 40
_DTYPES: dict[int, type[np.int8] | type[np.uint8]] = {3: np.uint8, 9: np.int8}
"""kTfLiteUInt8 and kTfLiteInt8, the two quantised types that such a model may have."""


class Network:
    """A microWakeWord network; its memory of past sound lives in the interpreter."""

    def __init__(self, tflite: Path) -> None:
        self._path = tflite
        # The wheel's own copy of the TensorFlow Lite C library, with the signatures that its package declares.
        self._lib: Any = TfLiteWakeWord(_library()).lib
        self._lib.TfLiteTensorData.argtypes = [ctypes.c_void_p]
        self._lib.TfLiteTensorData.restype = ctypes.c_void_p
        self._model: int | None = self._lib.TfLiteModelCreateFromFile(str(tflite).encode())
        if not self._model:
            raise EngineUnavailable(f"{tflite} is no TensorFlow Lite model; fetch it again")
        self._interpreter: int | None = None
        self._open()

    def run(self, features: npt.NDArray[np.float32]) -> float:
        """Probability, 0 to 1, after `stride` more hops. features: `stride * feature_count` values, hop by hop."""
        np.multiply(features, self._input_gain, out=self._scratch)
        np.add(self._scratch, self._input_zero, out=self._scratch)
        np.rint(self._scratch, out=self._scratch)
        np.clip(self._scratch, self._input_low, self._input_high, out=self._scratch)
        self._input[:] = self._scratch
        if self._lib.TfLiteInterpreterInvoke(self._interpreter):
            raise EngineError(f"the wake word model {self._path} failed to run")
        return (int(self._output[0]) - self._output_zero) * self._output_scale

    def reset(self) -> None:
        """Forget past sound. Its state is in resource variables, which only a new interpreter clears (0.1 ms)."""
        self._lib.TfLiteInterpreterDelete(self._interpreter)
        self._interpreter = None
        self._open()

    def close(self) -> None:
        if self._interpreter:
            self._lib.TfLiteInterpreterDelete(self._interpreter)
            self._interpreter = None
        if self._model:
            self._lib.TfLiteModelDelete(self._model)
            self._model = None

    def _open(self) -> None:
        lib = self._lib
        self._interpreter = lib.TfLiteInterpreterCreate(self._model, None)
        if not self._interpreter or lib.TfLiteInterpreterAllocateTensors(self._interpreter):
            self.close()
            raise EngineUnavailable(f"{self._path} cannot be run: TensorFlow Lite does not know its operations")
        source = lib.TfLiteInterpreterGetInputTensor(self._interpreter, 0)
        sink = lib.TfLiteInterpreterGetOutputTensor(self._interpreter, 0)
        shape = [lib.TfLiteTensorDim(source, axis) for axis in range(lib.TfLiteTensorNumDims(source))]
        kinds = lib.TfLiteTensorType(source), lib.TfLiteTensorType(sink)
        if (
            len(shape) != 3
            or shape[0] != 1
            or shape[2] != _FEATURES
            or any(kind not in _DTYPES for kind in kinds)
            or lib.TfLiteTensorByteSize(sink) != 1
        ):
            self.close()
            raise EngineUnavailable(
                f"{self._path} is no streaming microWakeWord model (input {shape}); an openWakeWord model needs "
                'engine = "openwakeword"'
            )
        self.stride = int(shape[1])
        self.feature_count = _FEATURES
        incoming, outgoing = _DTYPES[kinds[0]], _DTYPES[kinds[1]]
        self._input = self._tensor(source, incoming)
        self._output = self._tensor(sink, outgoing)
        self._scratch = np.zeros(self.stride * _FEATURES, np.float32)
        quantized = lib.TfLiteTensorQuantizationParams(source)
        self._input_gain, self._input_zero = np.float32(1 / quantized.scale), np.float32(quantized.zero_point)
        limits = np.iinfo(incoming)
        self._input_low, self._input_high = np.float32(limits.min), np.float32(limits.max)
        quantized = lib.TfLiteTensorQuantizationParams(sink)
        self._output_scale, self._output_zero = float(quantized.scale), int(quantized.zero_point)

    def _tensor(self, tensor: int, dtype: type[np.int8] | type[np.uint8]) -> npt.NDArray[np.integer[Any]]:
        """The tensor's own memory, as an array."""
        size = self._lib.TfLiteTensorByteSize(tensor)
        memory = (ctypes.c_char * size).from_address(self._lib.TfLiteTensorData(tensor))
        return np.frombuffer(memory, dtype)


def _library() -> Path:
    folder = Path(str(files("pymicro_wakeword"))) / "lib"
    for library in folder.glob("*tensorflowlite_c.*"):
        return library
    raise EngineUnavailable("pymicro-wakeword came without TensorFlow Lite for this machine; install its wheel")
