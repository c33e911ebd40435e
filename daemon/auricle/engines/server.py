"""Serves one engine over Wyoming: many connections, one request of the engine at a time, in the order they came."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from auricle.api.engines import EngineSpec, SttEngine, TtsEngine, Voice
from auricle.engines import gpu, requests, uri, wire
from auricle.engines.figures import MIB, rss_bytes, thread_count
from auricle.engines.messages import (
    EXTRAS,
    WEIGH,
    WEIGHED,
    AudioStop,
    Error,
    Event,
    Info,
    Ping,
    Pong,
    TranscriptChunk,
    TranscriptStart,
    TranscriptStop,
)
from auricle.engines.meter import Meter
from auricle.engines.requests import Transcription
from auricle.engines.thread import EngineThread, Pieces
from auricle.engines.together import Together
from auricle.engines.utterance import Utterance
from auricle.engines.wire import Limits
from auricle.model.audio import OUTBOUND_RATE_HZ, SAMPLE_BYTES, AudioFrame
from auricle.model.engine_faults import engine_fault
from auricle.model.errors import AuricleError, BadRequest, EngineError, QueueFull, WireError
from auricle.model.intent import Transcript
from auricle.model.speech import SynthesisRequest

_log = logging.getLogger(__name__)
_CHUNK_BYTES = 32 * 1024
_LINGER_S = 1.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much the server takes on at once."""

    connections: int = 32
    requests: int = 8
    """That wait or run; one more is refused."""
    wire: Limits = field(default_factory=lambda: Limits(idle_s=600.0))


class EngineServer:
    """One engine on its thread, and the connections that ask of it."""

    def __init__(
        self, spec: EngineSpec, engine: SttEngine | TtsEngine, bounds: Bounds | None = None, *, restarts: int = 0
    ) -> None:
        """restarts: how often the process was started again before; told in `figures`."""
        self.spec = spec
        self._restarts = restarts
        self.bounds = bounds or Bounds()
        self.voices: Sequence[Voice] = ()
        """Known once loaded, for a TTS engine."""
        self._engine = engine
        self._thread = EngineThread(spec.name)
        self._meter = Meter()
        self._together = Together(engine) if isinstance(engine, SttEngine) else None
        self._listening: uri.Listening | None = None
        self._connections = 0
        self._loaded = False

    @property
    def pending(self) -> int:
        """Requests that wait or run, those whose client went away until the engine has noticed."""
        return self._thread.depth

    async def load(self) -> None:
        """Raises what the engine's `load` raises."""
        await self._thread.call(self._engine.load)
        self._loaded = True
        if isinstance(self._engine, TtsEngine):
            self.voices = tuple(await self._thread.call(self._engine.voices))

    async def listen(self, address: str) -> str:
        """Take connections at `address`; returns it with the real port. Raises EngineUnavailable."""
        self._listening = await uri.serve(address, self._serve, name=f"engine {self.spec.name}")
        return self._listening.uri

    async def close(self, wait_s: float = 0.5) -> None:
        """End the connections and release the engine; one that hangs for `wait_s` is left behind."""
        if self._listening is not None:
            await self._listening.close()
        if self._loaded:
            try:
                async with asyncio.timeout(wait_s):
                    await self._thread.call(self._engine.close)
            except TimeoutError:
                _log.warning("%s did not close within %g s and is left behind", self.spec.name, wait_s)
            except Exception:
                _log.exception("%s failed to close", self.spec.name)
        self._thread.stop(0.0)

    @property
    def device(self) -> str:
        return self._engine.device

    @property
    def batch(self) -> int:
        return self._engine.batch if isinstance(self._engine, SttEngine) else 1

    @property
    def weighs(self) -> bool:
        """Whether it can be asked how likely texts are."""
        return isinstance(self._engine, SttEngine) and self._engine.judges

    def start_of_speech(self, rate_hz: int, request: SynthesisRequest) -> Event:
        assert isinstance(self._engine, TtsEngine)
        return requests.start_of_speech(rate_hz, request, self._engine)

    def figures(self) -> dict[str, object]:
        """What the process tells of itself with each pong."""
        return {
            "engine": self.spec.name,
            "pid": os.getpid(),
            "rss_mb": round(rss_bytes("self") / MIB, 1),
            "threads": thread_count("self"),
            "restarts": self._restarts,
            "device": self.device,
            "batch": self.batch,
            "gpu_mb": gpu.memory_mb(),
            "requests": self._meter.requests,
            "rtf": self._meter.rtf,
        }

    async def self_test(self) -> float:
        """Seconds of computing for a second of sound, measured now. Raises what the engine raises."""
        return await self._thread.call(self._engine.self_test)

    def info(self) -> Info:
        return requests.describe(self.spec, self.voices)

    def synthesize(self, request: SynthesisRequest) -> Pieces[AudioFrame]:
        engine = self._engine
        if not isinstance(engine, TtsEngine):
            raise BadRequest(f"{self.spec.name} does not speak: it is an {self.spec.kind} engine")
        self._admit()
        return Pieces(self._thread, lambda: self._meter.speech(engine.synthesize(request)), abandon=engine.abandon)

    def transcribe(self, utterance: Utterance, asked: Transcription) -> Pieces[Transcript]:
        if self._together is None:
            raise BadRequest(f"{self.spec.name} does not listen: it is a {self.spec.kind} engine")
        self._admit()
        heard = self._together.hear(utterance, asked.language, asked.expected)

        def until_final() -> Iterator[Transcript]:
            found = self._meter.hearing(utterance, heard)
            try:
                for transcript in found:
                    yield transcript
                    if transcript.final:
                        return
            finally:
                found.close()

        return Pieces(self._thread, until_final)

    async def likelihoods(self, utterance: str, texts: Sequence[str]) -> Sequence[float]:
        """Raises BadRequest where the engine does not keep that utterance, QueueFull, what the engine raises."""
        engine = self._engine
        if not isinstance(engine, SttEngine):
            raise BadRequest(f"{self.spec.name} does not listen: it is a {self.spec.kind} engine")
        self._admit()
        found: list[float] = []
        for text in texts:  # one by one: who gives up on it holds nobody up
            found += await self._thread.call(partial(engine.likelihoods, utterance, [text]))
        return found

    def _admit(self) -> None:
        if self.pending >= self.bounds.requests:
            raise QueueFull(f"{self.spec.name} has {self.bounds.requests} requests to do already; try again later")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(self, reader, writer)
        if self._connections >= self.bounds.connections:
            await connection.refuse(QueueFull(f"{self.spec.name} has {self._connections} connections already"))
            return
        self._connections += 1
        try:
            await connection.run()
        finally:
            self._connections -= 1


