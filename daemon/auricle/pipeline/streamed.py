"""Replies that are still being made: said as they come, or gathered for whoever reads them whole."""

import logging
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace

from auricle.model.errors import AuricleError
from auricle.model.events import IntentHandled
from auricle.model.intent import Intent, Reply, Transcript
from auricle.model.speech import SpeechRequest, SpeechStatus
from auricle.model.turn import Turn
from auricle.pipeline.cutting import MOST_CHARACTERS, joined
from auricle.pipeline.speak import Speech

_LOG = logging.getLogger("auricle.turn")


async def whole(reply: Reply) -> Reply:
    """The same with all of its text."""
    if reply.stream is None:
        return reply
    text = reply.text
    try:
        async for piece in reply.stream:
            text = joined(text, piece)
            if len(text) >= MOST_CHARACTERS:
                break
    finally:
        await _close(reply.stream)
    return replace(reply, text=text[:MOST_CHARACTERS].strip(), stream=None)


async def excused(stream: AsyncIterator[str], excuse: str) -> AsyncGenerator[str, None]:
    """Yield the pieces; one that fails is told already, and ends in an excuse."""
    try:
        async for piece in stream:
            yield piece
    except AuricleError:
        yield excuse
    finally:
        await _close(stream)


class Telling:
    """A reply on its way out; `text` is what was given to be said so far."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self.text = ""

    async def say(self, speech: Speech, *, turn: str, language: str | None) -> SpeechStatus:
        """Return how it ended when all was said. Raises QueueFull. Cancelling it asks for no more text."""
        reply = self._reply
        try:
            request = SpeechRequest(text=reply.text, language=language, turn=turn)
            ticket = speech.submit(request, reply.stream)
            try:
                result = await ticket.done()
            finally:
                if not ticket.ended:
                    speech.stop(ticket.id)
                    await ticket.done()
                self.text = ticket.text
        finally:
            if reply.stream is not None:
                await _close(reply.stream)
        return result.status


async def _close(stream: AsyncIterator[str]) -> None:
    if isinstance(stream, AsyncGenerator):
        await stream.aclose()


def handled(intent: Intent | None, reply: Reply, transcript: Transcript, turn: Turn) -> IntentHandled:
    """What is told of an answer, once its text is known."""
    _LOG.debug("turn %s: %r -> %s -> %r", turn.id, transcript.text, intent, reply.text)
    return IntentHandled(
        turn=turn.id,
        name=intent.name if intent else None,
        slots=intent.slots if intent else {},
        text=transcript.text,
        handled_by=reply.handled_by,
        reply=reply.text,
    )
