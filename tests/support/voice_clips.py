"""Sounds that are like a voice, and clips of them in files."""

from pathlib import Path

import numpy as np
import soundfile

RATE_HZ = 24_000


def voice_like(seconds: float) -> np.ndarray:
    """A buzz at 120 Hz, in syllables."""
    time_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    buzz = sum(np.sin(2 * np.pi * 120 * harmonic * time_s) / harmonic for harmonic in range(1, 12))
    return np.asarray(0.15 * buzz * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * time_s)), np.float32)


def write(file: Path, samples: np.ndarray, rate_hz: int = RATE_HZ) -> None:
    soundfile.write(file, samples, rate_hz, subtype="FLOAT" if file.suffix == ".wav" else None)
