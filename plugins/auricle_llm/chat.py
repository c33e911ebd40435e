"""One conversation with a model: what was said so far, and an answer that may do things on the way."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from auricle.api import AuricleError, BadRequest, Reply
from auricle_llm.aloud import Sentences
from auricle_llm.protocol import Message, Model, Said, ServerFault, ToolCall
from auricle_llm.tools import Tools

MOST_ROUNDS = 4
"""Times that a model may call tools for one question."""
MOST_CALLS = 8
"""Tools that it may call at once; more are refused."""
MOST_TOLD = 4_000
"""Characters that a model is told of what came of a call."""

Perform = Callable[[str, str, Mapping[str, object]], Awaitable[Reply]]
"""Takes a plugin, its intent and the slots. Raises AuricleError."""


class Conversation:
    """A bounded history; forgotten after `forget_s` without a word."""

    def __init__(self, *, exchanges: int, forget_s: float, steady_s: Callable[[], float]) -> None:
        """exchanges: questions, each with its answer and what was done for it, that are remembered."""
        self._past: deque[Sequence[Message]] = deque(maxlen=exchanges)
        self._forget_s = forget_s
        self._steady_s = steady_s
        self._last_s = steady_s()

    def messages(self) -> list[Message]:
        if self._steady_s() - self._last_s > self._forget_s:
            self._past.clear()
        return [message for exchange in self._past for message in exchange]

    def add(self, exchange: Sequence[Message]) -> None:
        self._last_s = self._steady_s()
        self._past.append(tuple(exchange))


async def answered(
    model: Model,
    conversation: Conversation,
    *,
    system: str,
    question: str,
    tools: Tools,
    perform: Perform,
    timeout_s: float,
    log: logging.Logger,
) -> AsyncGenerator[str, None]:
    """Yield the sentences of an answer as they come. Raises ServerFault, also when it takes over `timeout_s`.

    Tools are called on the way. What a tool asks the user (for a missing slot, before something risky) ends the
    answer: the user has to speak next.
    """
    exchange: list[Message] = [{"role": "user", "content": question}]
    spoken: list[str] = []
    deadline = asyncio.get_running_loop().time() + timeout_s
    try:
        for rounds in range(MOST_ROUNDS + 1):
            said, sentences = Said(), Sentences()
            offered = tools.told() if rounds < MOST_ROUNDS else ()
            messages = [{"role": "system", "content": system}, *conversation.messages(), *exchange]
            async with aclosing(_within(model.chat(messages, offered, said), deadline, timeout_s)) as parts:
                async for part in parts:
                    for sentence in sentences.add(part):
                        spoken.append(sentence)
                        yield sentence
            for sentence in sentences.rest():
                spoken.append(sentence)
                yield sentence
            if not said.calls:
                exchange.append({"role": "assistant", "content": said.text})
                break
            calls = said.calls[:MOST_CALLS]
            exchange.append(
                {"role": "assistant", "content": said.text, "tool_calls": [call.message() for call in calls]}
            )
            for call in calls:
                result, asks = await _called(call, tools, perform, log)
                exchange.append({"role": "tool", "tool_call_id": call.id, "content": result})
                if asks:
                    yield asks
                    exchange.append({"role": "assistant", "content": asks})
                    return
    finally:
        conversation.add(_whole(exchange, " ".join(spoken)))


async def _within(parts: AsyncGenerator[str, None], deadline: float, timeout_s: float) -> AsyncGenerator[str, None]:
    """The parts, until the deadline."""
    async with aclosing(parts):
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    part = await anext(parts)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise ServerFault(f"the answer took longer than {timeout_s:g} s: see [plugins.llm] timeout_s") from None
            yield part


async def _called(call: ToolCall, tools: Tools, perform: Perform, log: logging.Logger) -> tuple[str, str]:
    """What the model is told of a call, and what the user is asked, if anything."""
    try:
        intent, slots = tools.called(call.name, call.arguments)
        reply = await perform(intent.plugin, intent.name, slots)
        text = await _text(reply)
    except BadRequest as error:
        return f"Refused: {error.message}", ""
    except AuricleError as error:
        log.info("%s failed: %s", call.name, error)
        return f"Failed: {error.message}", ""
    if reply.expects_answer is not None:
        return f"The user is asked: {text}", text
    return text.strip() or "Done.", ""


async def _text(reply: Reply) -> str:
    """All that another plugin answers; of one that goes on and on, the beginning."""
    text, stream = reply.text, reply.stream
    if stream is None:
        return text
    try:
        async for piece in stream:
            text += piece
            if len(text) >= MOST_TOLD:
                break
    finally:
        if isinstance(stream, AsyncGenerator):
            await stream.aclose()
    return text[:MOST_TOLD]


def _whole(exchange: list[Message], spoken: str) -> list[Message]:
    """An exchange that a server accepts as history: each call has its result, and the end is an answer."""
    results = {message["tool_call_id"] for message in exchange if message["role"] == "tool"}
    kept: list[Message] = []
    for message in exchange:
        calls: Sequence[Mapping[str, Any]] = message.get("tool_calls", ())
        if calls and not all(call["id"] in results for call in calls):
            break
        kept.append(message)
    if kept[-1]["role"] != "assistant":
        kept.append({"role": "assistant", "content": spoken or "…"})
    return kept
