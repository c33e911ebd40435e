"""Replies that a plugin in a process of its own makes while they are read: piece by piece, and closed over there."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from pathlib import Path

import pytest

from auricle.api import Intent, PluginError, Reply, Turn
from auricle.host.isolated.streams import MOST_OPEN, OpenStreams
from auricle.testing.harness import Harness
from support.rude import rude_installed

LIMIT_S = 30.0
WRONG = "Something went wrong with that."


@pytest.fixture(scope="module", autouse=True)
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with rude_installed(tmp_path_factory.mktemp("site")):
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def house(folder: Path) -> Iterator[Harness]:
    from auricle_rude import Rude

    with Harness(Rude, config={"isolated": True}, data_dir=folder, timeout_s=10, near_miss=1.0) as house:
        assert house.status().state == "active", house.faults
        yield house


@pytest.fixture
def chapters(house: Harness, folder: Path) -> Path:
    """Where chapters are put for the story to go on."""
    house.faults.clear()
    own = folder / "rude"
    own.mkdir(exist_ok=True)
    for file in own.iterdir():
        file.unlink()
    return own


async def story(house: Harness, **slots: str) -> AsyncGenerator[str, None]:
    reply = await house.host.handle(Intent("tell", slots, plugin="rude"), Turn())
    assert isinstance(reply, Reply)
    assert reply.text == "Well."
    assert isinstance(reply.stream, AsyncGenerator)
    return reply.stream


async def piece(stream: AsyncIterator[str]) -> str | None:
    async with asyncio.timeout(LIMIT_S):
        return await anext(stream, None)


def test_each_piece_is_there_before_the_next_is_made(house: Harness, chapters: Path) -> None:
    async def read() -> None:
        stream = await story(house)
        for chapter in ("1", "2", "3"):
            (chapters / chapter).touch()
            assert await piece(stream) == f" Chapter {chapter}."
            assert not (chapters / "closed").exists()
        assert await piece(stream) is None

    house._run(read())
    house.until((chapters / "closed").exists, LIMIT_S)
    assert house.faults == []


def test_all_of_it_is_joined_for_who_reads_it_whole(house: Harness, chapters: Path) -> None:
    for chapter in ("1", "2", "3"):
        (chapters / chapter).touch()
    assert house.say("tell me a story") == "Well. Chapter 1. Chapter 2. Chapter 3."


def test_who_reads_no_more_ends_it_over_there(house: Harness, chapters: Path) -> None:
    async def read() -> None:
        stream = await story(house)
        (chapters / "1").touch()
        assert await piece(stream) == " Chapter 1."
        await stream.aclose()

    house._run(read())
    house.until((chapters / "closed").exists, LIMIT_S)
    assert house.say("greet me") == "hello"
    assert house.faults == []


def test_who_is_cancelled_while_a_piece_is_made_ends_it_over_there(house: Harness, chapters: Path) -> None:
    async def read() -> None:
        stream = await story(house)
        (chapters / "1").touch()
        assert await piece(stream) == " Chapter 1."
        waiting = asyncio.ensure_future(piece(stream))
        done, _ = await asyncio.wait({waiting}, timeout=0.3)
        assert not done
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await stream.aclose()

    house._run(read())
    house.until((chapters / "closed").exists, LIMIT_S)
    assert house.say("greet me") == "hello"


def test_story_that_fails_ends_in_an_excuse_and_is_told(house: Harness, chapters: Path) -> None:
    (chapters / "1").touch()
    assert house.say("tell me a story that fails") == f"Well. Chapter 1. {WRONG}"
    house.until(lambda: "RuntimeError: no more paper" in " ".join(house.faults), LIMIT_S)


def test_process_that_dies_in_a_story_ends_it_in_an_excuse(house: Harness, chapters: Path) -> None:
    (chapters / "1").touch()
    assert house.say("tell me a story that crashes") == f"Well. Chapter 1. {WRONG}"
    house.until(lambda: "its process was killed by SIGSEGV" in " ".join(house.faults), LIMIT_S)
    house.until(lambda: house.say("greet me") == "hello", LIMIT_S)


async def test_streams_that_nobody_reads_are_closed() -> None:
    closed: list[int] = []

    async def endless(number: int) -> AsyncIterator[str]:
        try:
            while True:
                yield "and "
                await asyncio.sleep(0)
        finally:
            closed.append(number)

    streams = OpenStreams()
    ids = []
    for number in range(MOST_OPEN + 2):
        ids.append(streams.open(endless(number)))
        assert await streams.next(ids[-1]) == "and "
    async with asyncio.timeout(LIMIT_S):
        while closed != [0, 1]:
            await asyncio.sleep(0)
    for id in ids[:2]:
        with pytest.raises(PluginError, match="closed"):
            await streams.next(id)
    for id in ids:
        await streams.close(id)
    assert closed == [*range(MOST_OPEN + 2)]
