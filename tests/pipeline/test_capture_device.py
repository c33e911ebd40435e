"""The microphone on a real PulseAudio: heard, lost and found again."""

import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from support.pulse import PulseServer
from support.sound_driver import SoundDriver

pytestmark = pytest.mark.sound

RATE = 16_000


def noise(seconds: float, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 3000, int(seconds * RATE)).astype(np.int16)


@pytest.fixture
def burst(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "burst.wav", noise(1.0), RATE)
    return tmp_path / "burst.wav"


@pytest.fixture
def long_sound(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "long.wav", noise(60.0), RATE)
    return tmp_path / "long.wav"


def likeness(heard: np.ndarray, said: np.ndarray) -> tuple[float, int]:
    """(1 for a perfect copy, position) of the best place of `said` in `heard`."""
    size = 1 << (len(heard) + len(said)).bit_length()
    x, y = heard.astype(float), said.astype(float)
    at = int(np.argmax(np.fft.irfft(np.fft.rfft(x, size) * np.conj(np.fft.rfft(y, size)), size)[: len(x)]))
    piece = x[at : at + len(y)]
    y = y[: len(piece)]
    return float(np.dot(piece, y) / (np.linalg.norm(piece) * np.linalg.norm(y) + 1e-9)), at


def capture(pulse: PulseServer, tmp_path: Path, **settings: object) -> SoundDriver:
    return SoundDriver(pulse.env, "capture", {"device": "default", **settings}, tmp_path / "heard.raw")


def test_what_is_said_is_heard_whole_also_while_zeros_are_looked_into(
    pulse: PulseServer, tmp_path: Path, burst: Path
) -> None:
    with capture(pulse, tmp_path) as driver:
        assert driver.expect(started_s=...)["started_s"] < 5.0
        assert driver.expect(component="microphone")["detail"] == "default, 16000 Hz"
        assert driver.expect(ok=False)["detail"] == "default delivers only zeros: is it muted?"
        for pause_s in (0.3, 0.9):
            time.sleep(pause_s)
            said_at = len(driver.pcm())
            pulse.say(burst)
            driver.expect(ok=True)
            driver.expect(ok=False)
            score, _ = likeness(driver.pcm()[said_at:], noise(1.0))
            assert score > 0.99
        ended = driver.end()
        assert ended["overflows"] == 0
        assert ended["stopped_s"] < 5.0
        assert ended["position"] == len(driver.pcm())


def test_a_card_of_another_rate_and_two_channels_is_converted(pulse: PulseServer, tmp_path: Path, burst: Path) -> None:
    with capture(pulse, tmp_path, format=[48_000, 2], block_ms=40) as driver:
        assert driver.expect(component="microphone")["detail"] == "default, 48000 Hz"
        pulse.say(burst)
        time.sleep(0.5)
        assert likeness(driver.pcm(), noise(1.0))[0] > 0.95


def test_a_pulled_and_plugged_microphone_is_told_and_heard_again(
    pulse: PulseServer, tmp_path: Path, long_sound: Path
) -> None:
    pulse.say(long_sound, wait=False)
    with capture(pulse, tmp_path) as driver:
        driver.expect(ok=True)
        pulse.unload_mic()
        driver.expect(ok=False)
        time.sleep(1.0)
        pulse.load_mic()
        driver.expect(ok=True)
        time.sleep(1.0)
        before = len(driver.pcm())
        time.sleep(1.0)
        assert np.abs(driver.pcm()[before:]).mean() > 1000


def test_a_sound_server_that_dies_and_returns_is_told_and_heard_again(
    pulse: PulseServer, tmp_path: Path, burst: Path
) -> None:
    with capture(pulse, tmp_path) as driver:
        driver.expect(ok=True)
        pulse.kill()
        # Which of the two it is depends on whether the client library has seen the hang-up when it is looked at.
        told = driver.expect(ok=False, detail=...)["detail"]
        assert told in (
            "no microphone: default is gone; trying again",
            "default has stalled: no sound comes from it; trying again",
        )
        time.sleep(1.5)
        pulse.start()
        driver.expect(ok=True)
        before = len(driver.pcm())
        pulse.say(burst)
        time.sleep(0.5)
        assert likeness(driver.pcm()[before:], noise(1.0))[0] > 0.99
        ended = driver.end()
        assert ended["position"] >= len(driver.pcm()) + RATE


def test_a_server_that_hangs_is_told_and_does_not_hold_up_the_end(pulse: PulseServer, tmp_path: Path) -> None:
    with capture(pulse, tmp_path) as driver:
        driver.expect(ok=True)
        pulse.freeze()
        assert "stalled" in driver.expect(ok=False)["detail"]
        time.sleep(0.5)
        assert driver.end()["stopped_s"] < 5.0
        pulse.thaw()


def test_a_microphone_that_is_missing_at_the_start_is_waited_for(pulse: PulseServer, tmp_path: Path) -> None:
    pulse.kill()
    with capture(pulse, tmp_path) as driver:
        detail = driver.expect(ok=False)["detail"]
        assert detail.startswith("no microphone 'default': ")
        assert detail.endswith("; trying again")
        pulse.start()
        driver.expect(ok=True)


def test_a_name_that_fits_no_device_is_told_with_the_nearest(pulse: PulseServer, tmp_path: Path) -> None:
    with capture(pulse, tmp_path, device="pluse") as driver:
        assert driver.expect(ok=False)["detail"] == (
            "no microphone 'pluse': no input device is named 'pluse'; the nearest is 'pulse' (`auricle devices`); "
            "trying again"
        )
