"""What every wake word and VAD engine must do, as test classes: subclass one, give it its fixtures, and run pytest.

class TestMyWakeEngine(WakeContract):
    @pytest.fixture
    def make_engine(self): ...     # words -> an engine, not loaded
    @pytest.fixture
    def word(self): ...            # a name that the engine knows
    @pytest.fixture
    def spoken(self): ...          # somebody saying it, with half a second of quiet around
    @pytest.fixture
    def model_file(self, tmp_path): ...    # a copy of its model, under a name of its own
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from auricle.api import (
    INBOUND_RATE_HZ,
    SAMPLE_BYTES,
    AudioFrame,
    EngineError,
    EngineUnavailable,
    VadEngine,
    WakeEngine,
    WakeScore,
    WakeWordChoice,
)

Samples = npt.NDArray[np.int16]
MakeWakeEngine = Callable[[Sequence[WakeWordChoice]], WakeEngine]

BLOCK = 960


def sounds_without_words(seconds: float = 2.0) -> dict[str, Samples]:
    """Silence, noise and the like, at 16 kHz; the same each time."""
    count = round(seconds * INBOUND_RATE_HZ)
    time_s = np.arange(count) / INBOUND_RATE_HZ
    random = np.random.default_rng(1)
    return {
        "silence": np.zeros(count, np.int16),
        "offset": np.full(count, 12_000, np.int16),
        "noise": random.normal(0, 2_000, count).astype(np.int16),
        "hum": (8_000 * np.sin(2 * np.pi * 50 * time_s)).astype(np.int16),
        "loud square": np.where(np.sin(2 * np.pi * 440 * time_s) > 0, 32_767, -32_768).astype(np.int16),
        "clicks": np.where(np.arange(count) % 4_000 == 0, 32_767, 0).astype(np.int16),
    }


def scores_of(engine: WakeEngine, samples: Samples, *, block: int = BLOCK, first_sample: int = 0) -> list[WakeScore]:
    """Feed sound as a microphone would, in blocks."""
    scores: list[WakeScore] = []
    for at in range(0, len(samples), block):
        scores += engine.feed(AudioFrame(samples[at : at + block].tobytes(), first_sample + at))
    return scores


def is_heard(scores: Sequence[WakeScore]) -> bool:
    return any(score.score >= score.threshold for score in scores)


class WakeContract:
    """For a wake engine. Fixtures: `make_engine`, `word`, `spoken`, `model_file`."""

    @pytest.fixture
    def engine(self, make_engine: MakeWakeEngine, word: str) -> Iterator[WakeEngine]:
        engine = make_engine([WakeWordChoice(word)])
        engine.load()
        yield engine
        engine.close()

    def test_words_are_known_before_a_model_is_loaded(self, make_engine: MakeWakeEngine, word: str) -> None:
        words = make_engine([]).available_words()
        assert word in words
        assert len(set(words)) == len(words)

    def test_spoken_word_is_heard_near_its_end(self, engine: WakeEngine, spoken: Samples) -> None:
        scores = scores_of(engine, spoken)
        assert is_heard(scores)
        first = next(score for score in scores if score.score >= score.threshold)
        assert len(spoken) / 4 < first.sample < len(spoken)

    @pytest.mark.parametrize("sound", sounds_without_words())
    def test_sound_without_words_is_not_heard(self, engine: WakeEngine, sound: str) -> None:
        scores = scores_of(engine, sounds_without_words()[sound])
        assert scores
        assert not is_heard(scores)

    def test_scores_are_probabilities_of_the_word(self, engine: WakeEngine, word: str, spoken: Samples) -> None:
        scores = scores_of(engine, spoken)
        assert {score.wake_word for score in scores} == {word}
        assert all(0 <= score.score <= 1 and 0 < score.threshold < 1 for score in scores)

    @pytest.mark.parametrize("block", [1, 160, 512, 1_000, 4_801, 10**6])
    def test_length_of_blocks_does_not_matter(self, engine: WakeEngine, spoken: Samples, block: int) -> None:
        expected = scores_of(engine, spoken)
        engine.reset()
        assert scores_of(engine, spoken, block=block) == expected

    def test_positions_count_in_the_stream(self, engine: WakeEngine, spoken: Samples) -> None:
        here = scores_of(engine, spoken)
        engine.reset()
        there = scores_of(engine, spoken, first_sample=7_777_777)
        assert [score.score for score in there] == [score.score for score in here]
        assert [score.sample - 7_777_777 for score in there] == [score.sample for score in here]

    def test_positions_never_go_back_or_leave_the_stream(self, engine: WakeEngine, spoken: Samples) -> None:
        samples = [score.sample for score in scores_of(engine, spoken, first_sample=5_000)]
        assert samples == sorted(samples)
        assert samples[0] >= 5_000
        assert samples[-1] <= 5_000 + len(spoken)

    def test_reset_forgets_all_sound(self, engine: WakeEngine, spoken: Samples) -> None:
        expected = scores_of(engine, spoken)
        for cut in (100, len(spoken) // 2, len(spoken)):
            engine.reset()
            scores_of(engine, spoken[:cut])
            engine.reset()
            assert scores_of(engine, spoken) == expected

    def test_jump_in_the_stream_counts_as_reset(self, engine: WakeEngine, spoken: Samples) -> None:
        fresh = [score.score for score in scores_of(engine, spoken)]
        jumped = scores_of(engine, spoken, first_sample=len(spoken) + 16_000)
        assert [score.score for score in jumped] == fresh

    def test_word_is_heard_each_time_it_is_said(self, engine: WakeEngine, spoken: Samples) -> None:
        quiet = np.zeros(INBOUND_RATE_HZ * 2, np.int16)
        at = 0
        for _ in range(3):
            assert is_heard(scores_of(engine, spoken, first_sample=at))
            scores_of(engine, quiet, first_sample=at + len(spoken))
            at += len(spoken) + len(quiet)

    def test_threshold_is_the_users(self, make_engine: MakeWakeEngine, word: str, spoken: Samples) -> None:
        engine = make_engine([WakeWordChoice(word, 0.123)])
        engine.load()
        assert {score.threshold for score in scores_of(engine, spoken)} == {0.123}
        engine.close()

    def test_words_share_a_stream_and_keep_their_scores(
        self, make_engine: MakeWakeEngine, word: str, spoken: Samples
    ) -> None:
        others = [other for other in make_engine([]).available_words() if other != word][:2]
        alone, together = make_engine([WakeWordChoice(word)]), make_engine([*map(WakeWordChoice, [*others, word])])
        alone.load()
        together.load()
        scores = scores_of(together, spoken)
        assert {score.wake_word for score in scores} == {word, *others}
        assert [score for score in scores if score.wake_word == word] == scores_of(alone, spoken)
        alone.close()
        together.close()

    def test_word_in_a_file_of_ones_own_scores_as_the_carried_one(
        self, engine: WakeEngine, make_engine: MakeWakeEngine, model_file: Path, spoken: Samples
    ) -> None:
        own = make_engine([WakeWordChoice(str(model_file))])
        own.load()
        scores = scores_of(own, spoken)
        assert {score.wake_word for score in scores} == {model_file.stem}
        assert [score.score for score in scores] == [score.score for score in scores_of(engine, spoken)]
        own.close()

    def test_unknown_word_is_named_with_what_to_use(self, make_engine: MakeWakeEngine, word: str) -> None:
        with pytest.raises(EngineUnavailable, match=rf"hey_nobody.*{word}"):
            make_engine([WakeWordChoice("hey_nobody")]).load()

    def test_missing_file_is_named(self, make_engine: MakeWakeEngine, model_file: Path, tmp_path: Path) -> None:
        missing = tmp_path / f"absent{model_file.suffix}"
        with pytest.raises(EngineUnavailable, match=r"absent\."):
            make_engine([WakeWordChoice(str(missing))]).load()

    @pytest.mark.parametrize("damage", ["empty", "garbage", "cut"])
    def test_broken_file_is_named(self, make_engine: MakeWakeEngine, model_file: Path, damage: str) -> None:
        good = model_file.read_bytes()
        model_file.write_bytes({"empty": b"", "garbage": b"\x00garbage" * 999, "cut": good[: len(good) // 3]}[damage])
        with pytest.raises(EngineUnavailable, match=model_file.name):
            make_engine([WakeWordChoice(str(model_file))]).load()

    def test_one_word_twice_is_refused(self, make_engine: MakeWakeEngine, word: str) -> None:
        with pytest.raises(EngineUnavailable, match=word):
            make_engine([WakeWordChoice(word), WakeWordChoice(word, 0.3)]).load()

    def test_nothing_fed_gives_no_scores(self, engine: WakeEngine) -> None:
        assert list(engine.feed(AudioFrame(b""))) == []
        assert list(engine.feed(AudioFrame(b"", 100))) == []

    def test_engine_without_words_hears_nothing(self, make_engine: MakeWakeEngine, spoken: Samples) -> None:
        engine = make_engine([])
        engine.load()
        assert scores_of(engine, spoken) == []
        engine.close()

    def test_closed_engine_may_be_closed_and_loaded_again(self, engine: WakeEngine, spoken: Samples) -> None:
        expected = scores_of(engine, spoken)
        engine.close()
        engine.close()
        engine.load()
        engine.reset()
        assert scores_of(engine, spoken) == expected


class VadContract:
    """For a VAD engine. Fixtures: `engine`, loaded; `spoken`, clear speech of 1 to 10 s."""

    def test_speech_is_told_from_silence(self, engine: VadEngine, spoken: Samples) -> None:
        probabilities = probabilities_of(engine, spoken)
        assert max(probabilities) > 0.9
        engine.reset()
        assert max(probabilities_of(engine, np.zeros(2 * INBOUND_RATE_HZ, np.int16))) < 0.3

    @pytest.mark.parametrize("sound", sounds_without_words())
    def test_every_probability_is_one(self, engine: VadEngine, sound: str) -> None:
        assert all(0 <= value <= 1 for value in probabilities_of(engine, sounds_without_words()[sound]))

    @pytest.mark.parametrize("sound", ["silence", "offset", "noise", "hum", "clicks"])
    def test_sound_without_words_is_hardly_ever_speech(self, engine: VadEngine, sound: str) -> None:
        probabilities = probabilities_of(engine, sounds_without_words()[sound])
        assert sum(value >= 0.5 for value in probabilities) <= len(probabilities) / 10

    def test_reset_forgets_all_sound(self, engine: VadEngine, spoken: Samples) -> None:
        first = probabilities_of(engine, spoken)
        engine.reset()
        assert probabilities_of(engine, spoken) == first

    def test_window_of_another_length_is_refused(self, engine: VadEngine) -> None:
        for count in (0, 1, engine.window_samples - 1, engine.window_samples + 1):
            with pytest.raises(EngineError, match=str(engine.window_samples)):
                engine.probability(bytes(count * SAMPLE_BYTES))

    def test_closed_engine_may_be_closed_and_loaded_again(self, engine: VadEngine, spoken: Samples) -> None:
        expected = probabilities_of(engine, spoken)
        engine.close()
        engine.close()
        with pytest.raises(EngineUnavailable):
            engine.probability(bytes(engine.window_samples * SAMPLE_BYTES))
        engine.load()
        assert probabilities_of(engine, spoken) == expected


def probabilities_of(engine: VadEngine, samples: Samples) -> list[float]:
    """Probability of voice in each whole window."""
    pcm, step = samples.tobytes(), engine.window_samples * SAMPLE_BYTES
    return [engine.probability(pcm[at : at + step]) for at in range(0, len(pcm) - step + 1, step)]
