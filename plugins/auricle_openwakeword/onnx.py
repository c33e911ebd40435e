"""The runtime of the package openwakeword: ONNX models, those of version 0.4.0 inside."""

import inspect
import warnings
from collections import deque
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import openwakeword

from auricle.api import EngineUnavailable
from auricle_openwakeword.runtimes import STEP_SAMPLES, Model, Runtime

_OVERLAP_SAMPLES = 480
_SILENCE_SAMPLES = 100 * STEP_SAMPLES
_MELS = 76
"""Spectrogram frames that one embedding looks at."""


class Onnx(Runtime):
    delay_s = 0.05

    def __init__(self, models: Sequence[Model]) -> None:
        self._keys = [model.path.stem for model in models]
        paths = [str(model.path) for model in models]
        # 0.5 renamed the argument, and takes TensorFlow Lite for granted unless told.
        if "wakeword_model_paths" in inspect.signature(openwakeword.Model.__init__).parameters:
            arguments: dict[str, object] = {"wakeword_model_paths": paths}
        else:
            arguments = {"wakeword_models": paths, "inference_framework": "onnx"}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it asks for CUDA first, and onnxruntime complains where there is none
                self._model = openwakeword.Model(**arguments)
        except Exception as error:  # onnxruntime's own errors share no narrower class
            raise EngineUnavailable(f"openwakeword cannot run {', '.join(paths)}: {error}") from error
        for key, path in zip(self._keys, paths, strict=True):
            if self._model.model_outputs[key] != 1:
                raise EngineUnavailable(f"{path} is no openWakeWord model of one word")
        preprocessor = self._model.preprocessor
        # It keeps ten seconds and copies them at every step; what one step looks at is enough.
        preprocessor.raw_data_buffer = deque(maxlen=STEP_SAMPLES + _OVERLAP_SAMPLES)
        preprocessor.melspectrogram_max_len = _MELS + 8
        # From 0.5 on it begins with random noise, and the first scores would differ from one start to the next.
        self._silent_features = preprocessor._get_embeddings(np.zeros(_SILENCE_SAMPLES, np.int16))
        self.reset()

    def step(self, samples: npt.NDArray[np.int16]) -> Sequence[float]:
        scores = self._model.predict(samples)
        return [float(scores[key]) for key in self._keys]

    def reset(self) -> None:
        self._model.reset()
        preprocessor = self._model.preprocessor
        preprocessor.raw_data_buffer.clear()
        preprocessor.melspectrogram_buffer = np.ones((_MELS, 32))
        preprocessor.accumulated_samples = 0
        preprocessor.feature_buffer = self._silent_features.copy()

    def close(self) -> None:
        """onnxruntime releases its sessions with the model."""
