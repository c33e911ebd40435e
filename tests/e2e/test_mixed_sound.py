"""Hours of a home without a wake word, faster than it sounds: the ears go deaf never, leak nothing, hear few words."""

import asyncio
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from auricle.app.building import make_listeners
from auricle.cli.common import load_host
from auricle.config import load_config
from auricle.model.audio import AudioFrame
from auricle.model.errors import AuricleError
from auricle.pipeline.ears import Ears
from auricle.pipeline.wake import WakeHit
from support.recordings import Samples, load_all, load_samples, silence

pytestmark = [pytest.mark.models, pytest.mark.data]

BLOCK = 1_280
RATE = 16_000
MINUTE = 60 * RATE


class Home:
    """A source that is read as fast as it goes."""

    lossless = True

    def __init__(self, sounds: Iterator[Samples]) -> None:
        self._blocks = (
            sound[at : at + BLOCK].tobytes() for sound in sounds for at in range(0, len(sound) - BLOCK + 1, BLOCK)
        )
        self._at = 0
        self.ended = False

    def take(self, timeout_s: float) -> AudioFrame | None:
        pcm = next(self._blocks, None)
        if pcm is None:
            self.ended = True
            return None
        frame = AudioFrame(pcm, self._at)
        self._at = frame.end_sample
        return frame


def minute_of(speech: list[Samples], noise: Samples, random: np.random.Generator) -> Samples:
    """Speech, noise, tones as of music and silence, a quarter of a minute each."""
    count = MINUTE // 4
    talk = np.resize(np.concatenate([speech[at] for at in random.permutation(len(speech))[:12]]), count)
    start = int(random.integers(len(noise) - count))
    time_s = np.arange(count) / RATE
    notes = 220 * 2 ** (np.repeat(random.integers(0, 24, 60), count // 60 + 1)[:count] / 12)
    phase = 2 * np.pi * np.cumsum(notes) / RATE
    music = 4_000 * (np.sin(phase) + np.sin(2 * phase) / 2) * np.exp(-3 * (time_s % 0.25))
    return np.concatenate([talk, noise[start : start + count], music.astype(np.int16), silence(15)])


@pytest.mark.parametrize("minutes", [2, pytest.param(60, marks=pytest.mark.long)])
async def test_mixed_sound_leaves_the_ears_as_they_were(recordings: Path, tmp_path: Path, minutes: int) -> None:
    random = np.random.default_rng(7)
    speech = load_all(recordings / "commands") + load_all(recordings / "wake" / "other")
    noise = load_samples(recordings / "noise" / "kitchen.flac")
    word = np.concatenate([silence(1), load_all(recordings / "wake" / "alexa")[0], silence(4)])
    memory: list[int] = []

    def sounds() -> Iterator[Samples]:
        yield word
        for _ in range(minutes):
            memory.append(int(Path(f"/proc/{os.getpid()}/statm").read_text().split()[1]) * 4_096)
            yield minute_of(speech, noise, random)
        yield word

    path = tmp_path / "config.toml"
    path.write_text('[wake]\nwords = [{model = "alexa"}]\n[audio.input]\ndevice = "-"\npace = "fast"\n')
    config = load_config(path).config
    detector, vad = make_listeners(config, load_host(config))
    hits: list[WakeHit] = []
    faults: list[AuricleError] = []
    ended = asyncio.Event()
    await asyncio.to_thread(lambda: (detector.load(), vad.load()))
    ears = Ears(
        Home(sounds()),
        detector,
        vad,
        loop=asyncio.get_running_loop(),
        on_wake=hits.append,
        on_end=ended.set,
        on_fault=faults.append,
    )
    tap = ears.tap(0)
    ears.start()
    try:
        async with asyncio.timeout(60 + 60 * minutes):
            windows = 0
            async for _ in tap:
                windows += 1
            await ended.wait()
    finally:
        await asyncio.to_thread(ears.stop)
        detector.close()
        vad.close()
    total = 2 * len(word) // BLOCK * BLOCK + minutes * MINUTE
    false = [hit for hit in hits if len(word) <= hit.sample < total - len(word)]
    quarters = [round(memory[(len(memory) - 1) * quarter // 4] / 1e6) for quarter in range(5)]
    print(f"{minutes} min: {len(false)} false, MB at each quarter {quarters}")
    assert faults == []
    assert ears.position >= total - 2 * BLOCK
    assert windows == pytest.approx(ears.position / 512, abs=20)
    # The word at the beginning and the one at the end: not deaf.
    assert [hit.wake_word for hit in hits if hit not in false] == ["alexa"] * 2
    assert len(false) <= max(1, minutes // 20)
    # The second look's engine is loaded in the first minutes and let go of and loaded again later.
    settled = memory[len(memory) // 4 :]
    assert settled[-1] - settled[0] < (8e6 if minutes >= 60 else 30e6)
    assert all(after >= before for before, after in itertools.pairwise(hit.sample for hit in hits))
