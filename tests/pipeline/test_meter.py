"""Levels and wake scores for whoever watches, and nothing of the time when nobody does."""

import numpy as np
import pytest

from auricle.api import AudioFrame, WakeScore
from auricle.pipeline.meter import FLOOR_DBFS, Meter, level_dbfs

STEP = 1_280


def tone(peak: int, samples: int) -> bytes:
    return (peak * np.sin(2 * np.pi * 500 * np.arange(samples) / 16_000)).astype("<i2").tobytes()


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def feed(meter: Meter, pcm: bytes, scores: list[float]) -> None:
    for number, score in enumerate(scores):
        heard = AudioFrame(pcm[number * STEP * 2 : (number + 1) * STEP * 2], number * STEP)
        meter.feed(heard, {"hey_jarvis": WakeScore("hey_jarvis", score, 0.9, heard.end_sample)})


@pytest.mark.parametrize(
    ("pcm", "dbfs"), [(tone(32_767, 1600), -3.0), (tone(3_277, 1600), -23.0), (bytes(3200), -90.0)]
)
def test_a_level_is_its_power_below_full_scale(pcm: bytes, dbfs: float) -> None:
    assert level_dbfs(pcm) == pytest.approx(dbfs, abs=0.1)
    assert level_dbfs(b"") == FLOOR_DBFS


def test_each_tenth_of_a_second_has_its_level_and_its_highest_score() -> None:
    meter = Meter(Clock())
    assert meter.told()["level_dbfs"] == []
    feed(meter, tone(3_277, 5 * STEP), [0.1, 0.95, 0.2, 0.0, 0.0])  # 6400 samples: four bins
    told = meter.told()
    assert told["level_dbfs"] == pytest.approx([-23.0] * 4, abs=0.2)
    assert (told["last"], told["bin_s"], told["thresholds"]) == (4, 0.1, {"hey_jarvis": 0.9})
    assert told["scores"] == {"hey_jarvis": [0.95, 0.2, 0.0, 0.0]}


def test_while_nobody_looks_nothing_is_kept() -> None:
    clock = Clock()
    meter = Meter(clock)
    feed(meter, tone(3_277, 5 * STEP), [0.1] * 5)
    assert meter.told()["last"] == 0
    feed(meter, tone(3_277, 5 * STEP), [0.1] * 5)
    clock.now_s += 6
    feed(meter, tone(3_277, 5 * STEP), [0.1] * 5)
    assert (meter.told()["level_dbfs"], meter.told()["last"]) == ([], 4)


def test_no_more_than_five_seconds_are_told() -> None:
    meter = Meter(Clock())
    meter.told()
    for _ in range(20):
        feed(meter, bytes(10 * STEP * 2), [0.5] * 10)
    told = meter.told()
    assert told["last"] == 160
    assert isinstance(told["level_dbfs"], list)
    assert len(told["level_dbfs"]) == 50
