"""Text to outbound audio, sentence by sentence: from the cache, or made by an engine, shaped and kept."""

import asyncio
import time
import unicodedata
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace

from auricle.model.audio import OUTBOUND_RATE_HZ, SAMPLE_BYTES, AudioFrame
from auricle.model.speech import SpeechRequest, SynthesisRequest
from auricle.pipeline.ahead import Lead, Pace
from auricle.pipeline.cutting import Cutter
from auricle.pipeline.pieces import pieces
from auricle.pipeline.rate import Resampler
from auricle.pipeline.shaping import Shape, Shaper
from auricle.ports import TextToSpeech
from auricle.speech_cache import SpeechCache, cache_key

_PAUSE = AudioFrame(bytes(2 * int(0.12 * OUTBOUND_RATE_HZ)), rate_hz=OUTBOUND_RATE_HZ)
"""Between two sentences."""
_TOGETHER_S = 0.004
"""Frames that follow each other within this are one run: the more is there, the better its loudness is known."""
_RUN_S = 2.0


@dataclass(frozen=True, slots=True)
class KeptSpeech:
    """The cache as speech uses it."""

    cache: SpeechCache
    engine: str
    """The one whose speech is kept, and not that of those which stand in for it."""
    identity: Callable[[], str | None]
    """All that makes the engine's sound what it is, its versions too; nothing is kept or found while it is unknown."""


async def synthesized(
    request: SpeechRequest,
    tts: TextToSpeech,
    *,
    loudness_lufs: float | None = None,
    kept: KeptSpeech | None = None,
    more: AsyncIterator[str] | None = None,
    making: Callable[[str], None] = lambda text: None,
    lead: Lead | None = None,
) -> AsyncGenerator[AudioFrame, None]:
    """Yield outbound audio (24 kHz) of a whole text. Raises EngineError, BadRequest, and what `more` raises.

    loudness_lufs: to which each sentence is brought; none leaves it as the engine gives it. more: text that follows the
    request's own, as it is made. making: told each piece before it is made. lead: of this text, with the engine's pace
    where that is known; no piece is longer than what can be made before the one before was heard.
    """
    lead = lead or Lead(Pace())
    cutter = Cutter(request.text, more)
    try:
        while (cut := await cutter.next(lead)) is not None:
            making(cut.text)
            if cut.pause:
                lead.sound(_PAUSE)
                yield _PAUSE
            piece, shape = _piece(cut.text, request, loudness_lufs)
            made = (
                _made(piece, shape, tts, lead.pace) if kept is None else _found_or_made(piece, shape, tts, kept, lead)
            )
            async with aclosing(made) as frames:
                async for frame in frames:
                    lead.sound(frame)
                    yield frame
            lead.text(cut.text)
    finally:
        await cutter.close()


async def is_kept(request: SpeechRequest, kept: KeptSpeech, *, loudness_lufs: float | None = None) -> bool:
    """Whether all of it is in the cache, so that no engine would be asked."""
    keys = [_key(piece, shape, kept) for piece, shape in _pieces(request, loudness_lufs)]
    return await asyncio.to_thread(lambda: all(key is not None and kept.cache.has(key) for key in keys))


def _pieces(request: SpeechRequest, loudness_lufs: float | None) -> Iterator[tuple[SynthesisRequest, Shape]]:
    """Each sentence, and how it is to sound in the end."""
    return (_piece(text, request, loudness_lufs) for text in pieces(request.text))


def _piece(text: str, request: SpeechRequest, loudness_lufs: float | None) -> tuple[SynthesisRequest, Shape]:
    speed = 1.0 if request.speed is None else request.speed
    shape = Shape(speed, request.pitch or 0.0, loudness_lufs)
    asked = SynthesisRequest(text, request.voice, request.language, speed, pitch=shape.pitch, options=request.engine)
    return asked, shape


