"""Log-mel features as Whisper was trained on; equal to those of the `faster_whisper` package, without its imports."""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

HOP_SAMPLES = 160
_WINDOW_SAMPLES = 400
_RATE_HZ = 16_000
_BREAK_HZ = 1_000.0
_MELS_PER_HZ = 3 / 200
"""Slope of Slaney's scale up to `_BREAK_HZ`; logarithmic above."""
_SILENCE = -1.5
"""Feature of digital silence beside nothing louder; beside speech it is two below the loudest."""
_LOG_STEP = np.log(6.4) / 27.0


class LogMel:
    """Features of one model. mels: 80, or 128 for large-v3 and its kin."""

    def __init__(self, mels: int) -> None:
        self._filters = _filters(mels)
        self._window = np.hanning(_WINDOW_SAMPLES + 1)[:-1].astype(np.float32)

    def __call__(self, samples: FloatArray) -> FloatArray:
        """Samples of -1 to 1 at 16 kHz, at least 400, to an array (mels, samples // 160)."""
        padded = np.pad(samples, _WINDOW_SAMPLES // 2, mode="reflect")
        windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW_SAMPLES)[::HOP_SAMPLES][:-1]
        spectrum = np.fft.rfft(windows * self._window, axis=1)
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
        mel = np.log10(np.maximum(power @ self._filters, 1e-10))
        mel = (np.maximum(mel, mel.max() - 8.0) + 4.0) / 4.0
        return np.ascontiguousarray(mel.T, dtype=np.float32)

    def padded(self, samples: FloatArray, frames: int) -> FloatArray:
        """So many frames, (mels, frames), silence after the sound: as of the sound with zeros after it, but cheaper."""
        heard = self(np.concatenate([samples, np.zeros(_WINDOW_SAMPLES, dtype=np.float32)]))[:, :frames]
        features = np.full((len(heard), frames), max(_SILENCE, heard.max() - 2.0), dtype=np.float32)
        features[:, : heard.shape[1]] = heard
        return features


def _filters(mels: int) -> FloatArray:
    """Slaney's triangles, each of the same area: (201 frequencies, mels)."""
    edges = _hertz(np.linspace(0.0, _mel(_RATE_HZ / 2), mels + 2))
    frequencies = np.fft.rfftfreq(_WINDOW_SAMPLES, 1 / _RATE_HZ)
    rising = (frequencies[:, None] - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - frequencies[:, None]) / np.diff(edges)[1:]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return np.asarray(triangles * (2.0 / (edges[2:] - edges[:-2])), dtype=np.float32)


def _mel(hertz: float) -> float:
    """Slaney's scale at or above its break."""
    return float(_BREAK_HZ * _MELS_PER_HZ + np.log(hertz / _BREAK_HZ) / _LOG_STEP)


def _hertz(mels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    break_mel = _BREAK_HZ * _MELS_PER_HZ
    above = _BREAK_HZ * np.exp(_LOG_STEP * np.maximum(0.0, mels - break_mel))
    return np.where(mels < break_mel, mels / _MELS_PER_HZ, above)
