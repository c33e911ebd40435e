"""An engine is told that nobody wants the rest of its speech, and is told of no other request."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from auricle.engines.thread import EngineThread, Pieces


class Talker:
    """Says one endless piece until it is told to stop."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.told = threading.Event()
        self.ends: list[str] = []

    def endless(self) -> Iterator[int]:
        self.began.set()
        self.ends.append("told" if self.told.wait(20) else "never told")
        yield 1

    def brief(self) -> Iterator[int]:
        yield 2


@pytest.fixture
def talker() -> Talker:
    return Talker()


async def test_an_engine_in_the_middle_of_a_piece_is_told(talker: Talker) -> None:
    thread = EngineThread("talker")
    pieces = Pieces(thread, talker.endless, abandon=talker.told.set)
    await asyncio.to_thread(talker.began.wait, 10)
    pieces.close()
    following = [piece async for piece in Pieces(thread, talker.brief)]
    assert (talker.ends, following) == (["told"], [2])
    thread.stop()


async def test_an_engine_that_is_at_another_request_is_not_told(talker: Talker) -> None:
    thread = EngineThread("talker")
    first = Pieces(thread, talker.brief, abandon=talker.told.set)
    assert [piece async for piece in first] == [2]
    waiting = Pieces(thread, talker.endless, abandon=lambda: None)
    never_begun = Pieces(thread, talker.brief, abandon=talker.told.set)
    await asyncio.to_thread(talker.began.wait, 10)
    first.close()
    never_begun.close()
    assert not talker.told.is_set()
    talker.told.set()
    assert [piece async for piece in waiting] == [1]
    thread.stop()
