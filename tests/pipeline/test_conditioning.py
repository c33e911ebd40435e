"""Cleaning of inbound audio: off costs nothing, on does what it says."""

import numpy as np
import pytest

from auricle.pipeline.conditioning import conditioner, normalize
from auricle.settings import AudioInput

RATE = 16_000


def tone(hz: float, amplitude: float, seconds: float = 2.0) -> bytes:
    at = np.arange(int(RATE * seconds)) / RATE
    return np.round(amplitude * np.sin(2 * np.pi * hz * at)).astype("<i2").tobytes()


def rms_dbfs(pcm: bytes) -> float:
    sound = np.frombuffer(pcm, "<i2").astype(float)
    return float(20 * np.log10(max(1e-9, np.sqrt((sound**2).mean())) / 32_768))


def conditioned(settings: AudioInput, pcm: bytes, block: int = 1920) -> bytes:
    made = conditioner(settings)
    assert made is not None
    return b"".join(made.feed(pcm[at : at + block]) for at in range(0, len(pcm), block))


def test_nothing_configured_is_no_conditioner() -> None:
    assert conditioner(AudioInput()) is None


def test_high_pass_takes_rumble_and_leaves_speech() -> None:
    settings = AudioInput(high_pass=True)
    second = 2 * RATE
    assert rms_dbfs(conditioned(settings, tone(30, 8000))[second:]) < rms_dbfs(tone(30, 8000)) - 15
    assert rms_dbfs(conditioned(settings, tone(400, 8000))[second:]) == pytest.approx(rms_dbfs(tone(400, 8000)), abs=1)


def test_high_pass_takes_an_offset() -> None:
    offset = np.full(2 * RATE, 4000, "<i2").tobytes()
    cleaned = np.frombuffer(conditioned(AudioInput(high_pass=True), offset), "<i2")
    assert abs(cleaned[RATE:].mean()) < 100


def test_noise_suppression_makes_steady_noise_quieter() -> None:
    noise = np.random.default_rng(1).normal(0, 600, 4 * RATE).astype("<i2").tobytes()
    cleaned = conditioned(AudioInput(noise_suppression=2), noise)
    assert rms_dbfs(cleaned[-2 * RATE :]) < rms_dbfs(noise) - 8


def test_odd_block_sizes_lose_no_sound() -> None:
    sound = tone(400, 8000, 1.0)
    assert conditioned(AudioInput(high_pass=True), sound, block=1234) == conditioned(
        AudioInput(high_pass=True), sound, block=320
    )


def test_reset_forgets_what_was_held_back() -> None:
    made = conditioner(AudioInput(high_pass=True))
    assert made is not None
    assert made.feed(bytes(200)) == b""
    made.reset()
    assert made.feed(bytes(200)) == b""


def test_normalize_brings_speech_to_its_level() -> None:
    assert rms_dbfs(normalize(tone(400, 1000))) == pytest.approx(-20, abs=0.1)
    assert rms_dbfs(normalize(tone(400, 20_000))) == pytest.approx(-20, abs=0.1)


def test_normalize_adds_twenty_decibels_at_most() -> None:
    quiet = tone(400, 30)
    assert rms_dbfs(normalize(quiet)) == pytest.approx(rms_dbfs(quiet) + 20, abs=0.3)


def test_normalize_never_clips() -> None:
    click = np.random.default_rng(2).normal(0, 100, RATE).astype("<i2")
    click[500] = 20_000
    louder = np.frombuffer(normalize(click.tobytes()), "<i2")
    assert louder.max() == pytest.approx(32_768 * 10 ** (-1 / 20), abs=2)


def test_normalize_leaves_silence_and_nothing_alone() -> None:
    assert normalize(bytes(3200)) == bytes(3200)
    assert normalize(b"") == b""
