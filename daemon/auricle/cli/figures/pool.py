"""The pool: how synthesis grows with its members, and what the broker in between costs."""

import asyncio
import contextlib
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from auricle.cli.engines_only import TTS, running_engines
from auricle.cli.figures.figure import Bench, Figure, Plan
from auricle.cli.figures.parts import child, write
from auricle.cli.figures.site_broker import TimingClient, at_broker, mosquitto, timing_client
from auricle.config import LoadedConfig
from auricle.model.audio import INBOUND_RATE_HZ
from auricle.model.errors import AuricleError
from auricle.model.speech import SpeechRequest
from auricle.pipeline.synthesis import synthesized

_PREFIX = "auricle"
_REQUESTS = f"{_PREFIX}/pool/synthesize"
_ANSWERS = "bench/answers"
_TEXT = "The kitchen light is on."
_MEMBERS = (1, 2, 4)
_A_ROUND = 4
"""Requests that are sent at once, for each member."""
_MOST_ROUNDS = 20


def benches(loaded: LoadedConfig, plan: Plan) -> Iterator[Bench]:
    yield Bench("pool", "the pool", lambda: _pool(loaded, plan.folder, plan.rounds))


async def _pool(loaded: LoadedConfig, folder: Path, rounds: int) -> list[Figure]:
    rounds = min(rounds, _MOST_ROUNDS)
    direct = await _direct_ms(loaded, rounds)
    quiet = write(folder / "pool.wav", bytes(2 * INBOUND_RATE_HZ * 900), INBOUND_RATE_HZ)
    figures = [Figure("synthesis, asked of the engine", "ms", tuple(direct))]
    async with contextlib.AsyncExitStack() as members, mosquitto(folder) as port:
        started = 0
        for count in _MEMBERS:
            for member in range(started, count):
                own = folder / f"member{member}"
                own.mkdir()
                keys = at_broker(port, f"bench{member}", topic_prefix=_PREFIX, pool="true")
                await members.enter_async_context(child(loaded, own, quiet, {**keys, "AURICLE__TTS__CACHE_MB": "0"}))
            started = count
            if count == 1:
                pooled = await asyncio.to_thread(_round_trips_ms, port, rounds)
                cost = statistics.median(pooled) - statistics.median(direct)
                figures.append(Figure("synthesis, asked of a pool of 1", "ms", tuple(pooled)))
                figures.append(Figure("cost of the broker in between, of medians", "ms", (cost,)))
            rates = await asyncio.to_thread(_rates, port, count, rounds)
            figures.append(Figure(f"pool, synthesis with {count}", "requests/s", tuple(rates)))
        await members.aclose()
    return figures


async def _direct_ms(loaded: LoadedConfig, rounds: int) -> list[float]:
    """One request after the other, to the last sample; the first is for the engine to warm up."""
    taken = []
    async with running_engines(loaded, kinds=(TTS,)) as fleet:
        for _ in range(_A_ROUND * rounds + 1):
            began_s = time.monotonic()
            async for _frame in synthesized(SpeechRequest(text=_TEXT), fleet.tts):
                pass
            taken.append(1000 * (time.monotonic() - began_s))
    return taken[1:]


def _round_trips_ms(port: int, rounds: int) -> list[float]:
    """As `_direct_ms`, over the broker."""
    with timing_client(port, [_ANSWERS, f"{_PREFIX}/pool/members/+"]) as client:
        _await_members(client, 1)
        return [1000 * _answered_s(client, 1) for _ in range(_A_ROUND * rounds + 1)][1:]


def _rates(port: int, members: int, rounds: int) -> list[float]:
    """Requests a second, of batches that are sent at once; the first is for the engines to warm up."""
    batch = _A_ROUND * members
    with timing_client(port, [_ANSWERS, f"{_PREFIX}/pool/members/+"]) as client:
        _await_members(client, members)
        return [batch / _answered_s(client, batch) for _ in range(rounds + 1)][1:]


def _await_members(client: TimingClient, members: int) -> None:
    awaited = {f"{_PREFIX}/pool/members/auricle-bench{member}-pool" for member in range(members)}
    while awaited:
        awaited.discard(client.next(*awaited).topic)


def _answered_s(client: TimingClient, requests: int) -> float:
    """Send so many at once; return the seconds to the last answer. Raises AuricleError if one is refused."""
    began_s = time.monotonic()
    for n in range(requests):
        client.publish(_REQUESTS, json.dumps({"text": _TEXT}), answer=_ANSWERS, correlation=str(n).encode())
    for _ in range(requests):
        answer = client.next(_ANSWERS)
        if answer.payload[:4] != b"RIFF":
            raise AuricleError(f"a member of the pool refused: {answer.payload[:200]!r}")
    return answer.at_s - began_s
