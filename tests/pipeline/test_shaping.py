"""Speech after it was made: pace, pitch, loudness, ends. Measured, and read by Whisper."""

from collections.abc import Sequence
from difflib import SequenceMatcher

import numpy as np
import numpy.typing as npt
import pyloudnorm
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from auricle.api import SynthesisRequest, TtsEngine
from auricle.api.time_stretch import Stretch
from auricle.model.audio import OUTBOUND_RATE_HZ
from auricle.model.errors import BadRequest
from auricle.pipeline.limiter import CEILING, Limiter, true_peaks
from auricle.pipeline.loudness import LoudnessMeter
from auricle.pipeline.shaping import Shape, Shaper
from support.voice import Read, Speak

Floats = npt.NDArray[np.float64]

TEXT = "Turn on the light in the kitchen and set a timer for ten minutes."
MORE = (
    "The washing machine has finished, and the door of the garage is still open.",
    "Tomorrow it will be cloudy in the morning and sunny in the afternoon.",
    "Please remind me to call my brother when I am at home.",
)
GRID = [(0.5, 0.0), (0.75, 0.0), (1.3, 0.0), (2.0, 0.0), (1.0, 12.0), (1.0, 4.0), (1.0, -4.0), (1.0, -12.0)]
GRID += [(1.5, 5.0), (0.7, -5.0), (2.0, -12.0), (0.5, 12.0)]


@pytest.fixture(scope="module")
def monotonous(piper_engine: TtsEngine) -> tuple[bytes, int]:
    """Real speech that is the same in every run, and its rate."""
    text = f"{TEXT} Nobody is at home at the moment. I will tell you when the washing machine has finished."
    request = SynthesisRequest(text, options={"noise_scale": 0.0, "noise_w": 0.0})
    frames = list(piper_engine.synthesize(request))
    return b"".join(frame.pcm for frame in frames), frames[0].rate_hz


def tone(hz: float, seconds: float, rate_hz: int = OUTBOUND_RATE_HZ, level: float = 0.1) -> Floats:
    """A voice-like sound: a fundamental and five harmonics."""
    t = np.arange(int(seconds * rate_hz)) / rate_hz
    return np.asarray(level * sum(np.sin(2 * np.pi * hz * n * t) / n for n in range(1, 7)))


