"""openWakeWord: scores every 80 ms, from features that all words of a runtime share."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from auricle.api import (
    INBOUND_RATE_HZ,
    SAMPLE_BYTES,
    AudioFrame,
    EngineUnavailable,
    WakeEngine,
    WakeScore,
    WakeWordChoice,
)
from auricle_openwakeword import OpenWakeWordConfig
from auricle_openwakeword.runtimes import STEP_SAMPLES, Runtime, available, choose

_STEP_BYTES = STEP_SAMPLES * SAMPLE_BYTES
_THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class _Scorer:
    """What turns one word's probability into a score."""

    name: str
    threshold: float
    delay_samples: int


class Engine(WakeEngine):
    """Every step of 1,280 samples gives one probability a word."""

    def __init__(self, config: OpenWakeWordConfig, words: Sequence[WakeWordChoice]) -> None:
        super().__init__(config, words)
        self._runtime = config.runtime
        self._delay_s = config.delay_s
        self._runtimes: list[Runtime] = []
        self._scorers: list[_Scorer] = []
        """In the order in which the runtimes give their scores."""
        self._rest = b""
        self._first_sample = 0
        """Where the sound heard since the last reset began."""
        self._position = 0
        """Index of the first sample that no step has been made of."""
        self._next_sample: int | None = None

    def load(self) -> None:
        chosen = [(word, choose(word.model, self._runtime)) for word in self.words]
        names = [model.name for _, model in chosen]
        for name in names:
            if names.count(name) > 1:
                raise EngineUnavailable(f"[wake] words names the openwakeword model {name!r} twice")
        self.close()
        # One runtime holds all its words, so that they share its features.
        for kind in dict.fromkeys(model.runtime for _, model in chosen):
            own = [(word, model) for word, model in chosen if model.runtime is kind]
            self._runtimes.append(kind([model for _, model in own]))
            delay_s = kind.delay_s if self._delay_s is None else self._delay_s
            for word, model in own:
                threshold = _THRESHOLD if word.threshold is None else word.threshold
                self._scorers.append(_Scorer(model.name, threshold, round(delay_s * INBOUND_RATE_HZ)))

    def feed(self, frame: AudioFrame) -> Sequence[WakeScore]:
        if frame.first_sample != self._next_sample:
            if self._next_sample is not None:
                self.reset()
            self._first_sample = self._position = frame.first_sample
        self._next_sample = frame.end_sample
        pcm = self._rest + frame.pcm
        scores: list[WakeScore] = []
        at = 0
        for at in range(_STEP_BYTES, len(pcm) + 1, _STEP_BYTES):
            samples = np.frombuffer(pcm[at - _STEP_BYTES : at], "<i2")
            self._position += STEP_SAMPLES
            found = [score for runtime in self._runtimes for score in runtime.step(samples)]
            for word, score in zip(self._scorers, found, strict=True):
                sample = max(self._first_sample, self._position - word.delay_samples)
                scores.append(WakeScore(word.name, min(1.0, max(0.0, score)), word.threshold, sample))
        self._rest = pcm[at:]
        return scores

    def reset(self) -> None:
        for runtime in self._runtimes:
            runtime.reset()
        self._rest = b""
        self._next_sample = None

    def available_words(self) -> Sequence[str]:
        return available(self._runtime)

    def close(self) -> None:
        for runtime in self._runtimes:
            runtime.close()
        self._runtimes = []
        self._scorers = []
