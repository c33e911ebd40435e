"""A chat with an OpenAI-compatible server, streamed: server-sent events in, text and tool calls out."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import aiohttp
import msgspec

from auricle_llm.protocol import Message, Said, ServerFault, Tool, ToolCall

MOST_ANSWER_BYTES = 1_000_000
"""An answer longer than that is given up."""
_LINE_BYTES = 256 * 1024
_TOLD = 200


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct):
    index: int = 0
    id: str | None = None
    function: _Function | None = None


class _Part(msgspec.Struct):
    content: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct):
    delta: _Part | None = None
    message: _Part | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []
    error: msgspec.Raw | None = None


class Server:
    """One server and model. Belongs to the event loop of its first call."""

    def __init__(self, url: str, key: str, *, model: str, max_tokens: int, temperature: float | None) -> None:
        """url: with the version, as in http://localhost:11434/v1. key: sent as bearer token; empty sends none."""
        self._url = f"{url.rstrip('/')}/chat/completions"
        self._key = key
        self._asks: dict[str, Any] = {"model": model, "max_tokens": max_tokens, "stream": True}
        if temperature is not None:
            self._asks["temperature"] = temperature
        self._session: aiohttp.ClientSession | None = None

    async def chat(self, messages: Sequence[Message], tools: Sequence[Tool], said: Said) -> AsyncGenerator[str, None]:
        """See `Model`."""
        body = {**self._asks, "messages": list(messages), **({"tools": list(tools)} if tools else {})}
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None, sock_connect=10.0))
        try:
            async with self._session.post(self._url, json=body, headers=headers, allow_redirects=False) as response:
                if response.status != 200:
                    raise ServerFault(await self._refusal(response))
                async with aclosing(_events(response)) as events:
                    async for data in events:
                        for text in _taken(data, said):
                            yield text
        except (aiohttp.ClientError, OSError) as error:
            raise ServerFault(f"{self._url}: {self._masked(str(error) or type(error).__name__)}") from None

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _refusal(self, response: aiohttp.ClientResponse) -> str:
        told = (await response.content.read(64 * 1024)).decode(errors="replace")
        what = self._masked(" ".join(told.split()))[:_TOLD]
        match response.status:
            case 401 | 403:
                return f"{self._url} refuses the key: see [plugins.llm] key_file; it says: {what}"
            case 404:
                return f"{self._url} is not there, or has no such model: see [plugins.llm] url and model; {what}"
            case status:
                return f"{self._url} answered {status}: {what}"

    def _masked(self, text: str) -> str:
        return text.replace(self._key, "…") if self._key else text


async def _events(response: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
    """Yield the data of each server-sent event (HTML standard, 9.2.6), or a body that is not streamed, whole."""
    if response.content_type != "text/event-stream":
        yield await response.content.read(MOST_ANSWER_BYTES)
        return
    rest, taken, data = b"", 0, list[bytes]()
    async for block in response.content.iter_any():
        taken += len(block)
        *lines, rest = (rest + block).split(b"\n")
        if len(rest) > _LINE_BYTES or taken > 20 * MOST_ANSWER_BYTES:
            raise ServerFault("the server's answer is too long")
        for line in lines:
            name, _, value = line.rstrip(b"\r").partition(b":")
            if name == b"data":
                data.append(value.removeprefix(b" "))
            elif not name and not value and data:
                event, data = b"\n".join(data), []
                if event == b"[DONE]":
                    return
                yield event
    if data and data != [b"[DONE]"]:
        yield b"\n".join(data)


def _taken(data: bytes, said: Said) -> list[str]:
    """Add an event to what was said; return its text."""
    try:
        chunk = msgspec.json.decode(data, type=_Chunk)
    except msgspec.DecodeError as error:
        raise ServerFault(f"the server's answer is no chat completion: {error}") from None
    if chunk.error is not None:
        raise ServerFault(f"the server says: {bytes(chunk.error).decode(errors='replace')[:_TOLD]}")
    part = chunk.choices[0].delta or chunk.choices[0].message if chunk.choices else None
    if part is None:
        return []
    for call in part.tool_calls or ():
        _add_call(call, said.calls)
    if not part.content:
        return []
    said.text += part.content
    if len(said.text) > MOST_ANSWER_BYTES:
        raise ServerFault("the server's answer is too long")
    return [part.content]


def _add_call(part: _Call, calls: list[ToolCall]) -> None:
    """A call comes in parts, told apart by their index; some servers give each whole, and all the index 0."""
    known = calls[part.index] if 0 <= part.index < len(calls) else None
    if known is None or (part.id and known.id and part.id != known.id):
        known = ToolCall(id=part.id or f"call_{len(calls)}")
        calls.append(known)
    if part.function is not None:
        known.name += part.function.name or ""
        known.arguments += part.function.arguments or ""
