"""Whose word it was, in the real detector and the real ears: enrolled voices wake, and others do not."""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from auricle.api import AudioFrame, PluginConfig, WakeEngine, WakeScore, WakeWordChoice
from auricle.pipeline.ears import Ears
from auricle.pipeline.profiles import remove, save
from auricle.pipeline.wake import WakeDetector, WakeHit
from auricle.settings import WakeVerify, WakeWord
from auricle.testing.fakes import LoudnessVad, ScriptedSource
from support.enrolled import ENROLLED, alexa_detector, around, frames_of, profile_of, smaller
from support.recordings import Samples, load_samples, silence

pytestmark = pytest.mark.models


@pytest.fixture
def enrolled(tmp_path: Path, joe: list[Samples], hears_everybody: WakeDetector) -> Path:
    """The folder of those who are enrolled: joe."""
    save(tmp_path / "enrolled", profile_of("joe", hears_everybody, joe[:ENROLLED]))
    return tmp_path / "enrolled"


def hits_in(detector: WakeDetector, samples: Samples) -> list[WakeHit]:
    detector.reset()
    return [hit for frame in frames_of(samples) if (hit := detector.feed(frame)) is not None]


def test_an_enrolled_voice_wakes_and_another_does_not(tmp_path: Path, enrolled: Path, joe: list[Samples]) -> None:
    detector = alexa_detector(tmp_path, enrolled=enrolled)
    assert len(hits_in(detector, joe[7])) == 1
    assert hits_in(detector, smaller(joe[7], 1.2)) == []
    own, other = detector.verdicts()
    assert (own.accepted, own.user) == (True, "joe")
    assert (other.accepted, other.user) == (False, "joe")
    assert other.likeness < 0.5 <= own.likeness
    assert other.hit.score >= 0.95  # it is not that the word was not heard
    assert detector.verdicts() == []
    detector.close()


def test_nobody_enrolled_or_switched_off_the_word_is_anybodys(
    tmp_path: Path, enrolled: Path, joe: list[Samples]
) -> None:
    other = smaller(joe[7], 1.2)
    for detector in (
        alexa_detector(tmp_path, enrolled=tmp_path / "nowhere"),
        alexa_detector(tmp_path, enrolled=enrolled, wake="[wake.verify]\nenabled = false\n"),
    ):
        assert len(hits_in(detector, other)) == 1
        assert detector.verdicts() == []
        detector.close()


def test_a_profile_for_another_word_does_not_count(tmp_path: Path, enrolled: Path, joe: list[Samples]) -> None:
    (enrolled / "alexa").rename(enrolled / "hey_jarvis")
    detector = alexa_detector(tmp_path, enrolled=enrolled)
    assert len(hits_in(detector, smaller(joe[7], 1.2))) == 1
    detector.close()


def test_any_enrolled_user_wakes(
    tmp_path: Path, enrolled: Path, joe: list[Samples], hears_everybody: WakeDetector
) -> None:
    save(enrolled, profile_of("kid", hears_everybody, [smaller(said, 1.2) for said in joe[:ENROLLED]]))
    detector = alexa_detector(tmp_path, enrolled=enrolled)
    assert len(hits_in(detector, joe[7])) == 1
    assert len(hits_in(detector, smaller(joe[7], 1.2))) == 1
    assert [verdict.user for verdict in detector.verdicts()] == ["joe", "kid"]
    detector.close()


def test_a_higher_threshold_is_stricter(tmp_path: Path, enrolled: Path, joe: list[Samples]) -> None:
    detector = alexa_detector(tmp_path, enrolled=enrolled, wake="[wake.verify]\nthreshold = 0.999\n")
    assert hits_in(detector, joe[7]) == []
    detector.close()


def test_a_broken_profile_is_told_and_the_word_works_without_it(
    tmp_path: Path, enrolled: Path, joe: list[Samples], caplog: pytest.LogCaptureFixture
) -> None:
    (enrolled / "alexa" / "joe.json").write_text('{"layout": 1')
    detector = alexa_detector(tmp_path, enrolled=enrolled)
    with caplog.at_level(logging.ERROR):
        assert len(hits_in(detector, joe[7])) == 1
        assert len(hits_in(detector, smaller(joe[7], 1.2))) == 1
    assert [record.message.count("alexa/joe.json") for record in caplog.records] == [1]
    detector.close()


