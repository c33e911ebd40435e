"""The ports' speech to text and text to speech, over Wyoming: one connection per request."""

import asyncio
import contextlib
import math
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from auricle.engines.client import Client, connected
from auricle.engines.messages import (
    EXTRAS,
    WEIGH,
    WEIGHED,
    AudioChunk,
    AudioStart,
    AudioStop,
    Event,
    Synthesize,
    SynthesizeVoice,
    Transcribe,
)
from auricle.engines.place import Place
from auricle.engines.wire import DEFAULT_LIMITS, IdlePeer, Limits
from auricle.model.audio import INBOUND_RATE_HZ, SAMPLE_BYTES, AudioFrame
from auricle.model.errors import (
    BadRequest,
    EngineDied,
    EngineError,
    EngineTimeout,
    EngineUnavailable,
    EngineWrecked,
    StalledPeer,
    WireError,
)
from auricle.model.intent import Expected, Transcript
from auricle.model.speech import SynthesisRequest

_CONNECT_S: Final = 5.0
_RETRY_S: Final = 0.05
_LATE_ERROR_S: Final = 1.0
MOST_ALTERNATIVES: Final = 10
"""Texts beside the transcript that are taken from a server."""
_MOST_KEPT_S: Final = 60
"""Speech is kept back until it is whole, but no more of it than this."""


class _Proxy:
    def __init__(self, place: Place, *, timeout_s: float, limits: Limits = DEFAULT_LIMITS) -> None:
        self.place = place
        self._timeout_s = timeout_s
        self._limits = limits

    @asynccontextmanager
    async def _request(self) -> AsyncIterator[Client]:
        """A connection; whatever goes wrong on it is an EngineError, and the place is told."""
        try:
            async with contextlib.AsyncExitStack() as stack:
                client = await self._connect(stack)
                stack.enter_context(self.place.using(client))
                yield client
        except StalledPeer as error:
            waited_s = self._timeout_s if isinstance(error, IdlePeer) else self._limits.stall_s
            timeout = EngineTimeout(f"{self.place.name} did not answer within {waited_s:g} s")
            self.place.failed(timeout)
            raise timeout from None
        except WireError as error:
            kind = EngineDied if self.place.local else EngineError
            broken = kind(f"{self.place.name} broke off before it had answered: {error.message}")
            self.place.failed(broken)
            raise broken from error
        except (EngineUnavailable, EngineWrecked) as error:
            self.place.failed(error)
            raise

    async def _connect(self, stack: contextlib.AsyncExitStack) -> Client:
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._timeout_s
        while True:
            await self.place.ready(max(0.0, deadline - clock()))
            try:
                return await stack.enter_async_context(
                    connected(self.place.uri, timeout_s=min(_CONNECT_S, self._timeout_s), limits=self._limits)
                )
            except EngineUnavailable:
                # A worker that has just died may not have been missed yet; it comes back.
                if not self.place.local or clock() >= deadline:
                    raise
            await asyncio.sleep(_RETRY_S)


class WyomingStt(_Proxy):
    """Speech to text by whatever listens at a place."""

    def __init__(
        self, place: Place, *, timeout_s: float, language: str | None = None, limits: Limits = DEFAULT_LIMITS
    ) -> None:
        """timeout_s: longest wait for the transcript after the end of speech. language: when a request names none."""
        super().__init__(place, timeout_s=timeout_s, limits=limits)
        self._language = language

    async def transcribe(
        self, frames: AsyncIterator[AudioFrame], language: str | None, expected: Expected | None = None
    ) -> AsyncGenerator[Transcript, None]:
        """Frames go out as they come. Raises EngineError; an error of `frames` passes through."""
        async with self._request() as client:
            asked = _transcribe(language or self._language, expected)
            sender = asyncio.create_task(_send_speech(client, frames, asked), name=f"send speech to {self.place.name}")
            heard = ""
            try:
                while True:
                    event = await _answer(client, sender, self._timeout_s)
                    match event.type:
                        case "transcript":
                            self.place.answered()
                            yield _final(event)
                            return
                        case "transcript-start":
                            heard = ""
                        case "transcript-chunk":
                            heard = _partial(event, heard)
                            if heard:
                                yield Transcript(heard, final=False)
            finally:
                sender.cancel()
                await asyncio.gather(sender, return_exceptions=True)

    async def likelihoods(self, utterance: str, texts: Sequence[str]) -> Sequence[float]:
        """How likely each text is, given the sound of that utterance: `SttEngine.likelihoods`.

        Raises BadRequest where the engine does not keep it any more, EngineError.
        """
        async with self._request() as client:
            await client.send(Event(WEIGH, {"utterance": utterance, "texts": list(texts)}))
            while (event := await client.receive(self._timeout_s)).type != WEIGHED:
                pass
            found = event.data.get("likelihoods")
            if not isinstance(found, list) or len(found) != len(texts) or not all(map(_is_number, found)):
                raise EngineError(f"{self.place.name} did not say how likely each text is")
            return [float(likelihood) for likelihood in found]


