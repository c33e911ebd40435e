"""A wake word is decided on once: thresholds, re-arming, refractory time, several words and engines."""

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auricle.api import AudioFrame, EngineUnavailable, PluginConfig, WakeEngine, WakeScore, WakeWordChoice
from auricle.pipeline.wake import WakeDecider, WakeDetector, WakeHit
from auricle.settings import WakeWord

STEP = 480


def steps(*scores: float, word: str = "alexa", threshold: float = 0.5, first: int = 0) -> list[WakeScore]:
    return [WakeScore(word, score, threshold, first + index * STEP) for index, score in enumerate(scores)]


def test_word_is_heard_at_the_step_that_comes_to_its_threshold() -> None:
    heard = WakeDecider(0).decide(steps(0.1, 0.49, 0.5, 0.9))
    assert heard == WakeScore("alexa", 0.5, 0.5, 2 * STEP)


def test_word_below_its_threshold_is_not_heard() -> None:
    assert WakeDecider(0).decide(steps(0.0, 0.2, 0.4999, 0.1)) is None


def test_no_scores_are_no_word() -> None:
    assert WakeDecider(0).decide() is None
    assert WakeDecider(0).decide([], []) is None


def test_score_that_stays_high_is_heard_once() -> None:
    decider = WakeDecider(0)
    assert decider.decide(steps(0.9)) is not None
    assert [decider.decide(steps(0.9, first=index * STEP)) for index in range(1, 100)] == [None] * 99


def test_score_that_fell_and_rose_is_heard_again() -> None:
    decider = WakeDecider(0)
    assert decider.decide(steps(0.9)) is not None
    assert decider.decide(steps(0.4, first=STEP)) is None
    assert decider.decide(steps(0.9, first=2 * STEP)) is not None


def test_word_within_the_refractory_time_is_not_heard() -> None:
    decider = WakeDecider(32_000)
    assert decider.decide(steps(0.9, first=1_000)) is not None
    assert decider.decide(steps(0.1, 0.9, first=20_000)) is None
    # It has stayed up since the refractory time.
    assert decider.decide(steps(0.9, first=33_100)) is None
    assert decider.decide(steps(0.1, 0.9, first=34_000)) is not None


def test_refractory_time_is_for_all_words() -> None:
    decider = WakeDecider(32_000)
    assert decider.decide(steps(0.9, word="alexa", first=1_000)) is not None
    assert decider.decide(steps(0.9, word="jarvis", first=10_000)) is None


def test_refractory_time_ends_to_the_sample() -> None:
    for later, expected in ((31_999, False), (32_000, True)):
        decider = WakeDecider(32_000)
        decider.decide(steps(0.9))
        decider.decide(steps(0.0, first=STEP))
        assert (decider.decide(steps(0.9, first=later)) is not None) is expected


def test_of_two_words_at_once_the_one_furthest_past_its_threshold_wins() -> None:
    strict, lax = steps(0.97, word="strict", threshold=0.9), steps(0.6, word="lax", threshold=0.5)
    heard = WakeDecider(0).decide([*lax, *strict])
    assert heard is not None
    assert heard.wake_word == "strict"


def test_same_word_of_two_engines_keeps_two_states() -> None:
    decider = WakeDecider(0)
    assert decider.decide(steps(0.9), steps(0.1)) is not None
    assert [decider.decide(steps(0.9, first=at), steps(0.1, first=at)) for at in range(STEP, 9 * STEP, STEP)] == (
        [None] * 8
    )


def test_reset_forgets_the_refractory_time() -> None:
    decider = WakeDecider(32_000)
    assert decider.decide(steps(0.9)) is not None
    decider.reset()
    assert decider.decide(steps(0.9)) is not None


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)  # on a busy machine
@given(
    scores=st.lists(st.floats(0, 1), max_size=60),
    cuts=st.lists(st.integers(0, 60), max_size=6),
    refractory=st.integers(0, 20) | st.just(0),
)
def test_one_word_is_decided_alike_however_its_steps_are_grouped(
    scores: list[float], cuts: list[int], refractory: int
) -> None:
    all_steps = steps(*scores)
    single = WakeDecider(refractory * STEP)
    expected = [heard for step in all_steps if (heard := single.decide([step])) is not None]
    grouped = WakeDecider(refractory * STEP)
    bounds = [0, *sorted(cuts), len(all_steps)]
    found = [grouped.decide(all_steps[low:high]) for low, high in itertools.pairwise(bounds) if low <= high]
    assert [heard for heard in found if heard is not None][:1] == expected[:1]
    assert all(second.sample - first.sample >= refractory * STEP for first, second in itertools.pairwise(expected))


