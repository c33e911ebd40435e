"""The async protocols that the pipeline consumes; engines, devices and the host stand behind them."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Protocol

from auricle.model.audio import AudioFrame
from auricle.model.intent import Intent, Reply, Transcript
from auricle.model.speech import SynthesisRequest
from auricle.model.turn import Turn


class SpeechToText(Protocol):
    def transcribe(self, frames: AsyncIterator[AudioFrame], language: str | None) -> AsyncGenerator[Transcript, None]:
        """Yield partials, if any, then one final transcript. frames: inbound audio, consecutive. Raises EngineError."""
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
