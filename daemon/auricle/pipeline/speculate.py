"""Speculation: speech to text begins at the first short pause, so that the transcript is there when the speaker ends.

Nothing acts on a transcript before the command has ended. How much quiet ends it depends on what was said so far.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from auricle.model.audio import INBOUND_RATE_HZ, AudioFrame
from auricle.model.errors import EngineError
from auricle.model.intent import Standing, Transcript
from auricle.pipeline.endpoint import Command, Hearing, Segmenter
from auricle.ports import SpeechToText

_LOG = logging.getLogger(__name__)
MOST_EXTRA = 0.6
"""Attempts that were cancelled, as a share of those that were used, at most."""
_ALLOWANCE = 2.0
"""Attempts that may be in vain before any was of use."""
_DECAY = 0.98
"""Of what is remembered of the share, at each command: some fifty commands count."""
_TAIL = 6400
"""Samples after the last loud one that are the speaker's too: the decay of a word, soft consonants."""
_GOES_ON = 1600
"""Samples of voice after the pause that show that the speaker went on."""


@dataclass(frozen=True, slots=True)
class SpeculationRule:
    """The keys of `[listen]` that say when speech to text begins, and how much quiet ends which command."""

    pause_s: float = 0.06
    """Quiet at which the first attempt is made; after each in vain, the next waits half as long again."""
    silence_s: float = 0.7
    """Quiet that ends a command of which nothing is understood."""
    whole_silence_s: float = 0.25
    open_silence_s: float = 0.35
    unfinished_silence_s: float = 1.2

    def silence(self, standing: Standing) -> float:
        """Seconds of quiet that end a command that stands so."""
        match standing:
            case Standing.WHOLE:
                return self.whole_silence_s
            case Standing.OPEN:
                return self.open_silence_s
            case Standing.UNFINISHED:
                return max(self.unfinished_silence_s, self.silence_s)
            case Standing.UNKNOWN:
                return self.silence_s


