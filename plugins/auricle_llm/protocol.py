"""What is said between the chat and the server, as the protocol of OpenAI's chat completions has it."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from auricle.api import AuricleError

Message = Mapping[str, Any]
"""As the protocol has it: `role`, `content`, `tool_calls`, `tool_call_id`."""
Tool = Mapping[str, Any]


class ServerFault(AuricleError):
    """The server is away, refuses, or answers what is no answer; the words say what to do, and hold no key."""

    code = "llm"


@dataclass(slots=True)
class ToolCall:
    id: str = ""
    name: str = ""
    arguments: str = ""
    """JSON, as the model wrote it."""

    def message(self) -> dict[str, Any]:
        return {"id": self.id, "type": "function", "function": {"name": self.name, "arguments": self.arguments}}


@dataclass(slots=True)
class Said:
    """A whole answer, filled while it is streamed."""

    text: str = ""
    calls: list[ToolCall] = field(default_factory=list)


class Model(Protocol):
    def chat(self, messages: Sequence[Message], tools: Sequence[Tool], said: Said) -> AsyncGenerator[str, None]:
        """Yield the answer's text as it comes; `said` has all of it, and the calls of tools, at the end.

        Raises ServerFault. Waits as long as the server does: the caller has the deadline.
        """
        ...

    async def close(self) -> None: ...
