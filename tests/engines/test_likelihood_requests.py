"""Asking an engine again how likely texts are: over the wire, of the one that heard it, and of none that cannot."""

import asyncio
from collections.abc import Mapping

import pytest

from auricle.api import BadRequest, EngineError
from auricle.engines import messages as m
from auricle.engines import wire
from auricle.engines.chain import FallbackStt
from auricle.engines.client import connected
from auricle.engines.proxy import WyomingStt
from auricle.model.errors import EngineDied
from support.engine_parts import EngineParts, raw_server, speech, transcript, until

TEXTS = ["turn on the lamp", "turn on the lamps"]


async def answer(address: str, data: Mapping[str, object]) -> m.Event:
    async with connected(address) as client:
        await client.send(m.Event(m.WEIGH, dict(data)))
        return await client.receive(10.0)


async def test_texts_are_weighed_by_the_utterance_that_the_transcript_names(parts: EngineParts) -> None:
    stt = parts.stt(await parts.served("stt", judges=True))
    heard = await transcript(stt)
    assert heard.utterance
    assert await stt.likelihoods(heard.utterance, TEXTS) == [-16.0, -17.0]


async def test_an_older_utterance_is_refused_by_name(parts: EngineParts) -> None:
    stt = parts.stt(await parts.served("stt", judges=True))
    first, second = await transcript(stt), await transcript(stt)
    with pytest.raises(BadRequest, match="is not kept") as refused:
        await stt.likelihoods(first.utterance, TEXTS)
    assert refused.value.field == "utterance"
    assert await stt.likelihoods(second.utterance, TEXTS) == [-16.0, -17.0]


@pytest.mark.parametrize("judges", [True, False])
async def test_info_tells_who_can_be_asked(parts: EngineParts, judges: bool) -> None:
    address = await parts.served("stt", judges=judges)
    async with connected(address) as client:
        await client.send(m.Describe().event())
        told = await client.receive(10.0)
    assert told.data[m.EXTRAS] == {"weighs": judges}
    assert bool((await transcript(parts.stt(address))).utterance) is judges


async def test_who_cannot_be_asked_says_so(parts: EngineParts) -> None:
    with pytest.raises(BadRequest, match="not kept"):
        await parts.stt(await parts.served("stt")).likelihoods("1-1", TEXTS)
    with pytest.raises(BadRequest, match="does not listen"):
        await answer(await parts.served("tts"), {"utterance": "1", "texts": TEXTS})


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"texts": TEXTS}, "utterance"),
        ({"utterance": 7, "texts": TEXTS}, "utterance"),
        ({"utterance": "1"}, "texts"),
        ({"utterance": "1", "texts": []}, "texts"),
        ({"utterance": "1", "texts": "turn on the lamp"}, "texts"),
        ({"utterance": "1", "texts": ["one", 2]}, "texts"),
        ({"utterance": "1", "texts": ["one", " "]}, "texts"),
        ({"utterance": "1", "texts": ["one", "x" * 1001]}, "texts"),
        ({"utterance": "1", "texts": ["one"] * (m.MOST_WEIGHED + 1)}, "texts"),
    ],
    ids=str,
)
async def test_nonsense_is_refused_by_its_field(parts: EngineParts, data: Mapping[str, object], field: str) -> None:
    address = await parts.served("stt", judges=True)
    with pytest.raises(BadRequest) as refused:
        await answer(address, data)
    assert refused.value.field == field
    assert (await transcript(parts.stt(address))).text


async def test_who_does_not_wait_for_it_leaves_the_engine_usable(parts: EngineParts) -> None:
    stt = parts.stt(await parts.served("stt", judges=True, weigh_s=0.3))
    heard = await transcript(stt)
    asking = asyncio.create_task(stt.likelihoods(heard.utterance, TEXTS * 4))
    await until(lambda: parts.weighed() == 2)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await until(lambda: parts.pending() == 0)
    given_up = parts.weighed()
    assert given_up < 8
    assert await stt.likelihoods(heard.utterance, TEXTS) == [-16.0, -17.0]
    assert parts.weighed() == given_up + 2


async def test_a_worker_that_dies_over_it_fails_that_and_comes_back(parts: EngineParts) -> None:
    worker = parts.worker("stt", judges=True, on_weigh="exit")
    await worker.start()
    stt = FallbackStt([WyomingStt(worker, timeout_s=10.0)])
    heard = [found async for found in stt.transcribe(speech(), None)][-1]
    with pytest.raises(EngineDied):
        await stt.likelihoods(heard.utterance, TEXTS)
    again = [found async for found in stt.transcribe(speech(), None)][-1]
    assert again.utterance not in ("", heard.utterance)


async def test_the_engine_that_heard_it_is_asked_and_no_other(parts: EngineParts) -> None:
    broken = parts.stt(await parts.served("stt", judges=True, on_request="raise", likelihoods=(-1.0,)))
    well = parts.stt(await parts.served("stt", judges=True))
    stt = FallbackStt([broken, well])
    heard = [found async for found in stt.transcribe(speech(), None)][-1]
    assert await stt.likelihoods(heard.utterance, TEXTS) == [-16.0, -17.0]
    for unknown in ("", "1-1"):
        with pytest.raises(BadRequest, match="not kept"):
            await stt.likelihoods(unknown, TEXTS)


@pytest.mark.parametrize("told", [None, [], [1.0], [1.0, "2"], [1.0, True], {"a": 1}], ids=str)
async def test_a_server_that_answers_nonsense_is_an_engine_fault(parts: EngineParts, told: object) -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert (await wire.read_event(reader)) is not None
        await wire.write_event(writer, m.Event(m.WEIGHED, {"likelihoods": told}))

    async with raw_server(parts.folder, nonsense) as address:
        with pytest.raises(EngineError, match="did not say how likely"):
            await parts.stt(address).likelihoods("1", TEXTS)


async def test_other_programs_transcripts_are_of_no_utterance(parts: EngineParts) -> None:
    async def foreign(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (event := await wire.read_event(reader)) is not None:
            if event.type == "audio-stop":
                await wire.write_event(writer, m.Event("transcript", {"text": "hello"}))
                return

    async with raw_server(parts.folder, foreign) as address:
        heard = await transcript(parts.stt(address))
    assert (heard.text, heard.utterance) == ("hello", "")
