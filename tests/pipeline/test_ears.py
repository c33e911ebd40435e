"""The ears: wake words told, taps that miss nothing, a thread that does not die."""

import asyncio
from collections.abc import Callable

import pytest

from auricle.model.audio import AudioFrame
from auricle.model.errors import AuricleError
from auricle.pipeline.ears import Ears, Tap
from auricle.pipeline.wake import WakeHit
from auricle.testing.fakes import LoudnessVad, ScriptedSource, silence, voice


class ScriptedDetector:
    """Hears a word that ended at each given sample, once sound has come `late` samples past it."""

    def __init__(self, *samples: int, late: int = 1600, failures: int = 0) -> None:
        self._samples = list(samples)
        self._late = late
        self.failures = failures
        self.frames = 0

    def feed(self, frame: AudioFrame) -> WakeHit | None:
        self.frames += 1
        if self.failures:
            self.failures -= 1
            raise RuntimeError("a bug in an engine")
        if self._samples and frame.end_sample >= self._samples[0] + self._late:
            return WakeHit("word", 0.99, self._samples.pop(0))
        return None


class Listener:
    """Opens a tap at each wake word, and takes it to the end of the sound or to `seconds` of it."""

    def __init__(self, pcm: bytes, detector: ScriptedDetector, *, seconds: float = 99) -> None:
        self.hits: list[WakeHit] = []
        self.faults: list[AuricleError] = []
        self.heard: list[bytes] = []
        self.first: list[int] = []
        self.ended = asyncio.Event()
        self._seconds = seconds
        self._tasks: list[asyncio.Task[None]] = []
        self.ears = Ears(
            ScriptedSource(pcm),
            detector,  # type: ignore[arg-type]
            LoudnessVad(),
            loop=asyncio.get_running_loop(),
            on_wake=self.wake,
            on_end=self.ended.set,
            on_fault=self.faults.append,
        )

    def wake(self, hit: WakeHit) -> None:
        self.hits.append(hit)
        self.ears.turn_begins()
        self._tasks.append(asyncio.create_task(self._listen(self.ears.tap(hit.sample))))

    async def _listen(self, tap: Tap) -> None:
        frames = []
        async for frame in tap:
            frames.append(frame)
            if frame.end_sample - frames[0].first_sample >= self._seconds * 16_000:
                break
        tap.close()
        self.ears.turn_ends()
        self.first.append(frames[0].first_sample if frames else -1)
        self.heard.append(b"".join(frame.pcm for frame in frames))

    async def to_the_end(self) -> None:
        self.ears.start()
        async with asyncio.timeout(10):
            await self.ended.wait()
            await asyncio.gather(*self._tasks)
        self.ears.stop()


def counting(samples: int) -> bytes:
    """Sound in which every sample tells where it is."""
    return b"".join((at % 30_000 + 1).to_bytes(2, "little") for at in range(samples))


async def test_a_tap_begins_at_the_sample_where_the_word_ended_and_misses_nothing() -> None:
    pcm = counting(48_000)
    listener = Listener(pcm, ScriptedDetector(10_007))
    await listener.to_the_end()
    assert listener.hits == [WakeHit("word", 0.99, 10_007)]
    assert listener.first == [10_007]
    whole_windows = (48_000 - 10_007) // 512 * 512
    assert listener.heard == [pcm[2 * 10_007 : 2 * (10_007 + whole_windows)]]


async def test_windows_carry_the_voice_that_the_vad_found() -> None:
    detector = ScriptedDetector(8_000)
    listener = Listener(voice(1) + silence(1), detector)
    seen: list[float] = []
    original = listener.ears.tap

    def tap(sample: int) -> Tap:
        opened = original(sample)
        push = opened.push
        opened.push = lambda windows: (seen.extend(w.speech for w in windows), push(windows))[1]  # type: ignore[method-assign]
        return opened

    listener.ears.tap = tap  # type: ignore[method-assign]
    await listener.to_the_end()
    assert seen[:15] == [1.0] * 15
    assert seen[-15:] == [0.0] * 15


async def test_sound_read_as_fast_as_it_goes_waits_for_each_turn() -> None:
    listener = Listener(counting(160_000), ScriptedDetector(8_000, 80_000), seconds=1)
    await listener.to_the_end()
    assert listener.first == [8_000, 80_000]
    assert [len(heard) // 2 for heard in listener.heard] == [16_384 - 16_384 % 512] * 2


async def test_an_engine_that_raises_is_told_of_and_listening_goes_on() -> None:
    listener = Listener(counting(32_000), ScriptedDetector(16_000, failures=2))
    await listener.to_the_end()
    assert [fault.code for fault in listener.faults] == ["ears", "ears"]
    assert len(listener.hits) == 1


async def test_muted_ears_hear_no_word_and_a_tap_that_is_open_ends() -> None:
    detector = ScriptedDetector(8_000)
    listener = Listener(counting(32_000), detector)
    listener.ears.set_muted(True)
    await listener.to_the_end()
    assert listener.hits == []
    assert detector.frames == 0


async def test_a_tap_opened_after_the_end_ends_at_once() -> None:
    listener = Listener(counting(1_000), ScriptedDetector())
    await listener.to_the_end()
    assert [frame async for frame in listener.ears.tap(0)] == []


@pytest.mark.parametrize("stopped", [True, False])
async def test_stop_ends_the_thread_in_any_state(stopped: bool) -> None:
    listener = Listener(counting(160_000), ScriptedDetector(8_000))
    started: Callable[[], None] = listener.ears.start
    if stopped:
        started()
        await asyncio.sleep(0.05)
    await asyncio.to_thread(listener.ears.stop)
    assert not listener.ears.alive
    for task in listener._tasks:
        task.cancel()
    await asyncio.gather(*listener._tasks, return_exceptions=True)