class _Connection:
    """One client: reads its events, answers in the order in which it asked."""

    def __init__(self, server: EngineServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._limits = server.bounds.wire
        self._answers: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()
        self._asked = Transcription()
        self._open: Utterance | None = None
        self._hearing = False
        """Between audio-start and audio-stop, also of a request that failed: its chunks are swallowed."""

    async def run(self) -> None:
        """Until the client goes away or breaks the protocol; either cancels what it asked for."""
        try:
            while (event := await self._next()) is not None:
                try:
                    await self._take(event)
                except AuricleError as error:
                    if isinstance(error, WireError):
                        raise
                    await self._send_error(error)
        except WireError as error:
            await self.refuse(error)
        finally:
            if self._open is not None:
                self._open.abandon()
            for answer in self._answers:
                answer.cancel()
            await asyncio.gather(*self._answers, return_exceptions=True)

    async def refuse(self, error: AuricleError) -> None:
        """Say why, then take what the client still sends: closing on unread bytes would cut the reason off."""
        with contextlib.suppress(WireError, OSError, RuntimeError, TimeoutError):
            await self._send_error(error)
            self._writer.write_eof()
            async with asyncio.timeout(_LINGER_S):
                while await self._reader.read(64 * 1024):
                    pass

    async def _next(self) -> Event | None:
        while True:
            idle_s = self._limits.stall_s if self._open is not None else self._limits.idle_s
            try:
                return await wire.read_event(self._reader, replace(self._limits, idle_s=idle_s))
            except wire.IdlePeer:
                # A client that waits for its answer owes us nothing; one in the middle of a sentence does.
                if self._open is not None or not self._answers:
                    raise

    async def _take(self, event: Event) -> None:
        match event.type:
            case "describe":
                told = self._server.info().event()
                told.data[EXTRAS] = {"weighs": self._server.weighs}
                await self._send(told)
            case "ping":
                text = Ping.from_event(event).text
                pong = Pong(text=text).event()
                if EXTRAS in event.data:
                    pong.data[EXTRAS] = self._server.figures()
                await self._send(pong)
            case "synthesize":
                request = requests.synthesis_request(event)
                self._answer(self._speak(self._server.synthesize(request), request), "synthesis")
            case _ if event.type == WEIGH:
                self._answer(self._weigh(*requests.weighing(event)), "weighing")
            case "transcribe":
                self._asked = requests.transcription(event)
            case "audio-start":
                self._begin(event)
            case "audio-chunk":
                self._hear(event)
            case "audio-stop":
                self._stop_hearing()
            case _:
                _log.debug("an event of type %.40r was passed over", event.type)

    def _begin(self, event: Event) -> None:
        if self._open is not None:
            self._drop_open()
            raise BadRequest("audio-start came before the audio-stop of the utterance before it")
        self._hearing = True
        utterance = Utterance(requests.audio_format(event))
        pieces = self._server.transcribe(utterance, self._asked)
        self._open = utterance
        self._answer(self._tell(utterance, pieces, self._asked.partials), "transcription")

    def _hear(self, event: Event) -> None:
        if not self._hearing:
            raise BadRequest("audio-chunk came before audio-start")
        if self._open is None:
            return
        found = requests.audio_format(event)
        try:
            self._open.feed(event.payload or b"", found.rate, found.width, found.channels)
        except BadRequest:
            self._drop_open()
            raise

    def _stop_hearing(self) -> None:
        self._hearing = False
        if self._open is not None:
            self._open.end()
            self._open = None

    def _drop_open(self) -> None:
        if self._open is not None:
            self._open.abandon()
            self._open = None

    def _answer(self, answering: "asyncio._CoroutineLike[None]", what: str) -> None:
        task = asyncio.create_task(answering, name=f"engine {self._server.spec.name} {what}")
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    async def _speak(self, pieces: Pieces[AudioFrame], request: SynthesisRequest) -> None:
        rate_hz = 0
        position = 0
        try:
            async with self._turn:
                async for frame in pieces:
                    if not rate_hz:
                        rate_hz = frame.rate_hz
                        await self._send(self._server.start_of_speech(rate_hz, request))
                    if frame.rate_hz != rate_hz:
                        raise EngineError(f"the engine changed its rate from {rate_hz} to {frame.rate_hz} Hz")
                    for start in range(0, len(frame.pcm), _CHUNK_BYTES):
                        pcm = frame.pcm[start : start + _CHUNK_BYTES]
                        await self._send(requests.chunk(pcm, rate_hz, position))
                        position += len(pcm) // SAMPLE_BYTES
                if not rate_hz:
                    if any(character.isalnum() for character in request.text):
                        raise EngineError("the engine gave no sound")
                    rate_hz = OUTBOUND_RATE_HZ
                    await self._send(self._server.start_of_speech(rate_hz, request))
                await self._send(AudioStop(timestamp=position * 1000 // rate_hz).event())
        except Exception as error:
            await self._failed(error)
        finally:
            pieces.close()

    async def _weigh(self, utterance: str, texts: Sequence[str]) -> None:
        try:
            async with self._turn:
                found = await self._server.likelihoods(utterance, texts)
                await self._send(Event(WEIGHED, {"likelihoods": list(found)}))
        except Exception as error:
            await self._failed(error)

    async def _tell(self, utterance: Utterance, pieces: Pieces[Transcript], partials: bool) -> None:
        try:
            async with self._turn:
                if partials:
                    await self._send(TranscriptStart().event())
                final = await self._relay(pieces, partials)
                await self._send(requests.transcript(final))
                if partials:
                    await self._send(TranscriptStop().event())
        except Exception as error:
            await self._failed(error)
        finally:
            utterance.abandon()
            pieces.close()
            if self._open is utterance:
                self._open = None

    async def _relay(self, pieces: Pieces[Transcript], partials: bool) -> Transcript:
        async for transcript in pieces:
            if transcript.final:
                return transcript
            if partials:
                event = TranscriptChunk(text=transcript.text).event()
                # Wyoming's chunks are pieces of a text that stands; ours is the whole text so far and may change.
                event.data[EXTRAS] = {"replaces": True}
                await self._send(event)
        raise EngineError("the engine gave no final transcript")

    async def _failed(self, error: Exception) -> None:
        name = self._server.spec.name
        if not isinstance(error, BadRequest) and (fault := engine_fault(error)) is not None:
            _log.error("%s failed at a request: %s", name, fault.message)
            error = type(fault)(f"{name} failed: {fault.message}")
        elif not isinstance(error, AuricleError):
            _log.error("%s failed at a request", name, exc_info=error)
            error = EngineError(f"{name} failed: {type(error).__name__}: {error}")
        with contextlib.suppress(WireError):
            await self._send_error(error)

    async def _send_error(self, error: AuricleError) -> None:
        event = Error(text=error.message, code=error.code).event()
        if isinstance(error, BadRequest) and error.field:
            event.data[EXTRAS] = {"field": error.field}
        await self._send(event)

    async def _send(self, event: Event) -> None:
        await wire.write_event(self._writer, event, self._limits)