async def _found_or_made(
    piece: SynthesisRequest, shape: Shape, tts: TextToSpeech, kept: KeptSpeech, lead: Lead
) -> AsyncGenerator[AudioFrame, None]:
    """A piece that was cut short, failed, or was spoken by another engine than the usual one, is not kept."""
    key = _key(piece, shape, kept)
    if key is not None:
        found = await asyncio.to_thread(kept.cache.get, key, OUTBOUND_RATE_HZ)
        if found is not None:
            yield AudioFrame(found, rate_hz=OUTBOUND_RATE_HZ, engine=kept.engine)
            return
    whole: list[bytes] = []
    usual = True
    async with aclosing(_made(piece, shape, tts, lead.pace)) as frames:
        async for frame in frames:
            usual = usual and frame.engine == kept.engine
            whole.append(frame.pcm)
            yield frame
    if key is not None and usual:
        await asyncio.to_thread(kept.cache.put, key, b"".join(whole), OUTBOUND_RATE_HZ)


async def _made(
    piece: SynthesisRequest, shape: Shape, tts: TextToSpeech, pace: Pace
) -> AsyncGenerator[AudioFrame, None]:
    """One sentence from the engine, in the right pace and pitch, as loud as is wanted, at 24 kHz."""
    stage: Shaper | Resampler | None = None
    engine = ""
    sound_s = worked_s = 0.0
    since_s = time.monotonic()
    async with aclosing(tts.synthesize(piece)) as frames, aclosing(_runs(frames, shape)) as runs:
        async for run in runs:
            if stage is None:
                engine = run.engine
                speed = min(2.0, max(0.5, shape.speed / run.speed))
                left = replace(shape, speed=speed, pitch=min(12.0, max(-12.0, shape.pitch - run.pitch)))
                stage = Resampler(run.rate_hz, OUTBOUND_RATE_HZ) if left.neutral else Shaper(left, run.rate_hz)
            pcm = await _fed(stage, run.pcm)
            sound_s += len(pcm) / (OUTBOUND_RATE_HZ * SAMPLE_BYTES)
            worked_s += time.monotonic() - since_s
            if pcm:
                yield AudioFrame(pcm, rate_hz=OUTBOUND_RATE_HZ, engine=engine)
            since_s = time.monotonic()  # while the frame waited for its listener, the engine may have waited too
    pace.made(sound_s, worked_s + time.monotonic() - since_s)
    if stage is not None and (pcm := stage.finish()):
        yield AudioFrame(pcm, rate_hz=OUTBOUND_RATE_HZ, engine=engine)


async def _fed(stage: Shaper | Resampler, pcm: bytes) -> bytes:
    if isinstance(stage, Resampler):
        return stage.feed(pcm)
    # Some milliseconds for a second of speech: not on the event loop.
    return await asyncio.to_thread(stage.feed, pcm)


async def _runs(frames: AsyncGenerator[AudioFrame, None], shape: Shape) -> AsyncGenerator[AudioFrame, None]:
    """The frames; if loudness is to be judged, those that come together made one. An error comes after its frames."""
    if shape.loudness_lufs is None:
        async for frame in frames:
            yield frame
        return
    coming: asyncio.Task[AudioFrame | None] | None = None
    run: AudioFrame | None = None
    try:
        while True:
            if coming is None:
                coming = asyncio.create_task(_next(frames), name="next frame of speech")
            await asyncio.wait({coming}, timeout=None if run is None else _TOGETHER_S)
            if run is not None and (not coming.done() or coming.exception() is not None or run.seconds >= _RUN_S):
                yield run
                run = None
                continue
            found, coming = coming.result(), None
            if found is None:
                break
            run = found if run is None else replace(run, pcm=run.pcm + found.pcm)
        if run is not None:
            yield run
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)


async def _next(frames: AsyncGenerator[AudioFrame, None]) -> AudioFrame | None:
    return await anext(frames, None)


def _key(piece: SynthesisRequest, shape: Shape, kept: KeptSpeech) -> str | None:
    """The name of the finished sound in the cache; None where it cannot have one."""
    identity = kept.identity()
    if identity is None:
        return None
    return cache_key(
        {
            "engine": kept.engine,
            "identity": identity,
            "text": unicodedata.normalize("NFC", " ".join(piece.text.split())),
            "voice": piece.voice,
            "language": piece.language,
            "options": dict(piece.options),
            "speed": round(piece.speed, 4),
            "pitch": round(shape.pitch, 4),
            "loudness_lufs": shape.loudness_lufs,
            "rate_hz": OUTBOUND_RATE_HZ,
        }
    )
