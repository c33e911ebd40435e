"""A voice that can say anything, and an ear that can read it: the real Piper and the real Whisper, once a run."""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pytest
import soxr

from support.clock import ZONE_ENV

Samples = npt.NDArray[np.int16]
Speak = Callable[..., Samples]
Read = Callable[[Samples, int], str]
STEADY = {"noise_scale": 0.0, "noise_w": 0.0}
"""Piper varies its speech at random; a test must not."""
STEADY_ENV = {
    "AURICLE__ENGINES__PIPER__NOISE_SCALE": "0.0",
    "AURICLE__ENGINES__PIPER__NOISE_W": "0.0",
    **ZONE_ENV,
}
"""The same for a process of its own."""


def resampled(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    return samples if from_hz == to_hz else np.asarray(soxr.resample(samples, from_hz, to_hz), dtype=np.int16)


@pytest.fixture(scope="session")
def piper_engine() -> Iterator[object]:
    """The real Piper in this process, with the embedded voice, the same every time."""
    from auricle_piper import PiperConfig
    from auricle_piper.engine import PiperEngine

    engine = PiperEngine(PiperConfig(**STEADY))
    engine.load()
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def whisper_engine() -> Iterator[object]:
    """The real Whisper tiny.en in this process."""
    from auricle_faster_whisper import FasterWhisperConfig
    from auricle_faster_whisper.engine import FasterWhisperEngine

    engine = FasterWhisperEngine(FasterWhisperConfig())
    engine.load()
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def speak(request: pytest.FixtureRequest) -> Speak:
    """`speak(text, rate_hz=16000)`: the text spoken, mono, the same every time."""
    from auricle.api import SynthesisRequest

    said: dict[tuple[str, int], Samples] = {}

    def speak(text: str, rate_hz: int = 16_000) -> Samples:
        if (text, rate_hz) not in said:
            engine = request.getfixturevalue("piper_engine")
            frames = list(engine.synthesize(SynthesisRequest(text, options=STEADY)))
            samples = np.frombuffer(b"".join(frame.pcm for frame in frames), dtype="<i2")
            said[text, rate_hz] = resampled(samples, frames[0].rate_hz, rate_hz)
        return said[text, rate_hz].copy()

    return speak


@pytest.fixture(scope="session")
def read(request: pytest.FixtureRequest) -> Read:
    """`read(samples, rate_hz)`: the words in the sound, lower case, no punctuation, numbers as Whisper writes them."""
    from auricle.api import AudioFrame
    from auricle.testing.contracts import words_of

    def read(samples: Samples, rate_hz: int) -> str:
        engine = request.getfixturevalue("whisper_engine")
        frame = AudioFrame(resampled(np.asarray(samples, dtype=np.int16), rate_hz, 16_000).tobytes())
        return " ".join(words_of(list(engine.transcribe(iter([frame]), "en"))[-1].text))

    return read
