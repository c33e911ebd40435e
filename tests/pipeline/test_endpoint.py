"""A command begins and ends where it should, whatever the VAD says of it."""

import itertools
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auricle.api import AudioFrame
from auricle.model.errors import NothingHeard
from auricle.pipeline.endpoint import Command, EndpointRule, Hearing, Segmenter, Verdict
from auricle_silero_vad import SileroVadConfig
from auricle_silero_vad.engine import Engine
from support.recordings import load_all, silence

WINDOW = 512
RATE_HZ = 16_000
RULE = EndpointRule()


def windows(*runs: tuple[float, float]) -> list[float]:
    """Probabilities of runs of (seconds, probability), in whole windows."""
    return [speech for seconds, speech in runs for _ in range(round(seconds * RATE_HZ / WINDOW))]


def pushed(segmenter: Segmenter, speech: Iterable[float]) -> Segmenter:
    for value in speech:
        segmenter.push(WINDOW, value)
    return segmenter


def seconds(samples: int) -> float:
    return samples / RATE_HZ


async def frames_of(speech: Sequence[float], first_sample: int = 0) -> AsyncIterator[AudioFrame]:
    for index, value in enumerate(speech):
        yield AudioFrame(bytes(2 * WINDOW), first_sample + index * WINDOW, speech=value)


async def heard(speech: Sequence[float], rule: EndpointRule = RULE, first_sample: int = 0) -> tuple[Hearing, list[int]]:
    """The hearing, ended, and the positions of the frames that it gave."""
    hearing = Hearing(frames_of(speech, first_sample), rule)
    return hearing, [frame.first_sample async for frame in hearing]


