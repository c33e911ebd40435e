"""The ladder as it is heard: a real Piper takes over, or comes back, and each sentence is said once."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path

import numpy as np
import psutil
import pytest

from auricle.engines.chain import FallbackTts
from auricle.engines.proxy import WyomingTts
from auricle.engines.supervisor import Worker
from auricle.model.audio import AudioFrame
from auricle.model.speech import SpeechRequest
from auricle.pipeline.ahead import Lead, Pace
from auricle.pipeline.synthesis import synthesized
from auricle.ports import TextToSpeech
from auricle.settings import EngineProcess
from auricle_piper import Piper, PiperConfig
from support.engine_parts import QUICK, EngineParts
from support.voice import STEADY, Read, Samples

pytestmark = [pytest.mark.models]

TEXT = "The kitchen light is on. The washing machine has finished. It is raining in the garden."
WORDS = "the kitchen light is on the washing machine has finished it is raining in the garden"
FAULTS = {
    "out_of_memory": {"on_request": "raise", "fault": "OutOfMemoryError"},
    "engine_wrecked": {"on_request": "raise", "fault": "CUDA error: an illegal memory access was encountered"},
    "device_lost": {"on_request": "raise", "fault": "CUDA error: no CUDA-capable device is detected"},
    "engine_died": {"on_request": "exit"},
    "engine_timeout": {"on_request": "hang"},
    "engine_unavailable": {"device": "auto", "self_test_rtf": 9.0},
    "engine_failed": {"on_request": "raise"},
}


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[EngineParts]:
    made = EngineParts(tmp_path)
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture
async def piper(parts: EngineParts) -> AsyncIterator[Worker]:
    plugin = Piper.__new__(Piper)
    [spec] = plugin.auricle_engines()
    worker = Worker(
        spec,
        PiperConfig(noise_scale=STEADY["noise_scale"], noise_w=STEADY["noise_w"]),
        EngineProcess(threads=1),
        runtime_dir=parts.folder,
        state_dir=parts.folder / "state",
        on_change=parts.note,
        policy=QUICK,
    )
    await worker.start()
    yield worker
    await worker.stop()


class _Quick(Pace):
    """Of an engine that is known: how long its process takes to come back cuts no sentence."""

    def made(self, sound_s: float, worked_s: float) -> None:
        pass


def _spoken(tts: TextToSpeech) -> AsyncGenerator[AudioFrame, None]:
    return synthesized(SpeechRequest(text=TEXT), tts, lead=Lead(_Quick(), lambda: 0.0))


async def _said(tts: TextToSpeech) -> Samples:
    frames = [frame async for frame in _spoken(tts)]
    return np.frombuffer(b"".join(frame.pcm for frame in frames), "<i2")


async def test_every_fault_ends_in_the_whole_text_by_the_next_engine_once(
    parts: EngineParts, piper: Worker, read: Read
) -> None:
    """The first sentence meets the fault, the others an engine that rests, comes back or is broken; all are heard."""
    alone = await _said(FallbackTts([WyomingTts(piper, timeout_s=60)]))
    assert read(alone, 24_000) == WORDS
    for code, script in FAULTS.items():
        parts.errors.clear()
        best = parts.worker("tts", name=code, replaceable=True, pieces=1, **script)
        patience_s = 60.0
        if code == "engine_timeout":
            await best.start()
            patience_s = 2.0
        tiers = [WyomingTts(best, timeout_s=patience_s), WyomingTts(piper, timeout_s=60)]
        tts = FallbackTts(tiers, on_change=parts.note)
        heard = await _said(tts)
        assert np.array_equal(heard, alone), code
        assert code in {error.code for error in parts.errors}
        assert any("piper takes over" in error.message for error in parts.errors), code
        await best.stop()


async def test_a_worker_killed_between_pieces_neither_drops_nor_repeats_a_sentence(
    parts: EngineParts, piper: Worker, read: Read
) -> None:
    """Killed once each sentence but the last has been given, before the next is asked for."""
    tts = FallbackTts([WyomingTts(piper, timeout_s=60)], on_change=parts.note)
    whole = await _said(tts)
    heard = bytearray()
    killed = 0
    async with aclosing(_spoken(tts)) as frames:
        async for frame in frames:
            heard += frame.pcm
            if not any(frame.pcm):  # the pause between two sentences
                psutil.Process(piper.figures().pid).kill()
                killed += 1
    samples = np.frombuffer(bytes(heard), "<i2")
    assert killed == 2
    assert piper.restarts == 2
    assert np.array_equal(samples, whole)
    assert read(samples, 24_000) == WORDS


async def test_a_worker_killed_while_it_makes_a_sentence_says_that_sentence_once(
    parts: EngineParts, piper: Worker
) -> None:
    tts = FallbackTts([WyomingTts(piper, timeout_s=60)], on_change=parts.note)
    whole = await _said(tts)
    said = asyncio.create_task(_said(tts))
    while not piper._clients:
        await asyncio.sleep(0)
    psutil.Process(piper.figures().pid).kill()
    assert np.array_equal(await said, whole)
    assert any("it is asked once more" in error.message for error in parts.errors)
