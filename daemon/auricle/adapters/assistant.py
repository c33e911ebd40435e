"""What the doors use of `auricle.service.Assistant`."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Protocol

from auricle.bus import EventBus
from auricle.ledger import Ledger
from auricle.model.audio import AudioFrame
from auricle.model.intent import Transcript
from auricle.model.speech import SpeechRequest, SpeechStatus
from auricle.pipeline.recordings import Recording
from auricle.status import Status


class Observed(Protocol):
    """Facts, and what they amount to."""

    bus: EventBus

    @property
    def status(self) -> Status: ...


class SpeechEnd(Protocol):
    @property
    def status(self) -> SpeechStatus: ...

    @property
    def reason(self) -> str | None: ...


class Ticket(Protocol):
    @property
    def id(self) -> str: ...

    async def done(self) -> SpeechEnd: ...


class Answered(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def intent(self) -> str | None: ...

    @property
    def slots(self) -> Mapping[str, object]: ...

    @property
    def reply(self) -> str: ...

    @property
    def handled_by(self) -> str: ...


class Assistant(Observed, Protocol):
    """Every method may raise AuricleError."""

    @property
    def ledger(self) -> Ledger | None: ...

    @property
    def resumed(self) -> Sequence[tuple[Ticket, str]]: ...

    async def accept(self, request: SpeechRequest, origin: str = "", message: str | None = None) -> Ticket: ...

    async def id_of(self, message: str) -> str | None: ...

    async def synthesize(self, request: SpeechRequest) -> bytes: ...

    def synthesized(self, request: SpeechRequest) -> AsyncGenerator[AudioFrame, None]: ...

    async def transcribe(self, sound: bytes, *, language: str | None = None) -> tuple[Transcript, float]: ...

    async def transcribe_timed(self, sound: bytes, *, language: str | None = None) -> Recording: ...

    async def ask(
        self, text: str, *, id: str | None = None, language: str | None = None, speak: bool = False
    ) -> Answered: ...

    async def listen(self, *, id: str | None = None, say: str | None = None) -> str: ...

    async def stop(self, id: str | None = None) -> int: ...

    def set_muted(self, muted: bool) -> None: ...

    def set_volume(self, volume: int) -> None: ...

    def set_voice(self, voice: str) -> None: ...

    async def set_plugin(self, name: str, enabled: bool) -> None: ...

    async def reload_plugin(self, name: str) -> None: ...

    def describe(self) -> dict[str, object]: ...
