"""The ladder of engines: when one fails, the next gets the same request, so that it is done, and done once."""

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Generic, Protocol, TypeVar

from auricle.engines.patience import Rest
from auricle.engines.place import OnChange, Place
from auricle.engines.proxy import WyomingStt, WyomingTts
from auricle.model.audio import AudioFrame
from auricle.model.errors import BadRequest, EngineDied, EngineError, EngineOutOfMemory, EngineUnavailable
from auricle.model.events import ComponentChanged, ErrorRaised
from auricle.model.intent import Expected, Transcript
from auricle.model.speech import SynthesisRequest

_log = logging.getLogger(__name__)
KEPT_S = 60.0
"""An utterance up to this long is kept for the next engine; of a longer one the failure is final."""
_CHARACTERS_PER_S = 15.0
"""Pace of speech, where an engine has not shown its own."""


class _Tier(Protocol):
    @property
    def place(self) -> Place: ...


T = TypeVar("T", bound=_Tier)


class _Way(Generic[T]):
    """One request's way down the ladder."""

    def __init__(self) -> None:
        self.asked: list[T] = []
        self.died: list[T] = []


class _Ladder(Generic[T]):
    """The engines of a kind, the best first, and which of them are left alone for a while."""

    def __init__(self, tiers: Sequence[T], on_change: OnChange | None, make_rest: Callable[[], Rest]) -> None:
        self.tiers = tuple(tiers)
        self._on_change = on_change or _nothing
        self._rests = [make_rest() for _ in self.tiers]

    def prepare(self) -> None:
        """The engine that would be asked now will be needed soon."""
        for tier in self._in_order():
            tier.place.prepare()
            return

    def _attempts(self, way: "_Way[T]") -> Iterator[T]:
        """Whom to ask, one after the other, as long as they fail."""
        while (tier := self._next(way)) is not None:
            way.asked.append(tier)
            yield tier

    def _next(self, way: "_Way[T]") -> T | None:
        """The best that was not asked; when all were, one that died over it: that one is started again by then."""
        fresh = (tier for tier in self._in_order() if tier not in way.asked)
        again = (tier for tier in way.died if way.asked.count(tier) == 1)
        return next(fresh, None) or next(again, None)

    def _in_order(self) -> Iterator[T]:
        """Those that are well, asked when their turn comes; then those that were not, as the last hope."""
        passed = []
        for tier, rest in zip(self.tiers, self._rests, strict=True):
            if tier.place.usable and rest.over:
                yield tier
            else:
                passed.append(tier)
        yield from passed

    def _failed(self, way: "_Way[T]", error: EngineError, *, final: bool = False) -> None:
        """Tell of it; an engine that had no room is left alone for a while. final: the request cannot be had again."""
        tier = way.asked[-1]
        name = tier.place.name
        if isinstance(error, EngineDied) and tier.place.local:
            way.died.append(tier)
        successor = None if final else self._next(way)
        if successor is None:
            _log.warning("%s failed, and no other engine can take over: %s", name, error.message)
            return
        then = f"{successor.place.name} takes over" if successor is not tier else "it is asked once more"
        if isinstance(error, EngineOutOfMemory) and successor is not tier:
            wait_s = self._rests[self.tiers.index(tier)].begin()
            then += f", and {name} is tried again in {wait_s:.0f} s"
            unwell = ComponentChanged(component=f"engine {name}", ok=False, detail=f"{error.message}; {then}")
            self._on_change(unwell)
        _log.warning("%s failed: %s; %s", name, error.message, then)
        self._on_change(ErrorRaised(code=error.code, message=f"{error.message}; {then}"))

    def _answered(self, tier: T) -> None:
        rest = self._rests[self.tiers.index(tier)]
        if rest.needed:
            _log.info("%s is well again", tier.place.name)
            self._on_change(ComponentChanged(component=f"engine {tier.place.name}", ok=True, detail="well again"))
        rest.end()


