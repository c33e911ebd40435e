"""Recordings of real people, which are shared beside the repository and not committed."""

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import soxr

Samples = npt.NDArray[np.int16]

RATE_HZ = 16_000


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of recordings: `$AURICLE_TEST_DATA`, else `shared/data` beside the repository."""
    beside = Path(__file__).resolve().parents[2].parent / "shared" / "data"
    folder = Path(os.environ.get("AURICLE_TEST_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"there are no recordings of real people in {folder}; AURICLE_TEST_DATA may name another folder")
    return folder


def load_samples(path: Path) -> Samples:
    """A sound file as inbound audio: 16 kHz, 16-bit, its first channel."""
    samples, rate_hz = soundfile.read(path, dtype="int16", always_2d=True)
    first = np.ascontiguousarray(samples[:, 0])
    return first if rate_hz == RATE_HZ else np.asarray(soxr.resample(first, rate_hz, RATE_HZ), dtype=np.int16)


def load_all(folder: Path) -> list[Samples]:
    """Every FLAC in a folder, by name."""
    return [load_samples(path) for path in sorted(folder.glob("*.flac"))]


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE_HZ), np.int16)