def pcm(samples: Floats) -> bytes:
    return (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()


def heard(sound: bytes) -> Floats:
    return np.frombuffer(sound, "<i2") / 32768


def shaped(sound: bytes, shape: Shape, rate_hz: int = OUTBOUND_RATE_HZ, chunk: int = 32 * 1024) -> Floats:
    shaper = Shaper(shape, rate_hz)
    parts = [shaper.feed(sound[at : at + chunk]) for at in range(0, len(sound), chunk)]
    return heard(b"".join([*parts, shaper.finish()]))


def pitches(samples: Floats, at_s: Sequence[float], lowest_hz: float = 35, highest_hz: float = 500) -> Floats:
    """F0 around these times, by autocorrelation with its peak interpolated; NaN where there is no voice."""
    rate_hz = OUTBOUND_RATE_HZ
    size = int(4 / lowest_hz * rate_hz)
    shortest, longest = int(rate_hz / highest_hz), int(rate_hz / lowest_hz)
    window = np.hanning(size)
    tapering = np.fft.irfft(np.abs(np.fft.rfft(window, 4 * size)) ** 2)[:longest]
    return np.asarray([_pitch(samples, int(at * rate_hz) - size // 2, window, tapering, shortest) for at in at_s])


def _pitch(samples: Floats, start: int, window: Floats, tapering: Floats, shortest: int) -> float:
    size = len(window)
    if start < 0 or start + size > len(samples) or np.sqrt(np.mean(samples[start : start + size] ** 2)) < 0.02:
        return float("nan")
    frame = samples[start : start + size] - samples[start : start + size].mean()
    likeness = np.fft.irfft(np.abs(np.fft.rfft(frame * window, 4 * size)) ** 2)[: len(tapering)]
    likeness = likeness / likeness[0] / (tapering / tapering[0])
    high = likeness[shortest:].max()
    for lag in range(shortest + 1, len(likeness) - 1):
        left, middle, right = likeness[lag - 1 : lag + 2]
        # The first of the peaks that are nearly the highest: its multiples are as high.
        if middle >= left and middle > right and middle > 0.9 * high and high > 0.7:
            return float(OUTBOUND_RATE_HZ / (lag + 0.5 * (left - right) / (left - 2 * middle + right)))
    return float("nan")


def lufs(samples: Floats, rate_hz: int = OUTBOUND_RATE_HZ) -> float:
    return float(pyloudnorm.Meter(rate_hz).integrated_loudness(samples))


# --- pace and pitch


@pytest.mark.parametrize(("speed", "pitch"), GRID)
@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 24_000])
def test_a_tone_has_the_length_and_the_pitch_that_were_asked_for(speed: float, pitch: float, rate_hz: int) -> None:
    found = shaped(pcm(tone(140, 2.0, rate_hz)), Shape(speed, pitch), rate_hz)
    assert len(found) / OUTBOUND_RATE_HZ == pytest.approx(2.0 / speed, rel=0.01)
    wanted_hz = 140 * 2 ** (pitch / 12)
    assert np.nanmedian(pitches(found, np.arange(0.1, 2.0 / speed - 0.1, 0.05))) == pytest.approx(wanted_hz, rel=0.01)


@pytest.mark.models
@pytest.mark.parametrize(("speed", "pitch"), GRID)
def test_speech_has_the_length_and_the_pitch_that_were_asked_for(
    speed: float, pitch: float, monotonous: tuple[bytes, int]
) -> None:
    sound, rate_hz = monotonous
    plain, found = (shaped(sound, shape, rate_hz) for shape in (Shape(), Shape(speed, pitch)))
    assert len(found) * speed == pytest.approx(len(plain), rel=0.02)
    bend = 2 ** (pitch / 12)
    at_s = np.arange(0.05, len(plain) / OUTBOUND_RATE_HZ - 0.05, 0.01)
    before = pitches(plain, at_s, lowest_hz=70, highest_hz=220)
    after = pitches(found, at_s / speed, lowest_hz=70 * bend, highest_hz=220 * bend)
    ratios = (after / before)[np.isfinite(after / before)]
    assert len(ratios) > 50
    assert np.median(ratios) == pytest.approx(bend, rel=0.02)


@pytest.mark.models
@pytest.mark.parametrize(
    ("speed", "pitch"), [(0.5, 0.0), (0.75, 0.0), (1.5, 0.0), (2.0, 0.0), (1.0, 4.0), (1.0, -4.0), (1.3, 3.0)]
)
def test_the_words_of_shaped_speech_are_still_read(speed: float, pitch: float, speak: Speak, read: Read) -> None:
    words: list[list[str]] = []
    for shape in (Shape(loudness_lufs=-23.0), Shape(speed, pitch, -23.0)):
        found = [shaped(speak(text, 22_050).tobytes(), shape, 22_050) for text in (TEXT, *MORE)]
        words.append(
            [word for sound in found for word in read((sound * 32767).astype(np.int16), OUTBOUND_RATE_HZ).split()]
        )
    likeness = SequenceMatcher(None, *words).ratio()
    # Read at twice the pace, Whisper tiny errs in Piper's own fast speech as well.
    assert likeness >= (0.7 if speed == 2 else 0.85)


@pytest.mark.models
@pytest.mark.parametrize(("speed", "pitch"), [(0.5, 0.0), (0.75, 0.0), (1.3, 0.0), (2.0, 0.0), (1.0, -5.0)])
def test_no_join_is_steeper_than_the_speech_itself(speed: float, pitch: float, speak: Speak) -> None:
    sound = speak(TEXT, 24_000).tobytes()
    plain, found = (np.abs(np.diff(shaped(sound, shape))).max() for shape in (Shape(), Shape(speed, pitch)))
    assert found <= 1.02 * plain


@pytest.mark.parametrize("chunk", [1, 1000, 4096])
def test_it_makes_no_difference_in_what_pieces_the_sound_comes(chunk: int) -> None:
    sound = tone(140, 0.3).astype(np.float32)
    for factor in (0.5, 0.8, 1.7, 4.0):
        whole, cut = Stretch(factor, OUTBOUND_RATE_HZ), Stretch(factor, OUTBOUND_RATE_HZ)
        at_once = np.concatenate([whole.feed(sound), whole.finish()])
        parts = [cut.feed(sound[at : at + chunk]) for at in range(0, len(sound), chunk)]
        in_parts = np.concatenate([*parts, cut.finish()])
        np.testing.assert_array_equal(at_once, in_parts)
        assert len(at_once) == round(factor * len(sound))


@pytest.mark.parametrize("samples", [0, 1, 100, 2399])
def test_hardly_any_sound_is_no_trouble(samples: int) -> None:
    for speed, pitch in GRID:
        assert len(shaped(pcm(tone(200, 1)[:samples]), Shape(speed, pitch, -23.0))) <= 2 * samples + 1


@pytest.mark.parametrize(
    ("speed", "pitch", "field"),
    [(0.4, 0, "speed"), (2.1, 0, "speed"), (float("nan"), 0, "speed"), (1, 12.1, "pitch"), (1, float("nan"), "pitch")],
)
def test_what_cannot_be_is_refused_by_name(speed: float, pitch: float, field: str) -> None:
    with pytest.raises(BadRequest) as refused:
        Shape(speed, pitch)
    assert refused.value.field == field


def test_nothing_is_left_to_do_for_a_neutral_shape() -> None:
    assert Shape().neutral
    assert not any(shape.neutral for shape in (Shape(1.1), Shape(pitch=0.5), Shape(loudness_lufs=-23.0)))


# --- loudness


def sounds() -> Sequence[Floats]:
    random = np.random.default_rng(3)
    speechlike = random.normal(0, 0.1, 5 * OUTBOUND_RATE_HZ) * (np.sin(np.arange(5 * OUTBOUND_RATE_HZ) / 3000) > 0)
    return [tone(100, 3), tone(1000, 1.0), random.normal(0, 0.03, 2 * OUTBOUND_RATE_HZ), speechlike]


@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 24_000, 48_000])
def test_loudness_is_that_of_pyloudnorm(rate_hz: int) -> None:
    for samples in sounds():
        meter = LoudnessMeter(rate_hz)
        for at in range(0, len(samples), 7001):
            meter.feed(samples[at : at + 7001].astype(np.float32))
        reference = pyloudnorm.Meter(rate_hz, filter_class="DeMan")
        assert meter.lufs() == pytest.approx(float(reference.integrated_loudness(samples)), abs=0.05)
        assert meter.lufs() == pytest.approx(lufs(samples, rate_hz), abs=0.3)


