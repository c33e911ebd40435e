"""Recordings are cut at their pauses: no speech is lost or sent twice, silence is not sent, chunks stay short."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from auricle.api import PluginConfig, VadEngine
from auricle.model.audio import AudioFrame
from auricle.model.errors import AudioFileError, EngineDied, EngineError
from auricle.model.intent import Transcript
from auricle.pipeline.recordings import (
    AtATime,
    Chunk,
    CutRule,
    Cutter,
    Recording,
    Segment,
    chunks,
    transcribe_recording,
)

Samples = npt.NDArray[np.int16]
RATE = 16_000
RULE = CutRule()


class LoudnessVad(VadEngine):
    """Hears voice in what is loud."""

    def __init__(self, config: PluginConfig | None = None) -> None:
        self.windows = 0

    def load(self) -> None:
        pass

    def probability(self, pcm: bytes) -> float:
        self.windows += 1
        return float(np.abs(np.frombuffer(pcm, "<i2").astype(np.int32)).max() > 1_000)

    def reset(self) -> None:
        self.windows = 0


class Listener:
    """Speech to text that says how much it heard; fails at the chunks whose numbers it is given."""

    def __init__(self, *failures: EngineError) -> None:
        self.heard: list[AudioFrame] = []
        self.languages: list[str | None] = []
        self._failures = list(failures)

    async def transcribe(
        self, frames: AsyncIterator[AudioFrame], language: str | None
    ) -> AsyncGenerator[Transcript, None]:
        if self._failures:
            raise self._failures.pop(0)
        got = [frame async for frame in frames]
        self.heard += got
        self.languages.append(language)
        yield Transcript("partial", final=False)
        yield Transcript(f" part {len(self.heard)}. ", "en", 0.5)


def sound(*parts: tuple[str, float]) -> Samples:
    """`("speech", seconds)` and `("silence", seconds)`, in order."""
    made = [
        np.full(round(seconds * RATE), 8_000 if what == "speech" else 0, np.int16) * np.int16(1)
        for what, seconds in parts
    ]
    return np.concatenate(made)


def cut(samples: Samples, rule: CutRule = RULE, block: int = 8_000) -> list[Chunk]:
    def frames() -> Iterator[AudioFrame]:
        for at in range(0, len(samples), block):
            yield AudioFrame(samples[at : at + block].tobytes(), at)

    return [chunk for chunk in chunks(frames(), LoudnessVad(), rule) if chunk is not None]


def seconds(chunk: Chunk) -> tuple[float, float]:
    return chunk.first_sample / RATE, chunk.end_sample / RATE


def heard(found: list[Chunk]) -> int:
    """Samples of speech in the chunks."""
    return sum(int((np.frombuffer(chunk.sound.pcm, "<i2") > 1_000).sum()) for chunk in found)


# --- cutting


def test_silence_is_not_sent_and_speech_keeps_its_place() -> None:
    samples = sound(("silence", 60), ("speech", 2), ("silence", 30), ("speech", 3), ("silence", 45))
    found = cut(samples)
    assert [seconds(chunk) for chunk in found] == [
        (pytest.approx(60, abs=0.04), pytest.approx(62, abs=0.04)),
        (pytest.approx(92, abs=0.04), pytest.approx(95, abs=0.04)),
    ]
    assert heard(found) == 5 * RATE
    assert sum(chunk.sound.seconds for chunk in found) < 5 + 4 * (RULE.margin_s + 0.04)
    for chunk in found:
        at = chunk.sound.first_sample
        assert chunk.sound.pcm == samples[at : at + chunk.sound.samples].tobytes()


def test_a_chunk_ends_at_a_pause_once_it_is_long_enough() -> None:
    found = cut(sound(*[("speech", 3), ("silence", 0.6)] * 6))
    assert [seconds(chunk)[0] for chunk in found] == [pytest.approx(start, abs=0.04) for start in (0, 10.8)]
    assert heard(found) == 18 * RATE


@pytest.mark.parametrize(
    "parts",
    [
        [("speech", 100.0)],
        [("speech", 0.9), ("silence", 0.1)] * 90,
        [("speech", 5.0), ("silence", 0.35)] * 20,
        [("speech", 26.0), ("silence", 0.2), ("speech", 40.0), ("silence", 2.0), ("speech", 0.03)],
    ],
)
def test_chunks_stay_short_and_together_are_all_the_speech(parts: list[tuple[str, float]]) -> None:
    samples = sound(*parts)
    found = cut(samples)
    assert max(chunk.sound.seconds for chunk in found) < 28
    positions = [(chunk.sound.first_sample, chunk.sound.end_sample) for chunk in found]
    assert all(first[1] <= second[0] for first, second in pairwise(positions))
    noise = 0.03 * RATE if parts[-1] == ("speech", 0.03) else 0
    assert heard(found) == int((samples > 1_000).sum()) - noise


def test_a_long_chunk_is_cut_in_the_longest_pause_it_has() -> None:
    found = cut(sound(("speech", 14), ("silence", 0.1), ("speech", 4), ("silence", 0.2), ("speech", 22)))
    assert found[0].sound.end_sample / RATE == pytest.approx(18.2, abs=0.07)


def test_the_size_of_the_frames_changes_nothing() -> None:
    samples = sound(("silence", 1), ("speech", 20), ("silence", 0.4), ("speech", 20), ("silence", 3), ("speech", 1))
    assert cut(samples, block=8_000) == cut(samples, block=333) == cut(samples, block=1_000_000)


def test_a_short_noise_is_not_sent() -> None:
    assert cut(sound(("silence", 3), ("speech", 0.03), ("silence", 3))) == []


def test_the_end_of_the_file_is_not_padded() -> None:
    samples = sound(("silence", 0.5), ("speech", 1.2345))
    (chunk,) = cut(samples)
    assert chunk.sound.end_sample == chunk.end_sample == len(samples)


def test_an_hour_is_never_held_in_memory() -> None:
    cutter = Cutter(RULE, 512)
    window = np.full(512, 8_000, np.int16).tobytes()
    most = 0
    for _ in range(10_000):
        cutter.push(window, 1.0)
        most = max(most, len(cutter._pcm))
    assert most <= 28 * RATE * 2


# --- transcribing


@pytest.fixture
def spoken(tmp_path: Path) -> str:
    """Two seconds of sound, five of silence, three of sound, at 44.1 kHz in stereo."""
    samples = np.repeat(sound(("speech", 2), ("silence", 5), ("speech", 3)), 3)
    path = tmp_path / "spoken.flac"
    soundfile.write(path, np.stack([samples, samples], axis=1), 48_000)
    return str(path)


async def test_a_recording_is_its_segments(spoken: str) -> None:
    listener = Listener()
    progress: list[float] = []
    found = await transcribe_recording(spoken, listener, LoudnessVad(), language="en", on_progress=progress.append)
    assert found.text == "part 1. part 2."
    assert (found.language, found.confidence, found.audio_s) == ("en", 0.5, 10.0)
    assert [(segment.start_s, segment.end_s) for segment in found.segments] == [
        (0.0, pytest.approx(2, abs=0.05)),
        (pytest.approx(7, abs=0.05), pytest.approx(10, abs=0.05)),
    ]
    assert listener.languages == ["en", "en"]
    assert sum(progress) == pytest.approx(10)


async def test_an_engine_that_dies_once_is_asked_again(spoken: str) -> None:
    found = await transcribe_recording(spoken, Listener(EngineDied("gone")), LoudnessVad())
    assert found.text == "part 1. part 2."
    with pytest.raises(EngineDied, match="gone again"):
        await transcribe_recording(spoken, Listener(EngineDied("gone"), EngineDied("gone again")), LoudnessVad())
    with pytest.raises(EngineError, match="no"):
        await transcribe_recording(spoken, Listener(EngineError("no")), LoudnessVad())


async def test_a_file_that_is_no_sound_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.wav"
    path.write_text("no sound")
    with pytest.raises(AudioFileError, match=r"bad.wav"):
        await transcribe_recording(str(path), Listener(), LoudnessVad())


async def test_a_silent_file_asks_no_engine(tmp_path: Path) -> None:
    path = tmp_path / "silent.wav"
    soundfile.write(path, sound(("silence", 40)), RATE)
    found = await transcribe_recording(str(path), Listener(EngineError("asked")), LoudnessVad())
    assert (found.text, found.language, found.confidence, found.audio_s) == ("", None, None, 40.0)


def test_language_and_confidence_go_by_time() -> None:
    recording = Recording(
        [Segment(0, 1, "a", "de", 0.2), Segment(2, 3, "b", "en", None), Segment(3, 6, "c", "en", 0.6)], 9
    )
    assert recording.language == "en"
    assert recording.confidence == pytest.approx(0.5)


def test_a_command_cut_in_two_may_be_something_else_in_each_part() -> None:
    first = Segment(0.0, 1.0, "a late", alternatives=("a latte",))
    second = Segment(3.0, 4.0, "with sum milk", alternatives=("with some milk",))
    assert Recording((first, second), 4.0).transcript.alternatives == ("a latte with sum milk", "a late with some milk")


class Crowd:
    """Speech to text that first answers when it has so many in hand, the last of them first."""

    def __init__(self, patience: int, fails_at: int = 0, dies_at: tuple[int, ...] = ()) -> None:
        self.most = 0
        self.asked = 0
        self.left: list[int] = []
        self._patience = patience
        self._fails_at = fails_at
        self._dies_at = dies_at
        self._in_hand = 0
        self._full = asyncio.Event()

    async def transcribe(
        self, frames: AsyncIterator[AudioFrame], language: str | None
    ) -> AsyncGenerator[Transcript, None]:
        self.asked += 1
        number = self.asked
        self._in_hand += 1
        self.most = max(self.most, self._in_hand)
        if self._in_hand == self._patience:
            self._full.set()
        try:
            [frame] = [frame async for frame in frames]
            await self._full.wait()
            for _ in range(2 * (self._patience - number)):
                await asyncio.sleep(0)
            if number in self._dies_at:
                raise EngineDied("it was killed")
            if number == self._fails_at:
                raise EngineError("it did not work")
            yield Transcript(f"at {frame.first_sample / RATE:.0f} s.")
        finally:
            self._in_hand -= 1
            self.left.append(number)


@pytest.mark.parametrize("batch", [1, 3])
async def test_so_many_chunks_are_asked_for_at_a_time_and_stay_in_order(tmp_path: Path, batch: int) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, sound(*[("speech", 2), ("silence", 8)] * 7), RATE)
    crowd = Crowd(batch)
    found = await transcribe_recording(str(path), crowd, LoudnessVad(), batch=lambda: batch)
    assert found.text.split(" s.") == ["at 0", *(f" at {10 * number}" for number in range(1, 7)), ""]
    assert crowd.most == batch
    assert crowd.asked == 7


async def test_chunks_that_an_engine_died_over_together_are_each_heard_once(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, sound(*[("speech", 2), ("silence", 8)] * 7), RATE)
    crowd = Crowd(3, dies_at=(1, 2, 3))
    found = await transcribe_recording(str(path), crowd, LoudnessVad(), batch=lambda: 3)
    assert found.text.split(" s.") == ["at 0", *(f" at {10 * number}" for number in range(1, 7)), ""]
    assert crowd.asked == 10


@pytest.mark.parametrize("most", [1, 2])
async def test_no_more_is_asked_at_a_time_than_the_engine_takes(tmp_path: Path, most: int) -> None:
    crowd = Crowd(most)
    stt = AtATime(crowd, lambda: most)
    files = []
    for number in range(5):
        files.append(str(tmp_path / f"{number}.wav"))
        soundfile.write(files[-1], sound(("silence", number), ("speech", 2)), RATE)
    found = await asyncio.gather(*(transcribe_recording(file, stt, LoudnessVad(), batch=lambda: 2) for file in files))
    assert [recording.text for recording in found] == [f"at {number} s." for number in range(5)]
    assert crowd.most == most


async def test_an_error_ends_what_else_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, sound(*[("speech", 2), ("silence", 8)] * 7), RATE)
    crowd = Crowd(4, fails_at=2)
    with pytest.raises(EngineError, match="it did not work"):
        await transcribe_recording(str(path), crowd, LoudnessVad(), batch=lambda: 4)
    assert crowd.asked < 7
    assert sorted(crowd.left) == list(range(1, crowd.asked + 1))