class ScriptedEngine(WakeEngine):
    """Gives each fed frame the next of its scores."""

    def __init__(self, words: Sequence[WakeWordChoice], scores: Sequence[float], *, broken: bool = False) -> None:
        super().__init__(PluginConfig(), words)
        self.script = list(scores)
        self.broken = broken
        self.log: list[str] = []

    def load(self) -> None:
        self.log.append("load")
        if self.broken:
            raise EngineUnavailable("the model is missing")

    def feed(self, frame: AudioFrame) -> Sequence[WakeScore]:
        score = self.script.pop(0) if self.script else 0.0
        return [WakeScore(word.model, score, word.threshold or 0.5, frame.end_sample) for word in self.words]

    def reset(self) -> None:
        self.log.append("reset")

    def available_words(self) -> Sequence[str]:
        return ("alexa",)

    def close(self) -> None:
        self.log.append("close")


def blocks(count: int) -> list[AudioFrame]:
    return [AudioFrame(bytes(1_920), index * 960) for index in range(count)]


def detector_of(engines: dict[str, ScriptedEngine], *words: WakeWord) -> WakeDetector:
    def make(name: str, choices: Sequence[WakeWordChoice]) -> WakeEngine:
        engines[name].words = tuple(choices)
        return engines[name]

    return WakeDetector(words, make, refractory_s=2.0)


def test_each_engine_gets_its_words_and_all_are_fed() -> None:
    engines = {"one": ScriptedEngine([], [0.1, 0.2, 0.1]), "two": ScriptedEngine([], [0.1, 0.3, 0.8])}
    detector = detector_of(
        engines,
        WakeWord(model="alexa", engine="one", threshold=0.9),
        WakeWord(model="jarvis", engine="two"),
        WakeWord(model="nabu", engine="one"),
    )
    detector.load()
    assert engines["one"].words == (WakeWordChoice("alexa", 0.9), WakeWordChoice("nabu", None))
    assert engines["two"].words == (WakeWordChoice("jarvis", None),)
    assert [detector.feed(block) for block in blocks(3)] == [None, None, WakeHit("jarvis", 0.8, 2_880)]
    assert {word: score.score for word, score in detector.scores.items()} == {"alexa": 0.1, "nabu": 0.1, "jarvis": 0.8}


def test_detector_without_words_hears_nothing() -> None:
    detector = detector_of({})
    detector.load()
    assert [detector.feed(block) for block in blocks(3)] == [None] * 3


def test_engine_that_cannot_load_leaves_none_open() -> None:
    engines = {"one": ScriptedEngine([], []), "two": ScriptedEngine([], [], broken=True)}
    detector = detector_of(engines, WakeWord(model="alexa", engine="one"), WakeWord(model="jarvis", engine="two"))
    with pytest.raises(EngineUnavailable, match="missing"):
        detector.load()
    assert engines["one"].log == ["load", "close"]
    assert engines["two"].log == ["load", "close"]
    assert detector.feed(blocks(1)[0]) is None


def test_of_two_renewals_before_the_next_sound_the_last_is_heard_and_no_engine_stays_open() -> None:
    made = [{"one": ScriptedEngine([], [0.9])} for _ in range(4)]
    first, second, third, fourth = (
        detector_of(engines, WakeWord(model=f"w{n}", engine="one")) for n, engines in enumerate(made)
    )
    for detector in (first, second, third, fourth):
        detector.load()
    first.renew(second)
    first.renew(third)
    assert first.feed(blocks(1)[0]) == WakeHit("w2", 0.9, 960)
    first.renew(fourth)
    first.close()
    assert [engines["one"].log for engines in made] == [["load", "close"]] * 4


def test_reset_and_close_reach_every_engine_once() -> None:
    engines = {"one": ScriptedEngine([], [0.9]), "two": ScriptedEngine([], [])}
    detector = detector_of(engines, WakeWord(model="alexa", engine="one"), WakeWord(model="jarvis", engine="two"))
    detector.load()
    detector.feed(blocks(1)[0])
    detector.reset()
    assert detector.scores == {}
    detector.close()
    detector.close()
    assert [engine.log for engine in engines.values()] == [["load", "reset", "close"]] * 2
