"""Fall-back: when an engine fails before it gave anything, the next one gets the same request."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Protocol, TypeVar

from auricle.engines.proxy import WyomingStt, WyomingTts
from auricle.model.audio import AudioFrame
from auricle.model.errors import EngineError, EngineUnavailable
from auricle.model.intent import Transcript
from auricle.model.speech import SynthesisRequest

_log = logging.getLogger(__name__)
KEPT_S = 60.0
"""An utterance up to this long is kept for the next engine; of a longer one the failure is final."""


class _Tier(Protocol):
    @property
    def usable(self) -> bool: ...


T = TypeVar("T", bound=_Tier)


class FallbackStt:
    """Speech to text by the first of several engines that is well."""

    def __init__(self, tiers: Sequence[WyomingStt], *, kept_s: float = KEPT_S) -> None:
        self.tiers = tuple(tiers)
        self._kept_s = kept_s

    async def transcribe(
        self, frames: AsyncIterator[AudioFrame], language: str | None
    ) -> AsyncGenerator[Transcript, None]:
        """Partials of an engine that then fails are superseded by those of the next. Raises the last EngineError."""
        kept = _Kept(frames, self._kept_s)
        error: EngineError = EngineUnavailable("no engine is configured for speech to text")
        try:
            for tier in _in_order(self.tiers):
                try:
                    async with aclosing(tier.transcribe(kept.again(), language)) as found:
                        async for transcript in found:
                            yield transcript
                            if transcript.final:
                                return
                    raise EngineError(f"{tier.place.name} gave no transcript")
                except EngineError as failure:
                    error = failure
                    if not kept.whole:
                        break
                    _log.warning("%s failed at a transcript: %s", tier.place.name, failure.message)
            raise error
        finally:
            await kept.close()


class FallbackTts:
    """Text to speech by the first of several engines that is well."""

    def __init__(self, tiers: Sequence[WyomingTts]) -> None:
        self.tiers = tuple(tiers)

    async def synthesize(self, request: SynthesisRequest) -> AsyncGenerator[AudioFrame, None]:
        """The voice and options asked for are the first engine's; the others speak with their own.

        Raises the last EngineError; an engine that fails after its first sound is not followed by another.
        """
        error: EngineError = EngineUnavailable("no engine is configured for text to speech")
        plain = replace(request, voice=None, options={})
        for tier in _in_order(self.tiers):
            sounded = False
            try:
                asked = request if tier is self.tiers[0] else plain
                async with aclosing(tier.synthesize(asked)) as frames:
                    async for frame in frames:
                        sounded = True
                        yield frame
                return
            except EngineError as failure:
                if sounded:
                    raise
                error = failure
                _log.warning("%s failed at a piece of speech: %s", tier.place.name, failure.message)
        raise error


def _in_order(tiers: Sequence[T]) -> Iterator[T]:
    """Those that are well, asked when their turn comes; then those that were not, as the last hope."""
    passed = []
    for tier in tiers:
        if tier.usable:
            yield tier
        else:
            passed.append(tier)
    yield from passed


class _Kept:
    """An utterance that is pulled once, when asked for, and can be had again from its beginning.

    Pulling goes on in a task of its own: a reader that is cancelled must not end the source.
    """

    def __init__(self, frames: AsyncIterator[AudioFrame], kept_s: float) -> None:
        self.whole = True
        self._frames = frames
        self._kept: list[AudioFrame] = []
        self._dropped = 0
        self._seconds = 0.0
        self._bound_s = kept_s
        self._ended = False
        self._pulling: asyncio.Task[AudioFrame | None] | None = None

    async def again(self) -> AsyncIterator[AudioFrame]:
        """From the first frame on; what the source raises passes through."""
        position = 0
        while True:
            while position - self._dropped < len(self._kept):
                position += 1
                yield self._kept[position - 1 - self._dropped]
            if self._ended or not await self._pull():
                return

    async def close(self) -> None:
        pulling, self._pulling = self._pulling, None
        if pulling is not None:
            pulling.cancel()
            await asyncio.gather(pulling, return_exceptions=True)

    async def _pull(self) -> bool:
        if self._pulling is None:
            self._pulling = asyncio.create_task(self._one(), name="next frame of an utterance")
        pulling = self._pulling
        await asyncio.wait({pulling})
        if self._pulling is not pulling:
            return True  # another reader took it
        self._pulling = None
        frame = pulling.result()
        if frame is None:
            self._ended = True
            return False
        self._seconds += frame.seconds
        if self.whole and self._seconds > self._bound_s:
            self.whole = False
        if not self.whole:
            self._dropped += len(self._kept)
            self._kept.clear()
        self._kept.append(frame)
        return True

    async def _one(self) -> AudioFrame | None:
        return await anext(self._frames, None)
