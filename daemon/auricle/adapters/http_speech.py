"""`/v1/audio/speech` and `/v1/audio/transcriptions`, in OpenAI's shapes, by the way that MQTT's requests go too."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, contextmanager

import msgspec
from aiohttp import web

from auricle.adapters.assistant import Assistant
from auricle.adapters.http_flow import Outflow, read_body, read_form
from auricle.adapters.http_requests import STREAMED, Encoder, parse_speech, parse_transcription
from auricle.adapters.requests import MAX_JSON_BYTES
from auricle.model.audio import OUTBOUND_RATE_HZ, AudioFrame
from auricle.model.errors import AuricleError, BadRequest, EngineError
from auricle.pipeline.recordings import Recording
from auricle.pipeline.subtitles import srt, vtt
from auricle.pipeline.wav import wav_header

_LOG = logging.getLogger(__name__)
_PIECE_BYTES = 65_536
_TIMED = ("srt", "vtt", "verbose_json")


class SpeechPages:
    """Every error is raised as AuricleError before an answer has begun; afterwards the connection is cut."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant
        self._outflows: set[Outflow] = set()

    async def speech(self, request: web.Request) -> web.StreamResponse:
        said, asked = parse_speech(await read_body(request, MAX_JSON_BYTES))
        async with aclosing(self._assistant.synthesized(said)) as frames:
            if asked.response_format in STREAMED:
                return await self._stream(request, frames, asked.response_format)
            file, content_type = await _encoded(frames, asked.response_format)
        response = web.StreamResponse(headers={"Content-Type": content_type})
        response.content_length = len(file)
        with self._outflow(request, response) as out:
            await out.begin()
            for at in range(0, len(file), _PIECE_BYTES):
                await out.send(file[at : at + _PIECE_BYTES])
            return await out.end()

    async def transcription(self, request: web.Request) -> web.StreamResponse:
        file, fields = await read_form(request)
        asked = parse_transcription(fields)
        if not file:
            raise BadRequest("file: a sound file must be given (WAV, FLAC, Ogg or MP3)", field="file")
        if asked.response_format in _TIMED:
            recording = await self._assistant.transcribe_timed(file, language=asked.language)
            match asked.response_format:
                case "srt":
                    return _text(srt(recording.segments), "application/x-subrip")
                case "vtt":
                    return _text(vtt(recording.segments), "text/vtt")
                case _:
                    return _json(_verbose(recording))
        heard, _ = await self._assistant.transcribe(file, language=asked.language)
        return (
            _text(f"{heard.text}\n", "text/plain") if asked.response_format == "text" else _json({"text": heard.text})
        )

    async def _stream(
        self, request: web.Request, frames: AsyncGenerator[AudioFrame, None], response_format: str
    ) -> web.StreamResponse:
        # What fails before the first sound is still answered with an error.
        first = await anext(frames, None)
        if first is None:
            raise EngineError("the engine made no sound of it")
        response = web.StreamResponse(headers={"Content-Type": STREAMED[response_format]})
        with self._outflow(request, response) as out:
            await out.begin()
            await out.send((wav_header(OUTBOUND_RATE_HZ) if response_format == "wav" else b"") + first.pcm)
            async for frame in frames:
                await out.send(frame.pcm)
            return await out.end()

    @contextmanager
    def _outflow(self, request: web.Request, response: web.StreamResponse) -> Iterator[Outflow]:
        out = Outflow(request, response, self._outflows)
        try:
            yield out
        except BaseException as error:
            # An end that looked like one would pass for the whole speech.
            if request.transport is not None:
                request.transport.abort()
            if isinstance(error, AuricleError):
                _LOG.warning("http: speech broke off: %s", error.message)
                raise ConnectionResetError("speech broke off") from error
            raise
        finally:
            out.close()


async def _encoded(frames: AsyncGenerator[AudioFrame, None], response_format: str) -> tuple[bytes, str]:
    """A whole file, and its content type; no piece of work is so long that a stop would have to wait for it."""
    encoder = Encoder(response_format)
    try:
        async for frame in frames:
            for at in range(0, len(frame.pcm), _PIECE_BYTES):
                await asyncio.to_thread(encoder.write, frame.pcm[at : at + _PIECE_BYTES])
        if encoder.empty:
            raise EngineError("the engine made no sound of it")
        return await asyncio.to_thread(encoder.finish), encoder.content_type
    finally:
        # Cancelled, a thread may still be writing: the closing waits for that, and nobody for the closing.
        asyncio.get_running_loop().run_in_executor(None, encoder.close)


def _verbose(recording: Recording) -> Mapping[str, object]:
    """What is known of a recording, by OpenAI's names; its tokens and their probabilities are not."""
    return {
        "task": "transcribe",
        "language": recording.language or "",
        "duration": round(recording.audio_s, 3),
        "text": recording.text,
        "segments": [
            {
                "id": number,
                "start": round(segment.start_s, 3),
                "end": round(segment.end_s, 3),
                "text": segment.text,
                "confidence": segment.confidence,
            }
            for number, segment in enumerate(recording.segments)
        ],
    }


def _json(told: Mapping[str, object]) -> web.Response:
    return web.Response(body=msgspec.json.encode(told), content_type="application/json")


def _text(text: str, content_type: str) -> web.Response:
    return web.Response(text=text, content_type=content_type, charset="utf-8")