class FallbackStt(_Ladder[WyomingStt]):
    """Speech to text by the first of several engines that is well."""

    def __init__(
        self,
        tiers: Sequence[WyomingStt],
        *,
        kept_s: float = KEPT_S,
        on_change: OnChange | None = None,
        make_rest: Callable[[], Rest] = Rest,
    ) -> None:
        super().__init__(tiers, on_change, make_rest)
        self._kept_s = kept_s
        self._heard: tuple[str, WyomingStt] | None = None
        """The last utterance whose sound is kept, and by whom."""

    def of_orders(self, expected: Callable[[str | None], Expected | None]) -> "OrderStt":
        """The same engines for speech that is likely to be what `expected` says for its language."""
        return OrderStt(self, expected)

    async def transcribe(
        self, frames: AsyncIterator[AudioFrame], language: str | None, expected: Expected | None = None
    ) -> AsyncGenerator[Transcript, None]:
        """Partials of an engine that then fails are superseded by those of the next. Raises the last EngineError."""
        kept = _Kept(frames, self._kept_s)
        error: EngineError = EngineUnavailable("no engine is configured for speech to text")
        try:
            way: _Way[WyomingStt] = _Way()
            for tier in self._attempts(way):
                try:
                    async with aclosing(tier.transcribe(kept.again(), language, expected)) as found:
                        async for transcript in found:
                            if transcript.final:
                                self._heard = (transcript.utterance, tier) if transcript.utterance else None
                            yield transcript
                            if transcript.final:
                                self._answered(tier)
                                return
                    raise EngineError(f"{tier.place.name} gave no transcript")
                except EngineError as failure:
                    error = failure
                    self._failed(way, failure, final=not kept.whole)
                    if not kept.whole:
                        break
            raise error
        finally:
            await kept.close()

    async def likelihoods(self, utterance: str, texts: Sequence[str]) -> Sequence[float]:
        """Asks the engine that heard it, and no other. Raises BadRequest where it is not kept, EngineError."""
        if self._heard is None or self._heard[0] != utterance:
            raise BadRequest("the sound of that utterance is not kept any more", field="utterance")
        return await self._heard[1].likelihoods(utterance, texts)


class OrderStt:
    """Speech to text of orders: the engine is told with each what is likely to be said."""

    def __init__(self, stt: FallbackStt, expected: Callable[[str | None], Expected | None]) -> None:
        self._stt = stt
        self._expected = expected

    def transcribe(self, frames: AsyncIterator[AudioFrame], language: str | None) -> AsyncGenerator[Transcript, None]:
        """As `FallbackStt.transcribe`."""
        return self._stt.transcribe(frames, language, self._expected(language))


class FallbackTts(_Ladder[WyomingTts]):
    """Text to speech by the first of several engines that is well."""

    def __init__(
        self,
        tiers: Sequence[WyomingTts],
        *,
        on_change: OnChange | None = None,
        make_rest: Callable[[], Rest] = Rest,
    ) -> None:
        super().__init__(tiers, on_change, make_rest)
        self._paces = dict.fromkeys((tier.place.name for tier in self.tiers), _CHARACTERS_PER_S)

    async def synthesize(self, request: SynthesisRequest) -> AsyncGenerator[AudioFrame, None]:
        """The voice and options asked for are the first engine's; the others speak with their own.

        An engine that streams may fail when some of the text was heard: the next one goes on at the word at which,
        by the pace so far, the first one stopped. Raises the last EngineError.
        """
        error: EngineError = EngineUnavailable("no engine is configured for text to speech")
        way: _Way[WyomingTts] = _Way()
        text = request.text
        for tier in self._attempts(way):
            asked = request if tier is self.tiers[0] else replace(request, voice=None, options={})
            heard_s = 0.0
            try:
                async with aclosing(tier.synthesize(replace(asked, text=text))) as frames:
                    async for frame in frames:
                        heard_s += frame.seconds
                        yield frame
            except EngineError as failure:
                error = failure
                if heard_s:
                    text = unsaid(text, heard_s * self._paces[tier.place.name])
                self._failed(way, failure, final=not text)
                if not text:
                    return
            else:
                self._answered(tier)
                if heard_s:
                    self._paces[tier.place.name] = len(text) / heard_s
                return
        raise error


def unsaid(text: str, characters: float) -> str:
    """What is left of a text, whole words, when about so many characters of it were said."""
    begins = [0, *(space.end() for space in re.finditer(r"\s+", text)), len(text)]
    return text[min(begins, key=lambda begin: abs(begin - characters)) :]


def _nothing(_event: object) -> None:
    """Nobody wants to know."""


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