@pytest.mark.parametrize("level", [0.02, 0.05, 0.4])
@pytest.mark.parametrize("target", [-30.0, -23.0, -18.0])
def test_quiet_and_loud_voices_come_out_alike(level: float, target: float) -> None:
    assert lufs(shaped(pcm(tone(180, 2, level=level)), Shape(loudness_lufs=target))) == pytest.approx(target, abs=0.5)


@pytest.mark.models
def test_speech_is_as_loud_as_was_asked_for(speak: Speak) -> None:
    for level in (0.2, 1.0):
        sound = (speak(TEXT, 22_050) * level).astype("<i2").tobytes()
        found = shaped(sound, Shape(loudness_lufs=-23.0), 22_050, chunk=len(sound))
        assert lufs(found) == pytest.approx(-23.0, abs=0.5)


def test_a_clip_too_short_for_gates_is_brought_there_by_its_rms() -> None:
    assert LoudnessMeter(OUTBOUND_RATE_HZ).lufs() is None
    for level in (0.01, 0.3):
        found = shaped(pcm(tone(1000, 0.2, level=level)), Shape(loudness_lufs=-23.0))
        assert lufs(np.tile(found, 5)) == pytest.approx(-23.0, abs=1.0)


def test_silence_is_not_made_loud() -> None:
    hiss = np.random.default_rng(1).normal(0, 0.0001, OUTBOUND_RATE_HZ)
    assert len(shaped(pcm(hiss), Shape(loudness_lufs=-16.0))) == 0


