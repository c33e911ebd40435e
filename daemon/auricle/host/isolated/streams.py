"""Replies that are still made for the other end: asked for piece by piece, so that none is made for nobody."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace

from auricle.api import Reply
from auricle.host.isolated.messages import Told
from auricle.model.errors import PluginError

MOST_OPEN = 4
"""Replies that are made at once; with one more the oldest is closed, as nobody reads it."""


class OpenStreams:
    """By number. All on one loop."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._open: dict[int, AsyncIterator[str]] = {}
        self._steps: dict[int, asyncio.Task[str | None]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def told(self, reply: Reply | None) -> Told:
        """A reply as it is sent; what follows it stays here."""
        if reply is None or reply.stream is None:
            return Told(reply)
        return Told(replace(reply, stream=None), self.open(reply.stream))

    def open(self, stream: AsyncIterator[str]) -> int:
        """Return the number that its pieces are asked for by."""
        while len(self._open) >= MOST_OPEN:
            oldest = next(iter(self._open))
            closing = asyncio.ensure_future(self._end(oldest, self._open.pop(oldest)))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
        id = next(self._ids)
        self._open[id] = stream
        return id

    async def next(self, id: int) -> str | None:
        """The next piece; None at the end. Raises what the stream raises, PluginError if it was closed."""
        stream = self._open.get(id)
        if stream is None or id in self._steps:
            raise PluginError("its streamed reply is closed, or being read")
        step = self._steps[id] = asyncio.ensure_future(_step(stream))
        try:
            await asyncio.wait({step})
            if step.cancelled():
                raise PluginError("its streamed reply was closed")
            piece = step.result()
        except BaseException:
            self._open.pop(id, None)
            raise
        finally:
            del self._steps[id]
        if piece is None:
            self._open.pop(id, None)
        return piece

    async def close(self, id: int) -> None:
        """Ask for no more, be a piece under way or not. One that has ended, or is unknown, is closed already."""
        if (stream := self._open.pop(id, None)) is not None:
            await self._end(id, stream)

    async def _end(self, id: int, stream: AsyncIterator[str]) -> None:
        if (step := self._steps.get(id)) is not None:
            step.cancel()
            await asyncio.wait({step})
        if isinstance(stream, AsyncGenerator):
            await stream.aclose()


async def _step(stream: AsyncIterator[str]) -> str | None:
    return await anext(stream, None)
