"""Start to ready; CPU and memory of a daemon that listens and hears no wake word."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path

import numpy as np

from auricle.cli.engines_only import TTS, running_engines
from auricle.cli.figures.figure import Bench, Figure, Plan
from auricle.cli.figures.parts import child, cpu_s, rss_mb, spoken, workers_mb, write
from auricle.config import LoadedConfig
from auricle.model.audio import INBOUND_RATE_HZ

_SMALL_TALK = "We went to the market yesterday and bought apples, some bread and a big cheese for the whole family. "


def benches(loaded: LoadedConfig, plan: Plan) -> Iterator[Bench]:
    rounds, seconds, folder = plan.rounds, plan.seconds, plan.folder

    async def start() -> list[Figure]:
        times = [await _time_to_ready(loaded, folder) for _ in range(max(3, rounds // 2))]
        return [Figure("start to ready", "s", tuple(times))]

    def idle(
        name: str, sound: Callable[[], Coroutine[None, None, Path | None]]
    ) -> Callable[[], Coroutine[None, None, list[Figure]]]:
        async def measure() -> list[Figure]:
            return await _idle(loaded, folder, name, await sound(), seconds)

        return measure

    async def silence() -> Path:
        noise = np.random.default_rng(7).normal(0, 3, int((seconds + 20) * INBOUND_RATE_HZ)).astype("<i2")
        return write(folder / "silence.wav", noise.tobytes(), INBOUND_RATE_HZ)

    async def speech() -> Path:
        async with running_engines(loaded, kinds=(TTS,)) as fleet:
            pcm = await spoken(fleet, _SMALL_TALK)
        repeats = 1 + int((seconds + 20) * INBOUND_RATE_HZ * 2 / len(pcm))
        return write(folder / "speech.wav", pcm * repeats, INBOUND_RATE_HZ)

    async def microphone() -> None:
        return None

    yield Bench("start", "the start", start)
    yield Bench("idle", "idle listening to silence", idle("silence", silence))
    yield Bench("idle", "idle listening to speech", idle("speech", speech))
    yield Bench("idle", "idle listening to the microphone", idle("microphone", microphone), needs_microphone=True)


async def _time_to_ready(loaded: LoadedConfig, folder: Path) -> float:
    quiet = write(folder / "quiet.wav", bytes(2 * INBOUND_RATE_HZ * 60), INBOUND_RATE_HZ)
    async with child(loaded, folder, quiet) as (_, ready_s):
        return ready_s


async def _idle(loaded: LoadedConfig, folder: Path, name: str, sound: Path | None, seconds: float) -> list[Figure]:
    """CPU as % of one core, and resident memory, of a daemon in a process of its own."""
    async with child(loaded, folder, sound) as (pid, _):
        await asyncio.sleep(3)
        shares: list[float] = []
        for _ in range(4):
            before, at = cpu_s(pid), time.monotonic()
            await asyncio.sleep(seconds / 4)
            shares.append(100 * (cpu_s(pid) - before) / (time.monotonic() - at))
        figures = [
            Figure(f"idle, {name}: CPU of the daemon", "% of a core", tuple(shares)),
            Figure(f"idle, {name}: memory of the daemon", "MB", (rss_mb(pid),)),
        ]
        if name == "silence":
            figures += [Figure(f"memory of worker {worker}", "MB", (mb,)) for worker, mb in workers_mb(pid)]
        return figures
