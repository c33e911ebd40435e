"""The runtime of the package pyopen-wakeword: TensorFlow Lite, any Python, its models inside."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pyopen_wakeword import OpenWakeWord, OpenWakeWordFeatures

from auricle.api import EngineUnavailable
from auricle_openwakeword.runtimes import STEP_SAMPLES, Model, Runtime

_OVERLAP_SAMPLES = 480
"""Sound before a step that its spectrogram looks back at."""
_EMBEDDING = 96
_FLOAT32 = 1
"""kTfLiteFloat32."""


class Pyopen(Runtime):
    delay_s = 0.1

    def __init__(self, models: Sequence[Model]) -> None:
        self._features = OpenWakeWordFeatures.from_builtin()
        self._words: list[OpenWakeWord] = []
        try:
            for model in models:
                self._words.append(self._open(model.path))
        except EngineUnavailable:
            self.close()
            raise
        # The package begins with 8 s of silence, a hundred steps of work; it is done once, and `reset` goes back to it.
        silence = np.zeros(STEP_SAMPLES, np.int16)
        for embeddings in self._features.process_streaming(silence.tobytes()):
            for word in self._words:
                for _ in word.process_streaming(embeddings):
                    pass
        self._silent_mels = self._features.mels.copy(), self._features.new_mels
        self._silent_embeddings = [(word.embeddings.copy(), word.new_embeddings) for word in self._words]
        self.reset()

    def step(self, samples: npt.NDArray[np.int16]) -> Sequence[float]:
        scores = [0.0] * len(self._words)
        for embeddings in self._features.process_streaming(samples.tobytes()):
            for index, word in enumerate(self._words):
                for probability in word.process_streaming(embeddings):
                    scores[index] = float(probability)
        return scores

    def reset(self) -> None:
        features = self._features
        features.audio[:] = 0
        features.new_audio_samples = _OVERLAP_SAMPLES
        mels, features.new_mels = self._silent_mels
        features.mels[:] = mels
        for word, (embeddings, fresh) in zip(self._words, self._silent_embeddings, strict=True):
            word.embeddings[:] = embeddings
            word.new_embeddings = fresh

    def close(self) -> None:
        for word in self._words:
            word.close()
        self._words = []
        self._features.close()

    def _open(self, path: Path) -> OpenWakeWord:
        lib = self._features.lib
        model = lib.TfLiteModelCreateFromFile(str(path.resolve()).encode())
        if not model:
            raise EngineUnavailable(f"{path} is no TensorFlow Lite model; fetch it again")
        lib.TfLiteModelDelete(model)
        try:
            word = OpenWakeWord.from_model(path)
        except (RuntimeError, IndexError) as error:
            raise EngineUnavailable(f"{path} cannot be run: {error}") from error
        source, sink = word.input_tensor, word.output_tensor
        shape = [lib.TfLiteTensorDim(source, axis) for axis in range(lib.TfLiteTensorNumDims(source))]
        kinds = {lib.TfLiteTensorType(source), lib.TfLiteTensorType(sink)}
        if len(shape) != 3 or shape[2] != _EMBEDDING or kinds != {_FLOAT32} or lib.TfLiteTensorByteSize(sink) != 4:
            word.close()
            raise EngineUnavailable(
                f"{path} is no openWakeWord model of one word (input {shape}); a microWakeWord model needs "
                'engine = "microwakeword"'
            )
        return word
