"""Whole utterances that wait for an engine: taken together where it can, and never in the way of who speaks."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from auricle.api import AudioFrame, EngineError, Transcript
from auricle.engines import messages as m
from auricle.engines.client import Client, connected
from auricle.engines.server import EngineServer
from support.engine_parts import EngineParts, transcript, until
from support.scripted_engines import Script, ScriptedStt, spec


class Choir(ScriptedStt):
    """Takes up to `batch` at a time, and keeps what it was given: samples of each."""

    def __init__(self, batch: int = 3, fault: EngineError | None = None) -> None:
        super().__init__(Script())
        self.batch = batch
        self.fault = fault
        self.together: list[list[int]] = []
        self.alone: list[int] = []

    def transcribe_all(self, utterances: Sequence[tuple[Sequence[AudioFrame], str | None]]) -> Sequence[Transcript]:
        heard = [sum(frame.samples for frame in frames) for frames, _ in utterances]
        self.together.append(heard)
        if self.fault is not None:
            raise self.fault
        return [
            Transcript(f"samples={count}", language) for count, (_, language) in zip(heard, utterances, strict=True)
        ]

    def transcribe(self, frames: Iterator[AudioFrame], language: str | None) -> Iterator[Transcript]:
        heard = sum(frame.samples for frame in frames)
        self.alone.append(heard)
        yield Transcript(f"samples={heard}", language)


class Hall:
    """The engine, served, with somebody speaking to it."""

    def __init__(self, server: EngineServer, address: str, speaking: Client) -> None:
        self.server = server
        self.address = address
        self.speaking = speaking

    async def ask(self, parts: EngineParts, *frames: int) -> list["asyncio.Task[Transcript]"]:
        """Utterances of so many frames, all here and waiting."""
        stt = parts.stt(self.address)
        asked = []
        for count in frames:
            asked.append(asyncio.create_task(transcript(stt, count, "de")))
            await until(lambda: self.whole() == len(asked))
        return asked

    def whole(self) -> int:
        together = self.server._together
        assert together is not None
        return sum(request.utterance.whole for request in together._waiting)

    async def end_of_speech(self) -> str:
        await self.speaking.send(m.AudioStop().event())
        return str((await self.speaking.receive(10)).data["text"])


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[EngineParts]:
    made = EngineParts(tmp_path)
    yield made
    await made.close()


@asynccontextmanager
async def hall(engine: Choir, folder: Path) -> AsyncIterator[Hall]:
    server = EngineServer(spec("choir", "stt"), engine)
    await server.load()
    try:
        address = await server.listen(f"unix://{folder / 'choir.sock'}")
        async with connected(address) as speaking:
            await speaking.send(m.Transcribe().event())
            await speaking.send(m.AudioStart(rate=16_000, width=2, channels=1).event())
            await speaking.send(m.AudioChunk(rate=16_000, width=2, channels=1, audio=bytes(200)).event())
            await until(lambda: server.pending == 1)
            yield Hall(server, address, speaking)
    finally:
        await server.close()


async def test_what_waits_is_taken_together_and_who_speaks_alone(parts: EngineParts, tmp_path: Path) -> None:
    engine = Choir()
    async with hall(engine, tmp_path) as held:
        asked = await held.ask(parts, 1, 2, 3, 4)
        assert await held.end_of_speech() == "samples=100"
        found = await asyncio.gather(*asked)
    assert [heard.text for heard in found] == ["samples=1600", "samples=3200", "samples=4800", "samples=6400"]
    assert {heard.language for heard in found} == {"de"}
    assert engine.together == [[1_600, 3_200, 4_800], [6_400]]
    assert engine.alone == [100]
    assert held.server.figures()["requests"] == 5


async def test_what_cannot_be_taken_together_is_taken_one_by_one(parts: EngineParts, tmp_path: Path) -> None:
    engine = Choir(fault=EngineError("one of them has a language that I do not know"))
    async with hall(engine, tmp_path) as held:
        asked = await held.ask(parts, 1, 2, 0)
        await held.end_of_speech()
        found = await asyncio.gather(*asked)
    assert [heard.text for heard in found] == ["samples=1600", "samples=3200", "samples=0"]
    assert engine.together == [[1_600, 3_200, 0]]
    assert engine.alone == [100, 1_600, 3_200, 0]


async def test_nobody_works_for_one_who_went_away(parts: EngineParts, tmp_path: Path) -> None:
    engine = Choir()
    async with hall(engine, tmp_path) as held:
        asked = await held.ask(parts, 1, 2, 3)
        asked[1].cancel()
        await until(lambda: held.whole() == 2)
        await held.end_of_speech()
        found = await asyncio.gather(asked[0], asked[2])
    assert [heard.text for heard in found] == ["samples=1600", "samples=4800"]
    assert engine.together == [[1_600, 4_800]]


async def test_an_engine_that_takes_one_at_a_time_is_asked_for_one_at_a_time(
    parts: EngineParts, tmp_path: Path
) -> None:
    engine = Choir(batch=1)
    async with hall(engine, tmp_path) as held:
        asked = await held.ask(parts, 1, 2)
        await held.end_of_speech()
        await asyncio.gather(*asked)
    assert (engine.together, engine.alone) == ([], [100, 1_600, 3_200])


def test_an_engine_that_says_nothing_of_it_gives_the_finals() -> None:
    engine = ScriptedStt(Script(partials=True))
    frames = [AudioFrame(bytes(2_000)), AudioFrame(bytes(2_000), 1_000)]
    found = engine.transcribe_all([(frames, "en"), (frames[:1], None)])
    assert [(heard.text.split()[0], heard.language, heard.final) for heard in found] == [
        ("samples=2000", "en", True),
        ("samples=1000", None, True),
    ]
