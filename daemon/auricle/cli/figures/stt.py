"""Speech to text: decoding a command."""

import time
from collections.abc import Iterator

from auricle.cli.engines_only import running_engines
from auricle.cli.figures.figure import Bench, Figure, Plan
from auricle.cli.figures.parts import spoken, transcribed
from auricle.config import LoadedConfig
from auricle.model.audio import INBOUND_RATE_HZ

COMMAND = "turn on the light in the living room please"


def benches(loaded: LoadedConfig, plan: Plan) -> Iterator[Bench]:
    yield Bench("stt", "speech to text", lambda: _stt(loaded, plan.rounds))


async def _stt(loaded: LoadedConfig, rounds: int) -> list[Figure]:
    async with running_engines(loaded) as fleet:
        pcm = (await spoken(fleet, COMMAND))[: 3 * INBOUND_RATE_HZ * 2]
        pcm += bytes(3 * INBOUND_RATE_HZ * 2 - len(pcm))
        times = []
        for _ in range(rounds + 1):
            began = time.monotonic()
            await transcribed(fleet, pcm)
            times.append(time.monotonic() - began)
    decoded = tuple(times[1:])
    name = loaded.config.stt.engine
    return [
        Figure(f"{name}: decode of a 3-second command", "s", decoded),
        Figure(f"{name}: real-time factor", "", tuple(taken / 3 for taken in decoded)),
    ]
