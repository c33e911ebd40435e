"""A second look: candidates are peaks, the second engine is asked about those alone, and stale answers are void."""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auricle.api import AudioFrame, EngineUnavailable, PluginConfig, WakeEngine, WakeScore, WakeWordChoice
from auricle.app.building import make_detector
from auricle.cli.common import load_host
from auricle.config import load_config
from auricle.pipeline.recent import RecentSound
from auricle.pipeline.second_look import Candidate, Candidates, JointRule, SecondLook
from auricle.pipeline.wake import WakeDetector, WakeHit
from auricle.settings import SecondLook as SecondLookSettings
from auricle.settings import WakeWord
from support.recordings import Samples, load_all, silence

BLOCK = 1_280


def step(score: float, index: int, threshold: float = 0.95) -> WakeScore:
    return WakeScore("alexa", score, threshold, index * 480)


def candidates_of(*scores: float) -> list[Candidate]:
    found = Candidates(0.1)
    steps = [step(score, index) for index, score in enumerate((*scores, *[0.0] * 8))]
    return [ripe for each in steps if (ripe := found.take(each)) is not None]


def test_a_peak_between_weak_and_strong_is_one_candidate() -> None:
    assert candidates_of(0.0, 0.2, 0.5, 0.4, 0.2) == [Candidate("alexa", 0.5, 960)]


def test_what_stays_below_weak_or_comes_to_the_threshold_is_none() -> None:
    assert candidates_of(0.0, 0.09, 0.05) == []
    assert candidates_of(0.2, 0.6, 0.96, 0.9, 0.5) == []


def test_a_score_that_stays_up_is_asked_about_once() -> None:
    assert candidates_of(*[0.4] * 60) == [Candidate("alexa", 0.4, 0)]


def test_a_score_that_rises_later_is_asked_about_again() -> None:
    first, second = candidates_of(*[0.4] * 20, 0.7, *[0.3] * 20)
    assert (first.score, second.score) == (0.4, 0.7)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)  # on a busy machine
@given(st.lists(st.floats(0, 1), max_size=80))
def test_candidates_lie_between_weak_and_strong_and_are_few(scores: list[float]) -> None:
    found = candidates_of(*scores)
    assert all(0.1 <= candidate.score < 0.95 for candidate in found)
    assert len(found) <= 1 + len(scores) // 7


@pytest.mark.parametrize(
    ("light", "second", "heard"),
    [(0.95, 0.0, True), (0.949, 0.0, False), (0.1, 0.01, True), (0.1, 0.009, False), (0.09, 1.0, False)],
)
def test_joint_rule(light: float, second: float, heard: bool) -> None:
    assert JointRule().hears(light, second) is heard


class Light(WakeEngine):
    """Gives each block the next of its scores."""

    def __init__(self, scores: Sequence[float], words: Sequence[WakeWordChoice]) -> None:
        super().__init__(PluginConfig(), words)
        self.script = list(scores)

    def load(self) -> None: ...

    def feed(self, frame: AudioFrame) -> Sequence[WakeScore]:
        score = self.script.pop(0) if self.script else 0.0
        return [WakeScore(word.model, score, word.threshold or 0.9, frame.end_sample) for word in self.words]

    def reset(self) -> None: ...

    def available_words(self) -> Sequence[str]:
        return ("alexa",)


class Second(WakeEngine):
    """Gives one score at the end of each sound it is given."""

    def __init__(self, score: float, words: Sequence[WakeWordChoice], gate: threading.Event | None = None) -> None:
        super().__init__(PluginConfig(), words)
        self.told = score
        self.gate = gate
        self.log: list[str] = []
        self.sounds: list[AudioFrame] = []

    def load(self) -> None:
        self.log.append("load")

    def feed(self, frame: AudioFrame) -> Sequence[WakeScore]:
        if self.gate is not None:
            assert self.gate.wait(30)
        self.sounds.append(frame)
        return [WakeScore(word.model, self.told, 0.5, frame.end_sample - 3 * BLOCK) for word in self.words]

    def reset(self) -> None: ...

    def available_words(self) -> Sequence[str]:
        return ("alexa", "hey_jarvis")

    def close(self) -> None:
        self.log.append("close")


