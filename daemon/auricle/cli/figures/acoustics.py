"""What a room makes of our own voice on its way from speaker to microphone: late, reverberant, by another clock."""

import numpy as np
import numpy.typing as npt
import soxr

from auricle.model.audio import INBOUND_RATE_HZ

_REVERB_S = 0.12
_REVERB_DECAY_S = 0.025
_OVERDRIVEN = 20_000
"""Where a loudspeaker stops being linear; of 32,768."""
_NOISE = 3.0
_SIZE = 1 << 14
LONGEST_DELAY_MS = 500.0

Samples = npt.NDArray[np.int16]


def impulse_response(delay_ms: float, level_db: float, seed: int) -> npt.NDArray[np.float32]:
    """The direct sound and a short tail that decays; its energy is the level. 16 kHz."""
    samples = int(_REVERB_S * INBOUND_RATE_HZ)
    decay = np.exp(-np.arange(samples) / (_REVERB_DECAY_S * INBOUND_RATE_HZ))
    tail = np.random.default_rng(seed).normal(0, 0.25, samples) * decay
    tail[0] += 1.0
    tail *= 10 ** (level_db / 20) / np.sqrt(np.sum(tail**2))
    return np.concatenate((np.zeros(int(delay_ms * INBOUND_RATE_HZ / 1000)), tail)).astype(np.float32)


class Acoustics:
    """Fed with what the speaker plays; gives what the microphone hears of it, with a faint noise."""

    def __init__(self, drift_ppm: float) -> None:
        """drift_ppm: how much faster the microphone's clock runs than the speaker's."""
        self._past = np.zeros(INBOUND_RATE_HZ, np.float32)
        self._clock = soxr.ResampleStream(1_000_000, 1_000_000 + drift_ppm, 1, dtype="float32")
        self._noise = np.random.default_rng(7)
        self.echo_rms = 0.0
        """Of the last echo, in steps of 16-bit samples."""
        self.become(delay_ms=100.0, level_db=-10.0, seed=0)

    def become(self, *, delay_ms: float, level_db: float, seed: int) -> None:
        """level_db: of the echo, against what the speaker plays. delay_ms: LONGEST_DELAY_MS at most."""
        self._response = impulse_response(min(delay_ms, LONGEST_DELAY_MS), level_db, seed)

    def step(self, played: Samples) -> Samples:
        """played: 16 kHz, some 20 to 100 ms. Returns about as many samples, by the microphone's clock."""
        sound = np.tanh(played.astype(np.float32) / _OVERDRIVEN) * _OVERDRIVEN
        self._past = np.concatenate((self._past[len(sound) :], sound))
        response = self._response
        reach = self._past[-(len(sound) + len(response) - 1) :]
        whole = np.fft.irfft(np.fft.rfft(reach, _SIZE) * np.fft.rfft(response, _SIZE))
        echo = whole[len(response) - 1 : len(reach)]
        self.echo_rms = float(np.sqrt(np.mean(echo**2)))
        heard = self._clock.resample_chunk((echo + self._noise.normal(0, _NOISE, len(echo))).astype(np.float32))
        return np.asarray(np.clip(np.round(heard), -32_768, 32_767), dtype=np.int16)