class Attempt:
    """One run of speech to text over what was said up to a pause."""

    def __init__(self, task: "asyncio.Task[tuple[Transcript, Standing]]", heard: Segmenter) -> None:
        self.task = task
        self._began_s = time.monotonic()
        self._ended_s: float | None = None
        task.add_done_callback(self._ended)
        self.last_sample = heard.last_sample
        self.judged = False
        self._receded = heard.receded
        self._voiced = self._counted(heard)

    @property
    def took_s(self) -> float:
        """How long it ran, or has run so far."""
        return (time.monotonic() if self._ended_s is None else self._ended_s) - self._began_s

    def _ended(self, task: object) -> None:
        self._ended_s = time.monotonic()

    def covers(self, heard: Segmenter) -> bool:
        """Whether the command is, as far as it is heard now, what it was made of."""
        return self._counted(heard) - self._voiced <= _GOES_ON

    def is_whole(self, hearing: Hearing) -> bool:
        """Whether the command that has ended is what it was made of: a soft end is none of the background."""
        return not self._receded or hearing.command.reason == "background"

    def _counted(self, heard: Segmenter) -> int:
        return heard.near if self._receded else heard.voiced

    async def cancel(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


class Budget:
    """Keeps cancelled work below `MOST_EXTRA` of the useful, over many commands."""

    def __init__(self) -> None:
        self._used = 1.0
        self._cancelled = 0.0

    @property
    def allows(self) -> bool:
        return self._cancelled + 1 <= MOST_EXTRA * self._used + _ALLOWANCE

    def cancelled(self) -> None:
        self._cancelled += 1

    def used(self) -> None:
        self._used, self._cancelled = self._used * _DECAY + 1, self._cancelled * _DECAY


class Speculation:
    """Hears commands with speech to text running ahead."""

    def __init__(
        self,
        stt: SpeechToText,
        rule: SpeculationRule,
        standing: Callable[[str, str | None], Standing],
        tell: Callable[[str, int, Standing | None, float], None],
        prepared: Callable[[Sequence[AudioFrame]], Sequence[AudioFrame]] = tuple,
    ) -> None:
        """standing: of a text in a language; called on a thread beside the event loop.

        tell: takes status, last sample, standing and seconds of an attempt. prepared: makes a command's frames fit for
        it.
        """
        self._stt = stt
        self._rule = rule
        self._standing = standing
        self._tell = tell
        self._prepared = prepared
        self._budget = Budget()

    async def hear(self, hearing: Hearing, language: str | None) -> "tuple[Sequence[AudioFrame], Attempt | None]":
        """Return a command's frames, and the attempt that covers them, which may still run; else none.

        Raises NothingHeard when nobody spoke.
        """
        frames: list[AudioFrame] = []
        attempt: Attempt | None = None
        cancelled = 0
        pulling: asyncio.Task[AudioFrame | None] | None = None
        try:
            while True:
                if pulling is None:
                    pulling = asyncio.create_task(_next(hearing), name="next frame of a command")
                unjudged = {attempt.task} if attempt is not None and not attempt.judged else set()
                await asyncio.wait({pulling, *unjudged}, return_when=asyncio.FIRST_COMPLETED)
                if attempt is not None and not attempt.judged and attempt.task.done():
                    self._judge(attempt, hearing)
                if not pulling.done():
                    if hearing.verdict.final:
                        break
                    continue
                frame, pulling = pulling.result(), None
                if frame is None:
                    break
                frames.append(frame)
                if (heard := hearing.heard) is None:
                    continue
                if attempt is not None and not attempt.covers(heard):
                    await self._cancel(attempt)
                    attempt, cancelled = None, cancelled + 1
                pause = self._rule.pause_s * 1.5**cancelled * INBOUND_RATE_HZ
                if attempt is None and not hearing.verdict.final and heard.quiet >= pause and self._budget.allows:
                    attempt = self._attempt(frames, heard, language)
            if attempt is not None and not attempt.is_whole(hearing):
                await self._cancel(attempt)
                attempt = None
            self._budget.used()
            return spoken(frames, hearing.command), attempt
        except BaseException:
            if attempt is not None:
                await attempt.cancel()
            raise
        finally:
            if pulling is not None:
                pulling.cancel()
                await asyncio.gather(pulling, return_exceptions=True)

    async def finish(self, attempt: Attempt) -> Transcript | None:
        """Return the transcript of an attempt that covers the command; None if the engine failed at it."""
        try:
            transcript, standing = await attempt.task
        except EngineError as error:
            _LOG.info("speculation failed: %s", error)
            self._tell("failed", attempt.last_sample, None, attempt.took_s)
            return None
        finally:
            if not attempt.task.done():
                await attempt.cancel()
        self._tell("hit", attempt.last_sample, standing, attempt.took_s)
        return transcript

    def _attempt(self, frames: Sequence[AudioFrame], heard: Segmenter, language: str | None) -> Attempt:
        self._tell("started", heard.last_sample, None, 0.0)
        if heard.receded:
            frames = _until(frames, heard.last_sample)
        task = asyncio.create_task(self._understood(tuple(frames), language), name="speculation")
        return Attempt(task, heard)

    async def _understood(self, frames: Sequence[AudioFrame], language: str | None) -> tuple[Transcript, Standing]:
        transcript = await self._transcript(frames, language)
        standing = await asyncio.to_thread(self._standing, transcript.text, language or transcript.language)
        return transcript, standing

    async def _transcript(self, frames: Sequence[AudioFrame], language: str | None) -> Transcript:
        async with aclosing(self._stt.transcribe(_stream(self._prepared(frames)), language)) as found:
            async for transcript in found:
                if transcript.final:
                    return transcript
        raise EngineError("the STT engine ended without a transcript")

    def _judge(self, attempt: Attempt, hearing: Hearing) -> None:
        """The transcript is there and the speaker is silent: how long is waited depends on the words."""
        attempt.judged = True
        if attempt.task.cancelled() or attempt.task.exception() is not None:
            return
        _, standing = attempt.task.result()
        if (heard := hearing.heard) is not None and attempt.covers(heard):
            hearing.expect(self._rule.silence(standing))

    async def _cancel(self, attempt: Attempt) -> None:
        self._budget.cancelled()
        self._tell("cancelled", attempt.last_sample, None, attempt.took_s)
        await attempt.cancel()


def spoken(frames: Sequence[AudioFrame], command: Command) -> Sequence[AudioFrame]:
    """A command's frames, without what others said after it."""
    return _until(frames, command.last_sample) if command.reason == "background" else frames


def _until(frames: Sequence[AudioFrame], last_sample: int) -> Sequence[AudioFrame]:
    return [frame for frame in frames if frame.first_sample <= last_sample + _TAIL]


async def _next(hearing: Hearing) -> AudioFrame | None:
    return await anext(hearing, None)


async def _stream(frames: Sequence[AudioFrame]) -> AsyncIterator[AudioFrame]:
    for frame in frames:
        yield frame
