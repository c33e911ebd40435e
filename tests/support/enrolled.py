"""Users of a wake word: a made voice that says it in many ways, and others."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import soxr

from auricle.api import AudioFrame, SynthesisRequest
from auricle.app.building import make_detector
from auricle.cli.common import load_host
from auricle.config import load_config
from auricle.pipeline.enrolment import Saying, make_profile, sayings_of_file
from auricle.pipeline.profiles import Profile
from auricle.pipeline.wake import WakeDetector
from support.recordings import Samples, silence
from support.voice import STEADY, resampled

BLOCK = 1_280
ENROLLED = 5
"""As many of the sayings are in the profile; they are of every kind."""
_SAID = ("Alexa.", "Alexa!", "Alexa?", "Alexa,")
_SPEEDS = (1.0, 0.9, 1.1, 0.85, 1.2)


@pytest.fixture(scope="session")
def joe(request: pytest.FixtureRequest) -> list[Samples]:
    """One voice saying "alexa" in twenty ways, the same every time; half a second of quiet around each."""
    engine = request.getfixturevalue("piper_engine")
    said = []
    for speed in _SPEEDS:
        for text in _SAID:
            frames = list(engine.synthesize(SynthesisRequest(text, speed=speed, options=STEADY)))
            pcm = np.frombuffer(b"".join(frame.pcm for frame in frames), dtype="<i2")
            said.append(around(resampled(pcm, frames[0].rate_hz, 16_000)))
    return said


def around(said: Samples, before_s: float = 1.5, after_s: float = 1.0) -> Samples:
    return np.concatenate([silence(before_s), said, silence(after_s)])


def smaller(said: Samples, factor: float) -> Samples:
    """The same by somebody with a shorter throat, as if the tape ran faster."""
    return np.asarray(soxr.resample(said.astype(np.float32), 16_000 * factor, 16_000), dtype=np.int16)


def in_noise(said: Samples, noise: Samples, snr_db: float, at: int) -> Samples:
    """With a stretch of noise from sample `at` on; the loudest frames of both stand at the ratio."""
    clip, stretch = said.astype(np.float64), noise[at : at + len(said)].astype(np.float64)
    mixed = clip + stretch * np.sqrt(_loudest(clip) / _loudest(stretch) / 10 ** (snr_db / 10))
    return np.clip(mixed, -32_768, 32_767).astype(np.int16)


def _loudest(sound: npt.NDArray[np.float64]) -> float:
    return max(float(np.mean(sound[at : at + 2_048] ** 2)) for at in range(0, len(sound) - 2_048, 2_048))


def frames_of(samples: Samples, first_sample: int = 0) -> Iterator[AudioFrame]:
    for at in range(0, len(samples), BLOCK):
        yield AudioFrame(samples[at : at + BLOCK].tobytes(), first_sample + at)


def alexa_detector(
    folder: Path, *, enrolled: Path | None = None, wake: str = "", background: bool = False
) -> WakeDetector:
    """The real one, loaded. folder: for its configuration. wake: further lines of it."""
    path = folder / "detector.toml"
    path.write_text(f'[wake]\nwords = [{{model = "alexa"}}]\n{wake}')
    config = load_config(path).config
    detector = make_detector(config, load_host(config).engines(), background=False, enrolled=enrolled)
    detector.load()
    return detector


@pytest.fixture(scope="session")
def hears_everybody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WakeDetector]:
    detector = alexa_detector(tmp_path_factory.mktemp("detector"))
    yield detector
    detector.close()


def heard(detector: WakeDetector, samples: Samples) -> list[Saying]:
    return sayings_of_file("test", frames_of(samples), detector, "alexa")


def profile_of(name: str, detector: WakeDetector, said: list[Samples]) -> Profile:
    return make_profile(name, "alexa", [saying for samples in said for saying in heard(detector, samples)])


def write_all(folder: Path, said: list[Samples]) -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    files = [str(folder / f"{number}.wav") for number in range(len(said))]
    for file, samples in zip(files, said, strict=True):
        soundfile.write(file, samples, 16_000)
    return files
