"""What a voice is like when it says a wake word, in 31 numbers, and how like that another saying is.

The same word is compared with itself, so short-time spectra averaged over its voiced part are enough: mean and spread
of mel cepstra (S. Davis, P. Mermelstein: Comparison of parametric representations for monosyllabic word recognition,
IEEE Trans. ASSP 28, 1980) in the telephone band, with the pitch. Nearness is the distance to the user's own mean in
units of the spread within a voice, as in text-dependent speaker verification (S. Furui: Cepstral analysis technique for
automatic speaker verification, IEEE Trans. ASSP 29, 1981), with the heavy tails of Student's t, so that no number
decides alone: a pitch that is taken for an octave higher, a band that a fan fills. The embeddings of openWakeWord, from
which its custom verifier learns, tell voices apart much worse: see docs/benchmarks.md.
"""

import math
from collections.abc import Sequence
from typing import Annotated

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta

from auricle.model.audio import INBOUND_RATE_HZ, AudioFrame

Vector = npt.NDArray[np.float64]

BEFORE_SAMPLES = 4 * INBOUND_RATE_HZ // 5
"""Sound up to the end of the word that is looked at: a wake word takes less."""
KIND = "cepstra-1"
"""Of these numbers; what another version made does not compare."""

_FRAME = 400
_HOP = 160
_FFT = 512
_BANDS = 24
_CEPSTRA = 15
_LOW_HZ, _HIGH_HZ = 300.0, 3400.0
"""Above and below, microphones and rooms differ more than voices do."""
_VOICED = 0.1
"""Frames with less than this share of the loudest one's power are no voice."""
_FLOOR = 1e-3
"""Bands with less than this share of the strongest are noise as likely as voice."""
_PITCH_FRAME = 1024
_PITCH_FFT = 2048
_PITCH_TOP_HZ = 1000.0
_PITCH_LAGS = (40, 230)
"""400 to 70 Hz."""
_PERIODIC = 0.45
_AS_GOOD = 0.85
_NO_PITCH = math.log(150.0)
_WITHIN = (
    *(2.207, 1.457, 1.413, 1.443, 1.062, 1.244, 0.75, 0.887, 0.855, 0.692, 0.597, 0.554, 0.926, 0.71, 0.421),
    *(1.382, 0.926, 1.008, 0.707, 0.439, 0.652, 0.625, 0.581, 0.711, 0.59, 0.473, 0.285, 0.246, 0.262, 0.325),
    0.144,
)
"""Usual spread within a voice: of six pairs of recordings of one person each, clean and in a kitchen, and of Piper.

That of the pitch is taken four times as wide: within minutes people keep theirs, over days and moods they do not.
"""
_TRUST = 8.0
"""As many sayings the usual spread within a voice counts as, beside the user's own."""
_TAIL = 4.0
_MIDDLE = 1.5
"""Distance that is as likely a user's own as somebody else's; measured, see docs/benchmarks.md."""
_STEEP = 4.0

_Number = Annotated[float, Meta(ge=-1e6, le=1e6)]


class Voiceprint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A user's way of saying one word."""

    kind: str
    mean: tuple[_Number, ...]
    spread: tuple[Annotated[float, Meta(gt=0, le=1e6)], ...]
    """Standard deviation within this voice."""


def wrong(print_: Voiceprint) -> str | None:
    """What is wrong with a voiceprint whose types are right; none where nothing is."""
    if print_.kind != KIND:
        return f"its kind is {print_.kind!r}, not {KIND!r}"
    if len(print_.mean) != len(_WITHIN) or len(print_.spread) != len(_WITHIN):
        return f"it has {len(print_.mean)} and {len(print_.spread)} numbers, not {len(_WITHIN)} each"
    return None


