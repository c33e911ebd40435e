"""What MQTT and `--events` use of `auricle.service.Assistant`."""

from collections.abc import Mapping
from typing import Protocol

from auricle.bus import EventBus
from auricle.model.speech import SpeechRequest, SpeechStatus
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

    def submit(self, request: SpeechRequest) -> Ticket: ...

    async def ask(
        self, text: str, *, id: str | None = None, language: str | None = None, speak: bool = False
    ) -> Answered: ...

    async def listen(self, *, id: str | None = None, say: str | None = None) -> str: ...

    async def stop(self, id: str | None = None) -> int: ...

    def set_muted(self, muted: bool) -> None: ...

    def set_volume(self, volume: int) -> None: ...

    def set_voice(self, voice: str) -> None: ...

    def describe(self) -> dict[str, object]: ...
