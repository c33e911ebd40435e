"""A request to speak that was accepted, how it ended, and what it gets where it names nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from auricle.model.speech import SpeechRequest, SpeechStatus
from auricle.pipeline.so_far import SoFar


@dataclass(frozen=True, slots=True)
class SpeechResult:
    status: SpeechStatus
    reason: str | None = None


@dataclass(eq=False, slots=True)
class SpeechTicket:
    """A request that was accepted; it ends in exactly one final status."""

    request: SpeechRequest
    deadline: float
    """`time.monotonic` after which it is not begun."""
    kept: bool = False
    """Whether it survives the daemon: when that stops, it does not end."""
    more: AsyncIterator[str] | None = None
    """Text that follows the request's own, as it is made."""
    text: str = ""
    """The text; of one that still comes, what is spoken or about to be."""
    so_far: SoFar = field(default_factory=SoFar)
    _result: "asyncio.Future[SpeechResult]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def __post_init__(self) -> None:
        self.text = self.request.text if self.more is None else ""

    @property
    def id(self) -> str:
        return self.request.id

    @property
    def ended(self) -> bool:
        return self._result.done()

    async def done(self) -> SpeechResult:
        return await asyncio.shield(self._result)

    def end(self, result: SpeechResult) -> None:
        if not self._result.done():
            self._result.set_result(result)

    def making(self, piece: str) -> None:
        """A piece of the text is about to be made."""
        self.so_far.piece(piece)
        if self.more is not None:
            self.text = f"{self.text} {piece}".strip()


@dataclass(frozen=True, slots=True)
class VoiceSettings:
    """What a request that names none gets; read at each request, since users change it."""

    voice: Callable[[], str | None]
    volume: Callable[[], int]
    speed: float = 1.0
    pitch: float = 0.0
    language: str | None = None
    loudness_lufs: float | None = None
    """Of all speech; none leaves it as the engine gives it."""
