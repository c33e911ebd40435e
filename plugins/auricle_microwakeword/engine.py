"""microWakeWord over one feature frontend that all words share."""

import math
from collections import deque
from collections.abc import Sequence

import numpy as np
from pymicro_features import MicroFrontend

from auricle.api import (
    INBOUND_RATE_HZ,
    SAMPLE_BYTES,
    AudioFrame,
    EngineUnavailable,
    WakeEngine,
    WakeScore,
    WakeWordChoice,
)
from auricle_microwakeword import MicroWakeWordConfig
from auricle_microwakeword.models import builtin_models, find_model
from auricle_microwakeword.network import Network

_HOP_SAMPLES = 160
_HOP_BYTES = _HOP_SAMPLES * SAMPLE_BYTES


class Engine(WakeEngine):
    """Scores every 30 ms: the mean of the network's last probabilities, as many as the model asks for."""

    def __init__(self, config: MicroWakeWordConfig, words: Sequence[WakeWordChoice]) -> None:
        super().__init__(config, words)
        self._delay_samples = round(config.delay_s * INBOUND_RATE_HZ)
        self._frontend = MicroFrontend()
        self._listeners: list[_Listener] = []
        self._rest = b""
        self._first_sample = 0
        """Where the sound heard since the last reset began."""
        self._position = 0
        """Index of the first sample that no feature has been made of."""
        self._next_sample: int | None = None

    def load(self) -> None:
        listeners: list[_Listener] = []
        try:
            for word in self.words:
                listener = _Listener(word)
                listeners.append(listener)
                if any(other.name == listener.name for other in listeners[:-1]):
                    raise EngineUnavailable(f"[wake] words names the microwakeword model {listener.name!r} twice")
        except EngineUnavailable:
            for listener in listeners:
                listener.network.close()
            raise
        self.close()
        self._listeners = listeners

    def feed(self, frame: AudioFrame) -> Sequence[WakeScore]:
        if frame.first_sample != self._next_sample:
            if self._next_sample is not None:
                self.reset()
            self._first_sample = self._position = frame.first_sample
        self._next_sample = frame.end_sample
        pcm = self._rest + frame.pcm if self._rest else frame.pcm
        scores: list[WakeScore] = []
        process, listeners = self._frontend.process_samples, self._listeners
        at = 0
        for at in range(_HOP_BYTES, len(pcm) + 1, _HOP_BYTES):
            features = process(pcm[at - _HOP_BYTES : at]).features
            self._position += _HOP_SAMPLES
            if not features:
                continue
            for listener in listeners:
                score = listener.take(features)
                if score is not None:
                    sample = max(self._first_sample, self._position - self._delay_samples)
                    scores.append(WakeScore(listener.name, score, listener.threshold, sample))
        self._rest = pcm[at:]
        return scores

    def reset(self) -> None:
        self._frontend.reset()
        for listener in self._listeners:
            listener.reset()
        self._rest = b""
        self._next_sample = None

    def available_words(self) -> Sequence[str]:
        return tuple(builtin_models())

    def close(self) -> None:
        for listener in self._listeners:
            listener.network.close()
        self._listeners = []


class _Listener:
    """One word: its network, and the window over which its probabilities are averaged."""

    def __init__(self, choice: WakeWordChoice) -> None:
        model = find_model(choice.model)
        self.name = model.name
        self.threshold = model.threshold if choice.threshold is None else choice.threshold
        self.network = Network(model.tflite)
        self._features: list[float] = []
        self._needed = self.network.stride * self.network.feature_count
        self._probabilities: deque[float] = deque(maxlen=model.window)
        self._window = model.window

    def take(self, features: list[float]) -> float | None:
        """Add 10 ms of features; return the score when they complete a step."""
        self._features += features
        if len(self._features) < self._needed:
            return None
        probability = self.network.run(np.array(self._features, np.float32))
        self._features.clear()
        self._probabilities.append(probability)
        if len(self._probabilities) < self._window:
            return 0.0
        return math.fsum(self._probabilities) / self._window

    def reset(self) -> None:
        self.network.reset()
        self._features.clear()
        self._probabilities.clear()