class WyomingTts(_Proxy):
    """Text to speech by whatever listens at a place."""

    def __init__(
        self, place: Place, *, timeout_s: float, voice: str | None = None, limits: Limits = DEFAULT_LIMITS
    ) -> None:
        """timeout_s: longest wait for the next piece of sound. voice: when a request names none; may change."""
        super().__init__(place, timeout_s=timeout_s, limits=limits)
        self.voice = voice

    async def synthesize(self, request: SynthesisRequest) -> AsyncGenerator[AudioFrame, None]:
        """A worker's speech is given once it is whole, so that one that fails in the middle can be said by another.

        A server's, and that of an engine which streams, as it comes. Raises EngineError; BadRequest for a voice or
        option that the engine does not have.
        """
        async with self._request() as client:
            await client.send(_synthesize(request, request.voice or self.voice))
            position, speed, pitch, whole = 0, 1.0, 0.0, self.place.local
            kept: list[AudioFrame] = []
            while True:
                event = await client.receive(self._timeout_s)
                if event.type == "audio-start":
                    speed, pitch = _speed(event), _pitch(event)
                    whole = whole and _extra(event, "streams") is not True
                if event.type == "audio-stop":
                    self.place.answered()
                    for frame in kept:
                        yield frame
                    return
                if event.type == "audio-chunk":
                    frame = replace(_frame(event, position), engine=self.place.name, speed=speed, pitch=pitch)
                    position = frame.end_sample
                    if frame.pcm and whole and frame.end_sample < _MOST_KEPT_S * frame.rate_hz:
                        kept.append(frame)
                    elif frame.pcm:
                        whole = False
                        for earlier in kept:
                            yield earlier
                        kept.clear()
                        yield frame


def _transcribe(language: str | None, expected: Expected | None) -> Event:
    asked = Transcribe(language=language).event()
    extras: dict[str, object] = {"partials": True}
    if expected is not None:
        extras["expected"] = {"language": expected.language, "phrases": list(expected.phrases)}
    asked.data[EXTRAS] = extras
    return asked


async def _send_speech(client: Client, frames: AsyncIterator[AudioFrame], asked: Event) -> None:
    await client.send(asked)
    await client.send(AudioStart(rate=INBOUND_RATE_HZ, width=SAMPLE_BYTES, channels=1, timestamp=0).event())
    first: int | None = None
    async for frame in frames:
        first = frame.first_sample if first is None else first
        at_ms = (frame.first_sample - first) * 1000 // frame.rate_hz
        chunk = AudioChunk(rate=frame.rate_hz, width=SAMPLE_BYTES, channels=1, audio=frame.pcm, timestamp=at_ms)
        await client.send(chunk.event())
    await client.send(AudioStop().event())


async def _answer(client: Client, sender: "asyncio.Task[None]", timeout_s: float) -> Event:
    """The next event; the deadline counts from the end of speech."""
    reading = asyncio.create_task(client.receive(), name="receive transcript")
    try:
        await asyncio.wait({reading, sender}, return_when=asyncio.FIRST_COMPLETED)
        if not reading.done():
            error = sender.exception()
            if error is not None and not isinstance(error, WireError):
                raise error
            # A server that closed on us may have said why.
            await asyncio.wait({reading}, timeout=timeout_s if error is None else _LATE_ERROR_S)
            if not reading.done():
                raise error or IdlePeer("no transcript came")
        return reading.result()
    finally:
        if not reading.done():
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


def _final(event: Event) -> Transcript:
    text, language, confidence = (event.data.get(key) for key in ("text", "language", "confidence"))
    if not isinstance(text, str):
        raise EngineError("the server sent a transcript without text")
    return Transcript(
        text=text.strip(),
        language=language if isinstance(language, str) else None,
        confidence=min(1.0, max(0.0, float(confidence))) if isinstance(confidence, int | float) else None,
        alternatives=_alternatives(event),
        utterance=utterance[:64] if isinstance(utterance := _extra(event, "utterance"), str) else "",
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _alternatives(event: Event) -> tuple[str, ...]:
    told = event.data.get("alternatives")
    if not isinstance(told, list):
        return ()
    return tuple(text.strip() for text in told[:MOST_ALTERNATIVES] if isinstance(text, str) and text.strip())


def _partial(event: Event, heard: str) -> str:
    text = event.data.get("text")
    if not isinstance(text, str):
        return heard
    return text if _extra(event, "replaces") is True else heard + text


def _extra(event: Event, key: str) -> object:
    """What a program of ours adds to an event; others do not."""
    extras = event.data.get(EXTRAS)
    return extras.get(key) if isinstance(extras, dict) else None


def _speed(event: Event) -> float:
    """The pace that the engine kept, where the server says so; others speak at their own."""
    speed = _extra(event, "speed")
    return float(speed) if isinstance(speed, int | float) and 0.5 <= speed <= 2 else 1.0


def _pitch(event: Event) -> float:
    """Semitones that the engine has shifted already, where the server says so."""
    extras = event.data.get(EXTRAS)
    pitch = extras.get("pitch") if isinstance(extras, dict) else None
    return float(pitch) if isinstance(pitch, int | float) and -12 <= pitch <= 12 else 0.0


def _frame(event: Event, position: int) -> AudioFrame:
    rate, width, channels = (event.data.get(key) for key in ("rate", "width", "channels"))
    if not isinstance(rate, int) or not 4_000 <= rate <= 384_000 or (width, channels) != (SAMPLE_BYTES, 1):
        raise EngineError(
            f"the server sent sound that is not 16-bit mono: {rate} Hz, {width} bytes, {channels} channels"
        )
    pcm = event.payload or b""
    return AudioFrame(pcm[: len(pcm) - len(pcm) % SAMPLE_BYTES], position, rate)


def _synthesize(request: SynthesisRequest, voice: str | None) -> Event:
    chosen = SynthesizeVoice(name=voice, language=request.language) if voice or request.language else None
    text = request.text.encode("utf-8", "ignore").decode()  # half a surrogate pair cannot be sent, nor spoken
    event = Synthesize(text=text, voice=chosen).event()
    extras: dict[str, object] = {"speed": request.speed}
    if request.language:
        extras["language"] = request.language
    if request.pitch:
        extras["pitch"] = request.pitch
    for name, value in request.options.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise BadRequest(f"{name} is {value}, which is no number", field=name)  # JSON has no such thing
    if request.options:
        extras["options"] = dict(request.options)
    event.data[EXTRAS] = extras
    return event