def test_a_very_soft_voice_is_raised_by_20_db_and_no_more() -> None:
    found = shaped(pcm(tone(200, 1, level=0.003)), Shape(loudness_lufs=-10.0))
    assert np.abs(found).max() < 0.003 * 10 * 2.5


@pytest.mark.parametrize("pitch", [0.0, 7.0])
def test_peaks_stay_below_the_ceiling_between_the_samples_too(pitch: float) -> None:
    random = np.random.default_rng(5)
    bursts = random.normal(0, 0.02, 3 * OUTBOUND_RATE_HZ)
    bursts[::4000] = 0.9
    bursts[10_000:10_200] += tone(5900, 1.0, level=0.9)[:200]
    found = shaped(pcm(bursts), Shape(pitch=pitch, loudness_lufs=-8.0))
    assert np.abs(found).max() <= CEILING + 1e-4
    between = np.abs(soxr.resample(found, 1, 8)).max()
    assert 20 * np.log10(between) < -0.5


def test_what_is_below_the_ceiling_passes_the_limiter_unchanged() -> None:
    sound = tone(300, 0.5, level=0.3).astype(np.float32)
    limiter = Limiter(OUTBOUND_RATE_HZ)
    found = np.concatenate([limiter.feed(sound[:5000]), limiter.feed(sound[5000:]), limiter.finish()])
    np.testing.assert_array_equal(found, sound)


def test_a_limited_peak_leaves_no_step() -> None:
    sound = tone(110, 1.0, level=0.35)
    sound[12_000:12_400] *= 3
    limiter = Limiter(OUTBOUND_RATE_HZ)
    whole = sound.astype(np.float32)
    found = np.concatenate([*(limiter.feed(part) for part in np.split(whole, 40)), limiter.finish()])
    assert true_peaks(found).max() <= CEILING + 0.01
    assert np.abs(np.diff(found)).max() <= np.abs(np.diff(sound)).max()
    np.testing.assert_array_equal(found[:11_000], whole[:11_000])


# --- ends


def test_silence_at_the_ends_is_cut_and_pauses_inside_are_not() -> None:
    quiet = np.zeros(OUTBOUND_RATE_HZ)
    word = tone(200, 0.5)
    found = shaped(pcm(np.concatenate([quiet, word, quiet, word, quiet])), Shape(loudness_lufs=-23.0))
    assert len(found) / OUTBOUND_RATE_HZ == pytest.approx(2.0, abs=0.1)


def test_a_sound_that_begins_and_ends_loud_is_faded() -> None:
    found = shaped(pcm(tone(200, 0.5) + 0.3), Shape(loudness_lufs=-23.0))
    plateau = np.abs(found[1000:-1000]).max()
    assert max(abs(found[0]), abs(found[-1])) < 0.01 * plateau
    assert np.abs(np.diff(np.concatenate([[0.0], found, [0.0]]))).max() < 0.2 * plateau


@settings(max_examples=25, deadline=None)
@given(
    speed=st.floats(0.5, 2),
    pitch=st.floats(-12, 12),
    target=st.floats(-50, -1),
    level=st.sampled_from([0.0, 1.0, 300.0, 30_000.0]),
    rate_hz=st.sampled_from([8_000, 22_050, 48_000]),
    chunk=st.integers(2, 30_000),
)
def test_no_sound_whatever_clips(
    speed: float, pitch: float, target: float, level: float, rate_hz: int, chunk: int
) -> None:
    noise = np.clip(np.random.default_rng(chunk).normal(0, 1, 6_000) * level, -32768, 32767).astype("<i2").tobytes()
    found = shaped(noise, Shape(speed, pitch, target), rate_hz, chunk=2 * chunk)
    assert np.abs(found).max(initial=0.0) <= CEILING + 1e-4