class Pair:
    """A detector over a light engine of which every block gives a score, and a second that gives `score`."""

    def __init__(
        self,
        *scores: float,
        score: float,
        word: WakeWord | None = None,
        gate: threading.Event | None = None,
        look: SecondLookSettings | None = None,
    ) -> None:
        self.seconds: list[Second] = []

        def make(name: str, words: Sequence[WakeWordChoice]) -> WakeEngine:
            if name == "light":
                return Light(scores, words)
            self.seconds.append(Second(score, words, gate))
            return self.seconds[-1]

        self.detector = WakeDetector(
            [word or WakeWord(model="alexa", engine="light")],
            make,
            refractory_s=2.0,
            second=look or SecondLookSettings(engine="second"),
            background=gate is not None,
        )
        self.detector.load()
        self.at = 0

    def hear(self, blocks: int) -> list[WakeHit]:
        found = []
        for _ in range(blocks):
            if (hit := self.detector.feed(AudioFrame(bytes(2 * BLOCK), self.at))) is not None:
                found.append(hit)
            self.at += BLOCK
        return found


def wait_for(holds: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.01)


QUIET = [0.0] * 40
PEAK = [*QUIET, 0.3, 0.6, 0.2, 0.0]


def test_confirmed_candidate_is_heard_where_the_light_engine_put_it() -> None:
    pair = Pair(*PEAK, score=0.02)
    assert pair.hear(60) == [WakeHit("alexa", 0.6, 42 * BLOCK)]
    (sound,) = pair.seconds[-1].sounds
    assert sound.first_sample == 42 * BLOCK - 32_000
    assert sound.end_sample - 42 * BLOCK <= 8_000


def test_candidate_that_the_second_does_not_confirm_is_not_heard() -> None:
    pair = Pair(*PEAK, score=0.005)
    assert pair.hear(60) == []
    assert pair.detector.looks == 1


def test_second_engine_is_neither_loaded_nor_asked_without_a_candidate() -> None:
    pair = Pair(*QUIET, 0.5, 0.99, 0.99, 0.5, score=0.9)
    assert [hit.score for hit in pair.hear(80)] == [0.99]
    assert pair.detector.looks == 0
    assert [second.log for second in pair.seconds] == [[]]


def test_own_threshold_of_a_user_takes_the_place_of_strong() -> None:
    word = WakeWord(model="alexa", engine="light", threshold=0.55)
    pair = Pair(*PEAK, score=0.0, word=word)
    assert [hit.score for hit in pair.hear(60)] == [0.6]
    assert pair.detector.looks == 0


def test_threshold_of_a_model_below_strong_is_raised_to_it() -> None:
    assert Pair(*QUIET, 0.92, score=0.0).hear(60) == []
    assert len(Pair(*QUIET, 0.92, score=0.5).hear(60)) == 1


def test_word_is_heard_once_within_the_refractory_time() -> None:
    pair = Pair(*PEAK, *QUIET[:6], 0.5, *QUIET, *PEAK, score=0.5)
    assert [hit.sample for hit in pair.hear(200)] == [42 * BLOCK, (44 + 6 + 1 + 40 + 42) * BLOCK]


def test_jump_in_the_sound_makes_a_candidate_void() -> None:
    pair = Pair(*QUIET, 0.6, score=0.9)
    assert pair.hear(41) == []
    pair.at += BLOCK
    assert pair.hear(40) == []
    assert pair.detector.looks == 0


def test_words_without_a_second_model_are_heard_as_before() -> None:
    pair = Pair(*QUIET, 0.92, score=0.0, word=WakeWord(model="computer", engine="light"))
    assert [hit.score for hit in pair.hear(60)] == [0.92]


def test_switched_off_the_light_engine_decides_alone() -> None:
    pair = Pair(*PEAK, 0.92, score=0.9, look=SecondLookSettings(enabled=False, engine="second"))
    assert [hit.score for hit in pair.hear(60)] == [0.92]
    assert pair.seconds == []


def test_second_model_that_there_is_not_is_named() -> None:
    with pytest.raises(EngineUnavailable, match="hey_nobody"):
        Pair(score=0.0, word=WakeWord(model="alexa", engine="light", second="hey_nobody"))


def test_another_second_model_may_be_named() -> None:
    pair = Pair(*PEAK, score=0.5, word=WakeWord(model="alexa", engine="light", second="hey_jarvis"))
    assert len(pair.hear(60)) == 1
    assert pair.seconds[-1].words == (WakeWordChoice("hey_jarvis"),)


def test_in_the_background_sound_goes_on_during_a_look() -> None:
    gate = threading.Event()
    pair = Pair(*PEAK, score=0.5, gate=gate)
    assert pair.hear(60) == []
    gate.set()
    give_up = time.monotonic() + 30
    found: list[WakeHit] = []
    while not found and time.monotonic() < give_up:
        time.sleep(0.01)
        found = pair.hear(1) if pair.at < 70 * BLOCK else found
    assert found == [WakeHit("alexa", 0.6, 42 * BLOCK)]
    pair.detector.close()
    assert pair.seconds[-1].log == ["load", "close"]


