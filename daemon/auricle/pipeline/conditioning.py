"""Optional cleaning of inbound audio: rumble, noise and loudness; off until it is configured."""

import numpy as np
from webrtc_noise_gain import AudioProcessor

from auricle.model.audio import INBOUND_RATE_HZ, SAMPLE_BYTES
from auricle.settings import AudioInput

_PIECE_BYTES = INBOUND_RATE_HZ // 100 * SAMPLE_BYTES
_TARGET_RMS = 10 ** (-20 / 20)
_MOST_GAIN = 10 ** (20 / 20)
_PEAK = 10 ** (-1 / 20)
_FULL_SCALE = 32_768.0


class Conditioner:
    """WebRTC's audio processing, in pieces of 10 ms. Its high-pass (-3 dB at 100 Hz, -16 at 40) is always part of it.

    Noise suppression and automatic gain come on top, as the settings say.
    """

    def __init__(self, settings: AudioInput) -> None:
        self._settings = settings
        self._rest = b""
        self._processor = self._fresh()

    def feed(self, pcm: bytes) -> bytes:
        """Return the cleaned sound that is ready: whole pieces of 10 ms; the rest waits for the next call."""
        pcm = self._rest + pcm
        whole = len(pcm) // _PIECE_BYTES * _PIECE_BYTES
        self._rest = pcm[whole:]
        process = self._processor.Process10ms
        return b"".join([process(pcm[at : at + _PIECE_BYTES]).audio for at in range(0, whole, _PIECE_BYTES)])

    def reset(self) -> None:
        """Begin anew after a gap; what was held back is dropped."""
        self._rest = b""
        self._processor = self._fresh()

    def _fresh(self) -> AudioProcessor:
        return AudioProcessor(self._settings.auto_gain_dbfs, self._settings.noise_suppression)


def conditioner(settings: AudioInput) -> Conditioner | None:
    """The conditioner that the settings ask for; None, which costs nothing, when they ask for none."""
    wanted = settings.high_pass or settings.noise_suppression or settings.auto_gain_dbfs
    return Conditioner(settings) if wanted else None


def normalize(pcm: bytes) -> bytes:
    """Bring a whole command to -20 dBFS RMS; at most 20 dB up, and no peak above -1 dBFS. Silence stays as it is."""
    sound = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(_FULL_SCALE)
    peak = float(np.max(np.abs(sound), initial=0.0))
    if peak == 0.0:
        return pcm
    rms = float(np.sqrt(np.mean(sound * sound)))
    gain = min(_TARGET_RMS / rms, _MOST_GAIN, _PEAK / peak)
    return np.round(sound * np.float32(gain * _FULL_SCALE)).astype("<i2").tobytes()
