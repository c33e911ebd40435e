"""The speaker on a real PulseAudio: what the room hears."""

import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from support.pulse import PulseServer, Recorder
from support.sound_driver import SoundDriver

pytestmark = pytest.mark.sound

RATE = 24_000
PIECE = RATE // 20


def sweep(seconds: float) -> np.ndarray:
    """A tone whose pitch tells the position: 400 Hz, and 200 more each second."""
    at = np.arange(int(seconds * RATE)) / RATE
    return (8000 * np.sin(2 * np.pi * (400 * at + 100 * at * at))).astype(np.int16)


def places(heard: np.ndarray) -> list[float]:
    """Positions in the sweep, one for each 50 ms that are not silent."""
    found = []
    for at in range(0, len(heard) - PIECE, PIECE):
        piece = heard[at : at + PIECE].astype(float)
        if np.sqrt((piece**2).mean()) > 60:
            spectrum = np.abs(np.fft.rfft(piece * np.hanning(PIECE), 8 * PIECE))
            found.append((float(np.argmax(spectrum)) * RATE / (8 * PIECE) - 400) / 200)
    return found


def loudness(heard: np.ndarray) -> float:
    pieces = heard[: len(heard) // PIECE * PIECE].astype(float).reshape(-1, PIECE)
    return float(np.median(np.sqrt((pieces**2).mean(axis=1))[np.abs(pieces).max(axis=1) > 60]))


@pytest.fixture
def short(tmp_path: Path) -> str:
    soundfile.write(tmp_path / "short.wav", sweep(1.2), RATE)
    return str(tmp_path / "short.wav")


@pytest.fixture
def long(tmp_path: Path) -> str:
    soundfile.write(tmp_path / "long.wav", sweep(4.0), RATE)
    return str(tmp_path / "long.wav")


def player(pulse: PulseServer, **settings: object) -> SoundDriver:
    driver = SoundDriver(pulse.env, "play", {"device": "default", **settings})
    driver.expect(ready=True)
    return driver


def test_a_play_is_heard_whole_and_ends_when_it_was_heard(pulse: PulseServer, short: str) -> None:
    with player(pulse) as driver, pulse.recorder() as room:
        driver.tell(do="play", wav=short)
        assert driver.expect(component="speaker")["detail"] == "default, 24000 Hz"
        driver.expect(pulled=True)
        assert driver.expect(played="done")["underruns"] == 0
        heard = places(room.so_far())
        assert heard[0] < 0.1
        assert heard[-1] > 1.05
        assert np.all(np.diff(heard) > 0)


def test_volume_is_applied_and_zero_is_silent(pulse: PulseServer, short: str) -> None:
    with player(pulse) as driver, pulse.recorder() as room:
        levels = []
        for volume in (100, 50, 0):
            before = len(room.so_far())
            driver.tell(do="play", wav=short, volume=volume)
            driver.expect(played="done")
            time.sleep(0.2)
            levels.append(room.so_far()[before:])
        assert loudness(levels[1]) == pytest.approx(loudness(levels[0]) / 8, rel=0.1)
        assert places(levels[2]) == []


def test_a_cancelled_play_is_silent_at_once_and_the_next_starts_at_its_beginning(
    pulse: PulseServer, long: str, short: str
) -> None:
    with player(pulse) as driver, pulse.recorder() as room:
        driver.tell(do="prepare")
        driver.expect(ok=True)
        driver.tell(do="play", wav=long)
        driver.expect(pulled=True)
        time.sleep(1.0)
        driver.tell(do="cancel")
        driver.expect(played="cancelled")
        time.sleep(0.5)
        assert places(room.so_far())[-1] < 2.0
        before = len(room.so_far())
        time.sleep(0.3)
        assert places(room.so_far()[before:]) == []
        driver.tell(do="play", wav=short)
        driver.expect(played="done")
        heard = places(room.so_far()[before:])
        assert heard[0] < 0.1
        assert heard[-1] > 1.05


def test_a_gap_in_the_feed_is_silence_and_counted_once(pulse: PulseServer, short: str) -> None:
    with player(pulse) as driver, pulse.recorder() as room:
        driver.tell(do="play", wav=short, pause_s=1.0)
        assert driver.expect(played="done")["underruns"] == 1
        heard = places(room.so_far())
        assert len(heard) < 28
        assert heard[-1] > 1.05


def test_a_card_of_another_rate_and_two_channels_plays_the_same(pulse: PulseServer, short: str) -> None:
    with player(pulse, format=[44_100, 2]) as driver, pulse.recorder() as room:
        driver.tell(do="play", wav=short)
        assert driver.expect(component="speaker")["detail"] == "default, 44100 Hz"
        driver.expect(played="done")
        heard = places(room.so_far())
        assert heard[0] < 0.1
        assert heard[-1] > 1.05
        assert loudness(room.so_far()) == pytest.approx(8000 / 2**0.5, rel=0.1)


def test_a_server_that_dies_and_returns_goes_on_where_it_was(pulse: PulseServer, long: str) -> None:
    with player(pulse) as driver:
        with pulse.recorder() as room:
            driver.tell(do="play", wav=long)
            driver.expect(pulled=True)
            time.sleep(1.2)
            pulse.kill()
            first = places(room.stop())
        assert driver.expect(ok=False)["component"] == "speaker"
        pulse.start()
        room_again = Recorder(pulse, "speaker.monitor")
        driver.expect(ok=True)
        driver.expect(played="done")
        second = places(room_again.stop())
        assert 0.0 < second[0] - first[-1] < 0.8
        assert np.all(np.diff(second) > 0)
        assert second[-1] > 3.8


def test_a_speaker_that_stays_away_is_an_error_and_told_when_it_is_back(pulse: PulseServer, short: str) -> None:
    pulse.kill()
    with player(pulse, away_s=1.5, unused_s=1.0) as driver:
        driver.tell(do="play", wav=short)
        detail = driver.expect(component="speaker", ok=False)["detail"]
        assert detail.startswith("no speaker 'default': ")
        assert driver.expect(played=...)["played"] == "audio_device"
        pulse.start()
        driver.expect(component="speaker", ok=True)


def test_an_unused_device_is_given_back(pulse: PulseServer) -> None:
    with player(pulse, unused_s=1.0) as driver:
        driver.tell(do="prepare")
        driver.expect(ok=True)
        assert len(pulse.streams("sink-inputs")) == 1
        deadline_s = time.monotonic() + 30
        while pulse.streams("sink-inputs") and time.monotonic() < deadline_s:
            time.sleep(0.2)
        assert pulse.streams("sink-inputs") == []