class TestSegmenter:
    def test_command_lasts_from_its_first_to_its_last_voiced_sample(self) -> None:
        segmenter = pushed(Segmenter(RULE), windows((1, 0), (2, 0.9), (3, 0)))
        assert segmenter.verdict is Verdict.ENDED
        command = segmenter.command
        assert (command.first_sample, command.last_sample) == (31 * WINDOW, 93 * WINDOW - 1)
        assert (command.end_sample, command.reason) == (93 * WINDOW + 22 * WINDOW, "silence")

    def test_positions_are_those_of_the_stream(self) -> None:
        speech = windows((1, 0), (2, 0.9), (3, 0))
        here, there = pushed(Segmenter(RULE), speech), pushed(Segmenter(RULE, 1_000_000), speech)
        assert there.command.first_sample == here.command.first_sample + 1_000_000
        assert there.command.last_sample == here.command.last_sample + 1_000_000
        assert there.command.end_sample == here.command.end_sample + 1_000_000

    @pytest.mark.parametrize("silence_s", [0.1, 0.3, 0.7, 2.0])
    def test_quiet_of_silence_s_ends_it_and_less_does_not(self, silence_s: float) -> None:
        rule = EndpointRule(silence_s=silence_s)
        shorter = windows((1, 0.9), (silence_s, 0))[:-2]
        assert pushed(Segmenter(rule), [*shorter, *windows((0.5, 0.9))]).verdict is Verdict.SPEAKING
        assert pushed(Segmenter(rule), windows((1, 0.9), (silence_s + 0.05, 0))).verdict is Verdict.ENDED

    def test_nobody_speaks_until_the_patience_is_over(self) -> None:
        segmenter = pushed(Segmenter(EndpointRule(patience_s=3.2)), windows((3.2, 0.3))[:-1])
        assert segmenter.verdict is Verdict.WAITING
        assert segmenter.push(WINDOW, 0.3) is Verdict.NOTHING
        assert segmenter.position == 51_200

    def test_click_is_no_command_and_leaves_the_patience_as_it_was(self) -> None:
        click = windows((1, 0), (0.1, 0.99), (4, 0))
        segmenter = pushed(Segmenter(RULE), click)
        assert segmenter.verdict is Verdict.NOTHING
        assert segmenter.position == -(-80_000 // WINDOW) * WINDOW

    def test_command_after_a_click_begins_where_the_command_does(self) -> None:
        segmenter = pushed(Segmenter(RULE), windows((1, 0), (0.1, 0.99), (1, 0), (1, 0.9), (1, 0)))
        assert seconds(segmenter.command.first_sample) == pytest.approx(2.1, abs=0.05)

    def test_click_at_the_end_of_the_patience_may_still_become_a_command(self) -> None:
        segmenter = pushed(Segmenter(RULE), windows((4.95, 0), (1, 0.9), (1, 0)))
        assert segmenter.command.reason == "silence"

    def test_short_dips_are_part_of_a_short_word(self) -> None:
        segmenter = pushed(Segmenter(RULE), windows((0.5, 0), *[(0.064, 0.9), (0.2, 0)] * 4, (1, 0)))
        assert seconds(segmenter.command.first_sample) == pytest.approx(0.5, abs=0.05)

    def test_speech_goes_on_a_little_below_the_threshold(self) -> None:
        segmenter = pushed(Segmenter(RULE), windows((0.5, 0.6), (3, 0.4)))
        assert segmenter.verdict is Verdict.SPEAKING
        assert pushed(Segmenter(RULE), windows((0.5, 0.6), (3, 0.3))).verdict is Verdict.ENDED
        assert pushed(Segmenter(RULE), windows((8, 0.4))).verdict is Verdict.NOTHING

    def test_low_threshold_does_not_take_silence_for_speech(self) -> None:
        rule = EndpointRule(speech_threshold=0.1)
        assert pushed(Segmenter(rule), windows((1, 0.2), (1, 0.0))).verdict is Verdict.ENDED

    def test_command_that_never_ends_is_cut_at_max_s(self) -> None:
        segmenter = pushed(Segmenter(EndpointRule(max_s=3)), windows((1, 0), (20, 0.9)))
        command = segmenter.command
        assert command.reason == "max_s"
        assert 3.0 <= seconds(command.end_sample - command.first_sample) < 3.0 + seconds(WINDOW)
        assert command.last_sample == command.end_sample - 1

    def test_sound_that_ends_in_mid_speech_ends_the_command(self) -> None:
        segmenter = pushed(Segmenter(RULE), windows((1, 0), (1, 0.9)))
        assert segmenter.finish() is Verdict.ENDED
        assert segmenter.command == Command(31 * WINDOW, 62 * WINDOW - 1, 62 * WINDOW, "end_of_audio")

    def test_sound_that_ends_without_speech_is_nothing(self) -> None:
        assert Segmenter(RULE).finish() is Verdict.NOTHING
        assert pushed(Segmenter(RULE), windows((1, 0))).finish() is Verdict.NOTHING
        assert pushed(Segmenter(RULE), windows((1, 0), (0.1, 0.9))).finish() is Verdict.NOTHING

    def test_end_of_the_wake_word_is_no_command(self) -> None:
        tail = windows((0.23, 0.9), (1, 0))
        assert pushed(Segmenter(RULE), tail).verdict is Verdict.ENDED
        assert pushed(Segmenter(RULE, after_word=True), tail).verdict is Verdict.WAITING

    def test_command_in_one_breath_with_the_wake_word_begins_at_once(self) -> None:
        segmenter = pushed(Segmenter(RULE, 700, after_word=True), windows((0.35, 0.9), (1, 0)))
        assert segmenter.command.first_sample == 700

    def test_short_command_after_a_pause_is_one_though_a_wake_word_was_before(self) -> None:
        segmenter = pushed(Segmenter(RULE, after_word=True), windows((0.2, 0.9), (0.5, 0), (0.23, 0.9), (1, 0)))
        assert seconds(segmenter.command.first_sample) == pytest.approx(0.7, abs=0.05)

    def test_command_is_not_told_before_it_has_ended(self) -> None:
        with pytest.raises(RuntimeError, match="waiting"):
            _ = Segmenter(RULE).command
        with pytest.raises(RuntimeError, match="speaking"):
            _ = pushed(Segmenter(RULE), windows((1, 0.9))).command


class TestHearing:
    async def test_frames_begin_with_the_lead_in_and_end_with_the_command(self) -> None:
        hearing, positions = await heard(windows((2, 0), (1, 0.9), (5, 0)), first_sample=5_000)
        assert hearing.command.first_sample == 5_000 + 62 * WINDOW
        assert 0.5 - seconds(WINDOW) < seconds(hearing.command.first_sample - positions[0]) <= 0.5
        assert positions == list(range(positions[0], hearing.command.end_sample, WINDOW))

    async def test_speech_at_once_is_kept_from_the_first_frame(self) -> None:
        hearing, positions = await heard(windows((1, 0.9), (2, 0)), first_sample=123)
        assert positions[0] == 123
        assert hearing.command.first_sample == 123

    async def test_frames_come_while_they_are_spoken(self) -> None:
        taken = 0

        async def source() -> AsyncIterator[AudioFrame]:
            nonlocal taken
            async for frame in frames_of(windows((1, 0), (3, 0.9), (1, 0))):
                taken += 1
                yield frame

        behind = []
        async for frame in Hearing(source(), RULE):
            behind.append(taken - frame.first_sample // WINDOW - 1)
        assert max(behind) * WINDOW <= (0.5 + 0.2) * RATE_HZ + 2 * WINDOW
        assert behind[30:] == [0] * len(behind[30:])

    async def test_nothing_heard_says_how_long_it_waited(self) -> None:
        with pytest.raises(NothingHeard, match=r"2\.5 s"):
            await heard(windows((9, 0)), EndpointRule(patience_s=2.5))

    async def test_sound_that_ends_at_once_is_nothing_heard(self) -> None:
        with pytest.raises(NothingHeard):
            await heard([])

    async def test_sound_that_ends_in_mid_speech_is_given_whole(self) -> None:
        hearing, positions = await heard(windows((0.3, 0), (1, 0.9)))
        assert positions == [index * WINDOW for index in range(9 + 31)]
        assert hearing.command.reason == "end_of_audio"

    async def test_time_of_lost_frames_has_passed(self) -> None:
        async def source() -> AsyncIterator[AudioFrame]:
            async for frame in frames_of(windows((1, 0.9))):
                yield frame
            yield AudioFrame(bytes(2 * WINDOW), 100 * WINDOW, speech=0.9)

        hearing = Hearing(source(), RULE)
        assert [frame.first_sample async for frame in hearing][-1] == 30 * WINDOW
        assert hearing.command.reason == "silence"
        assert hearing.command.last_sample == 31 * WINDOW - 1

    async def test_ended_hearing_takes_no_more_sound(self) -> None:
        hearing, positions = await heard(windows((1, 0.9), (9, 0)))
        assert positions
        with pytest.raises(StopAsyncIteration):
            await anext(hearing)
        assert hearing.command.reason == "silence"


probabilities = st.lists(
    st.tuples(
        st.integers(1, 60),
        st.sampled_from([0.0, 0.3, 0.4, 0.5, 0.9, 1.0]) | st.floats(allow_nan=True, allow_infinity=True),
    ),
    max_size=12,
).map(lambda runs: [speech for count, speech in runs for _ in range(count)])
rules = st.builds(
    EndpointRule,
    patience_s=st.floats(0.5, 10),
    silence_s=st.floats(0.1, 5),
    max_s=st.floats(1, 28),
    speech_threshold=st.floats(0.01, 0.99),
    min_speech_s=st.floats(0, 2),
)


@given(speech=probabilities, rule=rules, first_sample=st.integers(0, 2**40), after_word=st.booleans())
async def test_any_probabilities_give_a_command_within_bounds_or_nothing(
    speech: list[float], rule: EndpointRule, first_sample: int, after_word: bool
) -> None:
    hearing = Hearing(frames_of(speech, first_sample), rule, after_word=after_word)
    given_frames: list[AudioFrame] = []
    try:
        async for frame in hearing:
            given_frames.append(frame)
    except NothingHeard:
        assert given_frames == []
        return
    command = hearing.command
    assert command.reason in ("silence", "max_s", "end_of_audio")
    assert first_sample <= command.first_sample <= command.last_sample < command.end_sample
    assert command.end_sample <= first_sample + len(speech) * WINDOW
    assert given_frames[-1].end_sample == command.end_sample
    assert command.first_sample - rule.lead_in_s * RATE_HZ <= given_frames[0].first_sample <= command.first_sample
    assert sum(frame.samples for frame in given_frames) <= (rule.max_s + rule.lead_in_s) * RATE_HZ + WINDOW
    assert all(one.end_sample == two.first_sample for one, two in itertools.pairwise(given_frames))


@given(rule=rules, quiet=st.floats(0, 0.999))
def test_without_speech_nothing_is_heard_exactly_at_the_patience(rule: EndpointRule, quiet: float) -> None:
    segmenter = Segmenter(rule, 1_000)
    while not segmenter.push(WINDOW, quiet * rule.speech_threshold).final:
        assert segmenter.position - 1_000 < rule.patience_s * RATE_HZ
    assert segmenter.verdict is Verdict.NOTHING
    assert 0 <= segmenter.position - 1_000 - round(rule.patience_s * RATE_HZ) < WINDOW


@pytest.mark.data
@pytest.mark.models
def test_commands_of_real_people_are_neither_cut_nor_waited_for(recordings: Path) -> None:
    vad = Engine(SileroVadConfig())
    vad.load()
    spoken = [judged(vad, command) for command in load_all(recordings / "commands")]
    assert len(spoken) == 120
    for silence_s, cut_at_most in ((0.3, 6), (0.5, 0), (0.7, 0)):
        cut = 0
        for speech in spoken:
            voiced = [index for index, value in enumerate(speech) if value >= RULE.speech_threshold]
            last_end = (voiced[-1] + 1) * WINDOW
            segmenter = pushed(Segmenter(EndpointRule(silence_s=silence_s, patience_s=30)), speech)
            command = segmenter.command
            assert command.reason == "silence"
            assert command.first_sample <= voiced[0] * WINDOW
            assert seconds(command.end_sample - last_end) <= silence_s + 0.3
            cut += command.last_sample + 1 < last_end
        assert cut <= cut_at_most


def judged(vad: Engine, command: "np.ndarray[tuple[int], np.dtype[np.int16]]") -> list[float]:
    samples = np.concatenate([silence(1), command, silence(1)])
    vad.reset()
    return [vad.probability(samples[at : at + WINDOW].tobytes()) for at in range(0, len(samples) - WINDOW + 1, WINDOW)]
