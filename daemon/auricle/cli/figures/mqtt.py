"""Requests over MQTT to a daemon of its own at a broker of its own: speech that begins, and answers that come back."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from auricle.cli.figures.figure import Bench, Figure, Plan
from auricle.cli.figures.parts import child, write
from auricle.cli.figures.site_broker import TimingClient, at_broker, mosquitto, timing_client
from auricle.config import LoadedConfig
from auricle.model.audio import INBOUND_RATE_HZ

_SITE = "bench"
_ROOT = f"auricle/{_SITE}"
_ANSWERS = f"{_ROOT}/bench/answers"
_ASKS_A_ROUND = 100
_SAYS_A_ROUND = 3
_MOST_SAYS = 60
"""Of each kind: they take their time, and many rounds are for the questions."""
_KEEPING_S = 1.0
"""After so long the daemon knows its engine, and keeps its speech."""


def benches(loaded: LoadedConfig, plan: Plan) -> Iterator[Bench]:
    yield Bench("mqtt", "requests over MQTT", lambda: _mqtt(loaded, plan.folder, plan.rounds))


async def _mqtt(loaded: LoadedConfig, folder: Path, rounds: int) -> list[Figure]:
    quiet = write(folder / "mqtt.wav", bytes(2 * INBOUND_RATE_HZ * 900), INBOUND_RATE_HZ)
    async with mosquitto(folder) as port:
        keys = at_broker(port, _SITE, topic_prefix="auricle")
        async with child(loaded, folder, quiet, keys):
            await asyncio.sleep(_KEEPING_S)
            return await asyncio.to_thread(_measured, port, rounds)


def _measured(port: int, rounds: int) -> list[Figure]:
    with timing_client(port, [f"{_ROOT}/availability", f"{_ROOT}/speech", _ANSWERS]) as client:
        while client.next(f"{_ROOT}/availability").payload != b"online":
            pass
        _first_sound_ms(client, "warm", "The kitchen light is on.")
        count = min(_SAYS_A_ROUND * rounds, _MOST_SAYS)
        fresh = [_first_sound_ms(client, f"fresh{n}", f"The light number {n} is on.") for n in range(count)]
        kept = [_first_sound_ms(client, f"kept{n}", "The kitchen light is on.") for n in range(count)]
        asked = [_round_trip_ms(client, str(n)) for n in range(_ASKS_A_ROUND * rounds)]
    return [
        *_spread("say published to first sample, not cached", fresh, (50, 95)),
        *_spread("say published to first sample, cached", kept, (50, 95)),
        *_spread("ask, round trip", asked, (50, 95, 99)),
    ]


def _first_sound_ms(client: TimingClient, id: str, text: str) -> float:
    """Until `T/speech` says `started`, which is at the first sample; returns once the speech has ended."""
    began_s = client.publish(f"{_ROOT}/say", json.dumps({"id": id, "text": text}))
    taken_ms = float("nan")
    while True:
        message = client.next(f"{_ROOT}/speech")
        speech = json.loads(message.payload)
        if speech["id"] == id and speech["status"] == "started":
            taken_ms = 1000 * (message.at_s - began_s)
            client.publish(f"{_ROOT}/stop", json.dumps({"id": id}))
        elif speech["id"] == id and speech["status"] in ("finished", "cancelled", "expired", "failed"):
            return taken_ms


def _round_trip_ms(client: TimingClient, id: str) -> float:
    request = json.dumps({"id": id, "text": "what time is it"})
    began_s = client.publish(f"{_ROOT}/ask", request, answer=_ANSWERS, correlation=id.encode())
    while (answer := client.next(_ANSWERS)).correlation != id.encode():
        pass
    return 1000 * (answer.at_s - began_s)


def _spread(name: str, taken_ms: list[float], percentiles: tuple[int, ...]) -> Iterator[Figure]:
    """The samples, and each percentile as a figure of its own. Raises ValueError without samples."""
    yield Figure(name, "ms", tuple(taken_ms))
    for p in percentiles:
        yield Figure(f"{name}, p{p}", "ms", (float(np.percentile(taken_ms, p)),))
