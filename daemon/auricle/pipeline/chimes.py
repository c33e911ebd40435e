"""Short generated sounds: the microphone opens, the command has ended, attention, something cannot be said."""

from functools import cache

import numpy as np

from auricle.model.audio import OUTBOUND_RATE_HZ, AudioFrame

_TONES_HZ: dict[str, tuple[float, ...]] = {
    "wake": (660.0, 880.0),
    "end": (880.0, 660.0),
    "attention": (523.3, 659.3, 784.0),
    "failure": (330.0, 247.0, 247.0),
}
_TONE_S = 0.07
_LEVEL = 0.18


@cache
def chime(name: str) -> AudioFrame:
    """Return outbound audio of a fifth to a quarter of a second. name: `wake`, `end`, `attention` or `failure`."""
    count = int(_TONE_S * OUTBOUND_RATE_HZ)
    seconds = np.arange(count) / OUTBOUND_RATE_HZ
    envelope = np.sin(np.pi * np.arange(count) / count) ** 2
    tones = [np.sin(2 * np.pi * hz * seconds) * envelope * _LEVEL for hz in _TONES_HZ[name]]
    pcm = (np.concatenate(tones) * 32767).astype("<i2").tobytes()
    return AudioFrame(pcm, rate_hz=OUTBOUND_RATE_HZ)