def test_after_somebody_elses_word_the_users_own_is_heard_at_once(
    tmp_path: Path, enrolled: Path, joe: list[Samples]
) -> None:
    """The time in which no word is heard again begins with a word that wakes, and not with one that was refused."""
    detector = alexa_detector(tmp_path, enrolled=enrolled)
    other, own = smaller(joe[7], 1.2), joe[7]
    together = np.concatenate([other[: len(other) - 14_000], own[22_000:]])
    (hit,) = hits_in(detector, together)
    refused, accepted = detector.verdicts()
    assert accepted.hit == hit
    assert 0 < accepted.hit.sample - refused.hit.sample < 2 * 16_000
    detector.close()


def test_the_word_of_a_second_look_is_judged_too(tmp_path: Path, enrolled: Path, joe: list[Samples]) -> None:
    """Above `strong` nothing is heard here, so every word goes the other way."""
    rule = "[wake.second_look]\nstrong = 0.9999\n"
    detector = alexa_detector(tmp_path, enrolled=enrolled, wake=rule)
    assert len(hits_in(detector, joe[7])) == 1
    assert hits_in(detector, smaller(joe[7], 1.2)) == []
    assert detector.looks >= 2
    assert [verdict.accepted for verdict in detector.verdicts()] == [True, False]
    detector.close()


class Ever(WakeEngine):
    """Hears its word in the tenth block, whatever it is."""

    def __init__(self, words: Sequence[WakeWordChoice]) -> None:
        super().__init__(PluginConfig(), words)
        self.blocks = 0

    def load(self) -> None: ...

    def feed(self, frame: AudioFrame) -> Sequence[WakeScore]:
        self.blocks += 1
        return [WakeScore("alexa", 1.0 if self.blocks == 10 else 0.0, 0.5, frame.end_sample)]

    def reset(self) -> None: ...

    def available_words(self) -> Sequence[str]:
        return ("alexa",)


@pytest.mark.parametrize("sound", ["silence", "noise", "clicks"])
def test_a_false_hit_of_no_voice_at_all_does_not_wake(enrolled: Path, sound: str) -> None:
    random = np.random.default_rng(3)
    samples = {
        "silence": silence(2),
        "noise": random.normal(0, 2_000, 32_000).astype(np.int16),
        "clicks": np.where(np.arange(32_000) % 4_000 == 0, 32_767, 0).astype(np.int16),
    }[sound]
    detector = WakeDetector(
        [WakeWord(model="alexa", engine="ever")],
        lambda engine, words: Ever(words),
        refractory_s=2.0,
        verify=WakeVerify(),
        enrolled=enrolled,
    )
    detector.load()
    assert [detector.feed(frame) for frame in frames_of(samples)] == [None] * 25
    assert [verdict.accepted for verdict in detector.verdicts()] == [False]


async def wakes(detector: WakeDetector, samples: Samples) -> list[WakeHit]:
    """What the ears tell of this sound."""
    hits: list[WakeHit] = []
    faults: list[Exception] = []
    ended = asyncio.Event()
    ears = Ears(
        ScriptedSource(samples.tobytes()),
        detector,
        LoudnessVad(),
        loop=asyncio.get_running_loop(),
        on_wake=hits.append,
        on_end=ended.set,
        on_fault=faults.append,
    )
    ears.start()
    async with asyncio.timeout(60):
        await ended.wait()
    await asyncio.to_thread(ears.stop)
    assert faults == []
    return hits


@pytest.mark.data
async def test_in_the_ears_the_household_wakes_and_a_visitor_does_not(
    tmp_path: Path, enrolled: Path, joe: list[Samples], recordings: Path
) -> None:
    """The real detector on the ears' thread; who is forgotten meanwhile counts no more at the next word."""
    detector = alexa_detector(tmp_path, enrolled=enrolled)
    visitors = [load_samples(recordings / "wake" / "alexa" / f"{number}.flac") for number in (10, 16, 151)]
    sound = np.concatenate([around(joe[9]), *[around(said, 2.5) for said in visitors], around(joe[12], 2.5)])
    first, last = await wakes(detector, sound)
    assert first.sample < len(around(joe[9]))
    assert last.sample > len(sound) - len(around(joe[12], 2.5))
    assert [verdict.accepted for verdict in detector.verdicts()] == [True, False, False, False, True]
    remove(enrolled / "alexa" / "joe.json")
    detector.reset()
    assert len(await wakes(detector, sound)) == 5
    detector.close()