def test_answer_about_sound_from_before_a_mute_is_void() -> None:
    gate = threading.Event()
    pair = Pair(*PEAK, score=0.5, gate=gate)
    pair.hear(50)
    wait_for(lambda: pair.seconds[-1].log == ["load"])
    pair.at += 2 * BLOCK  # was thrown away, muted
    assert pair.hear(1) == []
    gate.set()
    wait_for(lambda: len(pair.seconds[-1].sounds) == 1)
    time.sleep(0.05)
    assert pair.hear(10) == []
    pair.detector.close()


class SlowToClose(Second):
    """Closing it takes until `may_close`."""

    def __init__(self, words: Sequence[WakeWordChoice], may_close: threading.Event) -> None:
        super().__init__(0.5, words)
        self.may_close = may_close

    def close(self) -> None:
        super().close()
        assert self.may_close.wait(30)


def test_candidate_that_comes_while_the_engine_is_let_go_of_is_looked_at() -> None:
    may_close = threading.Event()
    seconds: list[SlowToClose] = []

    def make(words: Sequence[WakeWordChoice]) -> WakeEngine:
        seconds.append(SlowToClose(words, may_close))
        return seconds[-1]

    recent = RecentSound()
    recent.remember(AudioFrame(bytes(2 * 32_000), 0))
    look = SecondLook({"alexa": "alexa"}, make, 0.01, recent, background=True, idle_s=0.05)
    candidate = Candidate("alexa", 0.6, 28_000)
    for number in range(2):
        found = look.take([candidate])
        give_up = time.monotonic() + 30
        while not found:
            assert time.monotonic() < give_up
            time.sleep(0.01)
            found = look.take([])
        assert found == [candidate]
        wait_for(lambda number=number: len(seconds) > number and "close" in seconds[number].log)
    may_close.set()
    look.close()
    assert [second.log for second in seconds] == [["load", "close"]] * 2


def test_renewed_detector_looks_with_the_new_engines() -> None:
    pair, other = Pair(*PEAK, score=0.0), Pair(*PEAK, score=0.5)
    pair.hear(20)
    pair.detector.renew(other.detector)
    assert len(pair.hear(60)) == 1
    assert other.seconds[-1].sounds


@pytest.mark.data
@pytest.mark.models
def test_second_look_hears_real_people_in_babble_that_the_light_engine_misses(recordings: Path, tmp_path: Path) -> None:
    """Some of the recordings, with four other voices 10 dB below; the whole is `auricle bench --only wake`."""
    said = load_all(recordings / "wake" / "alexa")[:10]
    voices = load_all(recordings / "commands")[:40]
    random = np.random.default_rng(7)
    heard = {}
    for enabled in ("false", "true"):
        path = tmp_path / "config.toml"
        path.write_text(f'[wake]\nwords = [{{model = "alexa"}}]\n[wake.second_look]\nenabled = {enabled}\n')
        config = load_config(path).config
        detector = make_detector(config, load_host(config).engines(), background=False)
        detector.load()
        random = np.random.default_rng(7)
        heard[enabled] = sum(is_heard(detector, in_babble(clip, voices, random)) for clip in said)
        detector.close()
    assert heard["true"] >= max(heard["false"], 9)


def in_babble(said: Samples, voices: Sequence[Samples], random: np.random.Generator) -> Samples:
    clip = np.concatenate([silence(1.5), said, silence(1)]).astype(np.float64)
    babble = np.zeros(len(clip))
    for index in random.choice(len(voices), 4, replace=False):
        voice = np.resize(voices[index].astype(np.float64), len(clip))
        babble += voice / np.sqrt(np.mean(voice**2))
    loudest = [
        max(np.mean(sound[at : at + 2_048] ** 2) for at in range(0, len(clip) - 2_048, 2_048))
        for sound in (clip, babble)
    ]
    babble *= np.sqrt(loudest[0] / loudest[1] / 10)
    return np.clip(clip + babble, -32_768, 32_767).astype(np.int16)


def loudest(sound: npt.NDArray[np.float64]) -> float:
    return max(float(np.mean(sound[at : at + 2_048] ** 2)) for at in range(0, len(sound) - 2_048, 2_048))


def is_heard(detector: WakeDetector, samples: Samples) -> bool:
    detector.reset()
    blocks = range(0, len(samples), BLOCK)
    return any(detector.feed(AudioFrame(samples[at : at + BLOCK].tobytes(), at)) for at in blocks)
