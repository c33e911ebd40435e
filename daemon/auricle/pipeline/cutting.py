"""A text cut into pieces while it is spoken, and while it still comes: each can be made before the one before ends."""

import asyncio
import re
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass

from auricle.pipeline.ahead import Lead
from auricle.pipeline.pieces import FIRST_CLAUSE, LONGEST, goes_on, pieces

MOST_CHARACTERS = 16_384
"""Of a text that comes bit by bit; what goes on is not asked for."""
_READ_AHEAD = 512
"""Characters that may wait; then no more are asked for."""
_SHORTEST = 12
_FEW_WORDS = 6
_CLAUSES_BELOW_S = 2.5
"""So little sound is left: a clause is said, though its sentence has not come to its end."""
_WORDS_BELOW_S = 0.8
"""And then any words."""
_END = re.compile(r"[.!?…][\"'”’)\]]*\s+|\n+|[。！？]")
_CLAUSE = re.compile(r"[,;:–—]\s+")
_CLAUSE_MARKS = frozenset(",;:–—")
_MARKS = frozenset(".!?…")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Piece:
    text: str
    pause: bool
    """Whether it begins after a pause: not the first one, and not in the middle of a phrase."""


class Cutter:
    """Gives a text's pieces, the first one short. Close it in the end."""

    def __init__(self, text: str, more: AsyncIterator[str] | None = None) -> None:
        """more: what follows the text, as it is made: whole sentences, words or parts of words."""
        self._ready: deque[tuple[str, bool]] = deque((piece, True) for piece in pieces(text))
        """With whether a pause follows."""
        self._first = not self._ready
        self._pause = False
        self._buffer = ""
        self._left = MOST_CHARACTERS
        self._came = asyncio.Event()
        self._room = asyncio.Event()
        self._reading = None if more is None else asyncio.create_task(self._read(more), name="text to be spoken")

    async def next(self, lead: Lead) -> Piece | None:
        """The next piece, no longer than what can be made while the sound lasts; None is the end.

        Raises what the source of the text raises, once all that came before was given.
        """
        while not self._ready:
            if self._reading is None:
                return None
            await self._gather(self._reading, lead)
        (text, ends), pause = self._ready.popleft(), self._pause
        self._pause = ends
        if (cut := _cut(text, int(min(LONGEST, lead.characters)))) is not None:
            self._ready.appendleft((text[cut[1] :], ends))
            text = text[: cut[0]]
            self._pause = text[-1] in _CLAUSE_MARKS
        return Piece(text, pause)

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _gather(self, reading: "asyncio.Task[None]", lead: Lead) -> None:
        """Move what can be said from the buffer, or wait for a change."""
        self._came.clear()
        end, ends = (len(self._buffer), True) if reading.done() else self._whole(lead)
        if end:
            found = pieces(self._buffer[:end], short_first=self._first)
            self._buffer = self._buffer[end:]
            self._room.set()
            if found:
                self._first = False
                self._ready.extend((piece, True) for piece in found[:-1])
                self._ready.append((found[-1], ends))
                return
        if reading.done():
            self._reading = None
            reading.result()
            return
        waiting = asyncio.create_task(self._came.wait(), name="more text to be spoken")
        try:
            await asyncio.wait({reading, waiting}, timeout=self._patience_s(lead), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()

    def _whole(self, lead: Lead) -> tuple[int, bool]:
        """How much of the buffer can be said now, and whether a pause follows."""
        text = self._buffer
        for found in _END.finditer(text):
            end = found.end()
            if "\n" in found.group() or not goes_on(text[:end], text[end : end + 1]):
                return end, True
        shortest, latest = FIRST_CLAUSE
        clauses = [found.end() for found in _CLAUSE.finditer(text) if found.start() >= shortest]
        if self._first:
            if clauses:
                return clauses[0], True
            return (_last_space(text), False) if len(text) > latest else (0, False)
        if lead.begun and lead.seconds < _CLAUSES_BELOW_S:
            if clauses:
                return clauses[-1], True
            if lead.seconds < _WORDS_BELOW_S and len(text.split()) > _FEW_WORDS:
                return _last_space(text), False
        return 0, False

    def _patience_s(self, lead: Lead) -> float | None:
        """Until what cannot be said yet may be."""
        if not lead.begun or not self._buffer:
            return None
        waits = [lead.seconds - bound for bound in (_CLAUSES_BELOW_S, _WORDS_BELOW_S) if lead.seconds > bound]
        return min(waits) + 0.01 if waits else None

    async def _read(self, more: AsyncIterator[str]) -> None:
        try:
            async for text in more:
                alone = _sentence(text) and not self._buffer.strip()
                self._buffer = joined(self._buffer, text[: self._left]) + ("\n" if alone else "")
                self._left -= len(text)
                self._came.set()
                if self._left <= 0:
                    return
                while len(self._buffer) > _READ_AHEAD:
                    self._room.clear()
                    await self._room.wait()
        finally:
            if isinstance(more, AsyncGenerator):
                await more.aclose()


def joined(text: str, more: str) -> str:
    """The text as it goes on; sentences that came without a space between them get one."""
    apart = text[-1:] in _MARKS and more[:1].isupper()
    return f"{text} {more}" if apart else text + more


def _sentence(text: str) -> bool:
    """Whether it is a whole one, and not the end of one whose beginning came before."""
    begins = text.strip()[:1].isupper() or len(text.split()) > 2
    return text[-1:] in _MARKS and begins and not goes_on(text, "")


def _cut(text: str, longest: int) -> tuple[int, int] | None:
    """Where a text that is too long ends, and where the rest of it begins: at a clause, else between words."""
    if len(text) <= max(longest, _SHORTEST):
        return None
    clauses = [(found.start() + 1, found.end()) for found in _CLAUSE.finditer(text)]
    spaces = [found.span() for found in _SPACE.finditer(text)]
    for places in (clauses, spaces):
        if fits := [place for place in places if _SHORTEST <= place[0] <= max(longest, _SHORTEST)]:
            return fits[-1]
    later = [place for place in spaces if place[0] >= _SHORTEST]
    return later[0] if later else None


def _last_space(text: str) -> int:
    spaces = [found.end() for found in _SPACE.finditer(text.rstrip())]
    return spaces[-1] if spaces else 0
