"""Text to speech: first sound, fresh and kept, and how fast it is made."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

from auricle.app import Daemon
from auricle.cli.figures.figure import Bench, Figure, Plan
from auricle.cli.figures.parts import with_sound, write
from auricle.config import LoadedConfig
from auricle.model.audio import INBOUND_RATE_HZ, OUTBOUND_RATE_HZ
from auricle.model.events import SpeechChanged
from auricle.model.speech import SpeechRequest, SpeechStatus
from auricle.pipeline.synthesis import synthesized

ONE_SENTENCE = "The kitchen light is on."
FIVE_SENTENCES = (
    "The kitchen light is on. It has been on since seven this morning. The heating is set to twenty one degrees. "
    "Nobody is at home at the moment. I will tell you when the washing machine has finished."
)
_KEEPING_S = 1.0
"""After so long the daemon knows its engine, and keeps its speech."""
_REST_S = 0.6
"""The piece that an engine was making when it was stopped is made to its end; the next text would wait for that."""


def benches(loaded: LoadedConfig, plan: Plan) -> Iterator[Bench]:
    yield Bench("tts", "text to speech", lambda: _tts(loaded, plan.folder, plan.rounds))


async def _tts(loaded: LoadedConfig, folder: Path, rounds: int) -> list[Figure]:
    quiet = write(folder / "quiet.wav", bytes(2 * INBOUND_RATE_HZ * 600), INBOUND_RATE_HZ)
    config = with_sound(loaded, quiet)
    firsts: dict[str, list[float]] = {"one sentence": [], "five sentences": []}
    async with Daemon(config) as daemon:
        for _ in range(rounds + 1):
            for name, text in (("one sentence", ONE_SENTENCE), ("five sentences", FIVE_SENTENCES)):
                firsts[name].append(await _first_sound_ms(daemon, text))
        factors = []
        for _ in range(rounds):
            began = time.monotonic()
            pcm = [frame.pcm async for frame in synthesized(SpeechRequest(text=FIVE_SENTENCES), daemon.fleet.tts)]
            factors.append((time.monotonic() - began) / (sum(map(len, pcm)) / 2 / OUTBOUND_RATE_HZ))
    firsts["one sentence, kept on disk"] = await _kept_first_sounds_ms(loaded, folder, quiet, rounds)
    engine = loaded.config.tts.engine
    return [
        *(Figure(f"{engine}: text to first sound, {name}", "ms", tuple(times[1:])) for name, times in firsts.items()),
        Figure(f"{engine}: real-time factor", "", tuple(factors)),
    ]


async def _kept_first_sounds_ms(loaded: LoadedConfig, folder: Path, quiet: Path, rounds: int) -> list[float]:
    """With the speech cache on, and the sentence said before; one more than `rounds`."""
    async with Daemon(with_sound(loaded, quiet, cache_mb=64), cache=folder / "cache") as daemon:
        await asyncio.sleep(_KEEPING_S)
        await daemon.assistant.submit(SpeechRequest(text=ONE_SENTENCE)).done()
        return [await _first_sound_ms(daemon, ONE_SENTENCE) for _ in range(rounds + 1)]


async def _first_sound_ms(daemon: Daemon, text: str) -> float:
    with daemon.bus.subscribe() as events:
        began = time.monotonic()
        ticket = daemon.assistant.submit(SpeechRequest(text=text))
        async for event in events:
            if isinstance(event, SpeechChanged) and event.id == ticket.id and event.status is SpeechStatus.STARTED:
                taken = time.monotonic() - began
                break
        await daemon.assistant.stop(ticket.id)
        await ticket.done()
    await asyncio.sleep(_REST_S)
    return 1000 * taken
