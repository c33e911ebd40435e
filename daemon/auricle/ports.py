"""The async protocols that the pipeline consumes; engines, devices and the host stand behind them."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Protocol

from auricle.api.services import KnownIntent
from auricle.model.audio import AudioFrame
from auricle.model.events import Event
from auricle.model.intent import Intent, Reply, Transcript
from auricle.model.speech import SpeechRequest, SpeechStatus, SynthesisRequest
from auricle.model.turn import Turn


class SpeechToText(Protocol):
    def transcribe(self, frames: AsyncIterator[AudioFrame], language: str | None) -> AsyncGenerator[Transcript, None]:
        """Yield partials, if any, then one final transcript. frames: inbound audio, consecutive. Raises EngineError."""
        ...


class Judge(Protocol):
    """Who heard an utterance, and is asked once more what it was."""

    async def likelihoods(self, utterance: str, texts: Sequence[str]) -> Sequence[float]:
        """Log probability of each text, given the sound. Raises BadRequest where that is not kept, EngineError."""
        ...


class TextToSpeech(Protocol):
    def synthesize(self, request: SynthesisRequest) -> AsyncGenerator[AudioFrame, None]:
        """Yield the speech in playing order, at the engine's rate; closing the iterator cancels. Raises EngineError."""
        ...


class Understanding(Protocol):
    async def recognize(self, transcript: Transcript, turn: Turn) -> Intent | None: ...

    async def handle(self, intent: Intent, turn: Turn) -> Reply | None: ...


class Speaker(Protocol):
    """An output device; plays one stream at a time."""

    def prepare(self) -> None:
        """Begin to open the device ahead, since it will be needed soon."""
        ...

    async def play(self, frames: AsyncIterator[AudioFrame], volume: int) -> None:
        """Play outbound audio (24 kHz) to its end; returns when the last sample has been heard.

        volume: 0 to 100. Cancelling the call silences at once. Raises AudioDeviceError if the device stays away.
        """
        ...


class Store(Protocol):
    """Settings that survive a restart."""

    def load(self) -> Mapping[str, object]: ...

    def save(self, key: str, value: object) -> None: ...


class SpeechEnd(Protocol):
    @property
    def status(self) -> SpeechStatus: ...


class Ticket(Protocol):
    """Speech that was accepted."""

    async def done(self) -> SpeechEnd: ...


class Answer(Protocol):
    """What a typed command was answered with."""

    @property
    def intent(self) -> str | None: ...
    @property
    def slots(self) -> Mapping[str, object]: ...
    @property
    def reply(self) -> str: ...
    @property
    def handled_by(self) -> str: ...


class Settings(Protocol):
    @property
    def volume(self) -> int: ...
    @property
    def muted(self) -> bool: ...


class House(Protocol):
    """The running daemon, as plugins may use it."""

    @property
    def status(self) -> Settings: ...

    def submit(self, request: SpeechRequest) -> Ticket: ...

    async def ask(self, text: str, *, language: str | None = None, speak: bool = False) -> Answer: ...

    async def intents(self, language: str | None = None) -> Sequence[KnownIntent]: ...

    async def perform(self, plugin: str, intent: str, slots: Mapping[str, object], turn: Turn) -> Reply: ...

    async def renew_sentences(self, plugin: str) -> None: ...

    async def listen(self, *, say: str | None = None) -> str: ...

    async def stop(self, id: str | None = None) -> int: ...

    def set_volume(self, volume: int) -> None: ...

    def set_muted(self, muted: bool) -> None: ...

    def publish(self, event: Event) -> None: ...
