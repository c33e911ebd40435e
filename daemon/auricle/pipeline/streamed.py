"""Replies that are still being made: said sentence by sentence, or gathered for whoever reads them whole."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import replace

from auricle.model.errors import AuricleError
from auricle.model.intent import Reply
from auricle.model.speech import SpeechRequest, SpeechStatus
from auricle.pipeline.speak import LONGEST_TEXT, Speech, SpeechTicket

_AHEAD = 2
"""Sentences that may wait to be said; the next one is asked for when one of them was."""
MOST_CHARACTERS = 16_384
"""Of one reply; what goes on is not asked for."""


async def sentences(reply: Reply) -> AsyncGenerator[str, None]:
    """Yield a reply's text, and then what follows it."""
    left = MOST_CHARACTERS - len(reply.text)
    if reply.text.strip():
        yield reply.text
    if reply.stream is None:
        return
    try:
        async for piece in reply.stream:
            if (left := left - len(piece)) < 0:
                return
            if piece.strip():
                yield piece.strip()[:LONGEST_TEXT]
    finally:
        if isinstance(reply.stream, AsyncGenerator):
            await reply.stream.aclose()


async def whole(reply: Reply) -> Reply:
    """The same with all of its text."""
    if reply.stream is None:
        return reply
    async with aclosing(sentences(reply)) as parts:
        return replace(reply, text=" ".join([part async for part in parts]), stream=None)


async def excused(stream: AsyncIterator[str], excuse: str) -> AsyncGenerator[str, None]:
    """Yield the pieces; one that fails is told already, and ends in an excuse."""
    try:
        async for piece in stream:
            yield piece
    except AuricleError:
        yield excuse
    finally:
        if isinstance(stream, AsyncGenerator):
            await stream.aclose()


class Telling:
    """A reply on its way out; `text` is what was given to be said so far."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self.text = ""

    async def say(self, speech: Speech, *, turn: str, language: str | None) -> SpeechStatus:
        """Return how it ended when all was said; sentences that were not begun are not said after one that ended badly.

        Raises QueueFull. Cancelling it asks for no more sentences.
        """
        tickets: list[SpeechTicket] = []
        async with aclosing(sentences(self._reply)) as parts:
            async for part in parts:
                self.text = f"{self.text} {part}".strip()
                tickets.append(speech.submit(SpeechRequest(text=part, language=language, turn=turn)))
                if len(tickets) > _AHEAD:
                    result = await tickets[-1 - _AHEAD].done()
                    if result.status is not SpeechStatus.FINISHED:
                        break
        ends = [(await ticket.done()).status for ticket in tickets]
        return next((status for status in ends if status is not SpeechStatus.FINISHED), SpeechStatus.FINISHED)
