"""What is said about the microphone's sound, and what is not."""

import numpy as np
import pytest

from auricle.model.events import QualityFound
from auricle.pipeline.quality import QualityCheck

SECOND = 16_000
NOISE = np.random.default_rng(7)


def noise(dbfs: float, seconds: float) -> np.ndarray:
    return NOISE.normal(0, 32_768 * 10 ** (dbfs / 20), int(seconds * SECOND))


def findings(check: QualityCheck, *sounds: np.ndarray) -> list[str]:
    """What is found when the sounds come one after the other in blocks of 60 ms."""
    found: list[QualityFound] = []
    pcm = np.clip(np.concatenate(sounds), -32_768, 32_767).round().astype("<i2").tobytes()
    for at in range(0, len(pcm), 1920):
        event = check.feed(pcm[at : at + 1920])
        if event is not None:
            found.append(event)
    return [event.finding for event in found]


def test_a_room_with_speech_is_not_remarked_upon() -> None:
    assert findings(QualityCheck(), noise(-55, 4), noise(-20, 2), noise(-60, 20)) == []


def test_zeros_are_dead_after_two_seconds_and_good_when_over() -> None:
    check = QualityCheck()
    assert findings(check, np.zeros(SECOND)) == []
    assert findings(check, np.zeros(2 * SECOND), noise(-50, 2)) == ["dead", "good"]


def test_clipping_is_found_and_stands_through_a_pause() -> None:
    check = QualityCheck()
    overdriven = np.where(np.sin(np.arange(2 * SECOND) / 20) > 0, 32_767, -32_768)
    assert findings(check, overdriven, noise(-50, 3), overdriven) == ["clipping"]
    assert findings(check, noise(-50, 7)) == ["good"]


def test_a_few_peaks_at_full_scale_are_no_clipping() -> None:
    shout = noise(-30, 6)
    shout[::4000] = 32_767
    assert findings(QualityCheck(), shout) == []


def test_an_offset_is_found() -> None:
    assert findings(QualityCheck(), noise(-40, 4) + 1500, noise(-40, 5)) == ["dc_offset", "good"]


def test_too_quiet_takes_ten_seconds_and_is_over_when_something_is_heard() -> None:
    check = QualityCheck()
    assert findings(check, noise(-85, 9)) == []
    assert findings(check, noise(-85, 2), noise(-73, 3)) == ["too_quiet"]
    assert findings(check, noise(-60, 2)) == ["good"]


def test_a_quiet_room_is_not_too_quiet() -> None:
    assert findings(QualityCheck(), noise(-72, 30)) == []


def test_the_event_tells_the_levels() -> None:
    check = QualityCheck()
    tone = np.round(16_384 * np.sin(2 * np.pi * 440 * np.arange(4 * SECOND) / SECOND)) + 8000
    pcm = tone.astype("<i2").tobytes()
    events = [event for at in range(0, len(pcm), 32_000) if (event := check.feed(pcm[at : at + 32_000])) is not None]
    assert [event.finding for event in events] == ["dc_offset"]
    assert events[0].peak_dbfs == pytest.approx(20 * np.log10(24_384 / 32_768), abs=0.1)
    assert events[0].rms_dbfs == pytest.approx(20 * np.log10(np.hypot(16_384 / 2**0.5, 8000) / 32_768), abs=0.1)