def voice_of(sound: AudioFrame) -> Vector:
    """What a word sounds like; only zeros where there is no sound.

    sound: inbound audio that ends with the word; only its last 0.8 s count.
    """
    pcm = np.frombuffer(sound.pcm, "<i2")[-BEFORE_SAMPLES:].astype(np.float64)
    samples = np.concatenate([np.zeros(BEFORE_SAMPLES - len(pcm)), pcm])
    frames = np.lib.stride_tricks.sliding_window_view(samples, _FRAME)[::_HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(_FRAME), _FFT)) ** 2 @ _MEL
    if not power.any():
        return np.zeros(len(_WITHIN))
    loudness = power.sum(axis=1)
    voiced = loudness >= _VOICED * loudness.max()
    cepstra = np.log(power + _FLOOR * power.max())[voiced] @ _COSINES
    pitch = _pitch(samples, np.flatnonzero(voiced) * _HOP + _FRAME // 2)
    return np.concatenate([cepstra.mean(axis=0), cepstra.std(axis=0), [pitch]])


def learn(voices: Sequence[Vector]) -> Voiceprint:
    """A voiceprint from several sayings of the word."""
    said = np.array(voices)
    mean = said.mean(axis=0)
    squares = _TRUST * np.square(_WITHIN) + np.square(said - mean).sum(axis=0)
    # The mean of few sayings is uncertain, and that of many made at once too: tomorrow is another day.
    uncertain = 1.5 + 0.5 / len(said)
    spread = np.sqrt(squares / (_TRUST + len(said) - 1) * uncertain)
    return Voiceprint(kind=KIND, mean=tuple(mean.tolist()), spread=tuple(spread.tolist()))


def likeness(print_: Voiceprint, voice: Vector) -> float:
    """How much a saying is like a user's own, 0 to 1; one half is as likely the user's as another's."""
    if not voice.any():
        return 0.0
    squares = np.square((voice - np.array(print_.mean)) / np.array(print_.spread))
    distance = float(np.mean(_TAIL * np.log1p(squares / _TAIL)))
    return 1 / (1 + math.exp(min(700.0, _STEEP * (distance - _MIDDLE))))


def _pitch(samples: Vector, centres: npt.NDArray[np.intp]) -> float:
    """Logarithm of the median pitch in Hz around these samples.

    From the autocorrelation over the window's own (P. Boersma: Accurate short-term analysis of the fundamental
    frequency, Proc. Inst. Phonetic Sciences Amsterdam 17, 1993).
    """
    low, high = _PITCH_LAGS
    found = []
    for centre in centres[::2]:
        first = min(max(0, int(centre) - _PITCH_FRAME // 2), len(samples) - _PITCH_FRAME)
        frame = samples[first : first + _PITCH_FRAME]
        spectrum = np.abs(np.fft.rfft((frame - frame.mean()) * np.hanning(_PITCH_FRAME), _PITCH_FFT)) ** 2
        spectrum[int(_PITCH_TOP_HZ * _PITCH_FFT / INBOUND_RATE_HZ) :] = 0
        alike = np.fft.irfft(spectrum)[:high]
        if alike[0] <= 0:
            continue
        alike = (alike / alike[0] / _WINDOW_ALIKE)[low:]
        best = float(alike.max())
        if best > _PERIODIC:
            # Two periods are as alike as one; the first peak is the pitch.
            first_high = int(np.argmax(alike >= _AS_GOOD * best))
            after = alike[first_high:]
            rising = int(np.argmax(np.diff(after, append=-1.0) <= 0))
            found.append(math.log(INBOUND_RATE_HZ / (low + first_high + rising)))
    return float(np.median(found)) if found else _NO_PITCH


def _mel() -> Vector:
    """Triangles, even on the mel scale; FFT bins by bands."""
    low, high = (2595 * math.log10(1 + hz / 700) for hz in (_LOW_HZ, _HIGH_HZ))
    edges = 700 * (10 ** (np.linspace(low, high, _BANDS + 2) / 2595) - 1)
    bins = np.linspace(0, INBOUND_RATE_HZ / 2, _FFT // 2 + 1)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.clip(np.minimum(rising, falling), 0, None)


def _window_alike() -> Vector:
    whole = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(_PITCH_FRAME), _PITCH_FFT)) ** 2)
    return np.asarray(whole[: _PITCH_LAGS[1]] / whole[0])


_WINDOW_ALIKE = _window_alike()
_MEL = _mel()
_COSINES = np.cos(np.pi / _BANDS * np.outer(np.arange(_BANDS) + 0.5, np.arange(1, _CEPSTRA + 1)))
