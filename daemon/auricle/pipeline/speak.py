"""The voice: a queue by priority, each text said sentence by sentence, the next one made while one plays."""

import asyncio
import heapq
import itertools
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Protocol

from auricle.ledger import Ledger
from auricle.model.audio import AudioFrame
from auricle.model.errors import AuricleError, BadRequest, EngineError, QueueFull
from auricle.model.events import ErrorRaised, Event, SpeechChanged
from auricle.model.speech import Priority, SpeechRequest, SpeechStatus
from auricle.pipeline.ahead import Ahead, Lead, Pace
from auricle.pipeline.chimes import chime
from auricle.pipeline.synthesis import KeptSpeech, is_kept, synthesized
from auricle.pipeline.ticket import SpeechResult, SpeechTicket, VoiceSettings
from auricle.ports import Speaker, TextToSpeech

_LOG = logging.getLogger(__name__)
_DONE_IDS = 1024
LONGEST_TEXT = 4096


class Publish(Protocol):
    """Tells an event; `told` is called once all who vouch for telling it outside have done so."""

    def __call__(self, event: Event, told: Callable[[], None] = ..., /) -> None: ...


class Speech:
    """Says one request at a time. All calls on the event loop; `run` is the task that speaks."""

    def __init__(
        self,
        tts: TextToSpeech,
        speaker: Speaker,
        settings: VoiceSettings,
        *,
        queue_size: int,
        publish: Publish,
        kept: KeptSpeech | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        """kept: where finished speech is looked for, and put. ledger: where accepted requests are written down."""
        self._tts = tts
        self._pace = Pace()
        self._kept = kept
        self._ledger = ledger
        self._accepting: dict[str, asyncio.Task[SpeechTicket]] = {}
        self._speaker = speaker
        self._settings = settings
        self._queue_size = queue_size
        self._publish = publish
        self._queue: list[tuple[int, int, SpeechTicket]] = []
        self._order = itertools.count()
        self._tickets: OrderedDict[str, SpeechTicket] = OrderedDict()
        self._current: tuple[SpeechTicket, asyncio.Task[None]] | None = None
        self._cut_because = ""
        self._changed = asyncio.Event()
        self._held = False
        self._device = asyncio.Lock()
        self._chime: asyncio.Task[None] | None = None

    def submit(self, request: SpeechRequest, more: AsyncIterator[str] | None = None) -> SpeechTicket:
        """Queue a request; one whose id was seen lately is the earlier one, and is not said again.

        more: text that follows the request's own, as it is made; spoken from its first clause on. Raises BadRequest for
        text that is empty or over 4,096 characters, QueueFull.
        """
        if (known := self._tickets.get(request.id)) is not None:
            return known
        self._check(request, follows=more is not None)
        return self._queue_up(request, more=more)

    async def accept(self, request: SpeechRequest, origin: str = "", message: str | None = None) -> SpeechTicket:
        """As `submit`, and when it returns the request survives a crash and a restart of the daemon.

        A request whose id was done in the last 24 hours is not said again: its ticket has ended. origin, message: see
        `auricle.ledger.Ledger.accept`. Raises AuricleError if it cannot be written down.
        """
        if self._ledger is None:
            return self.submit(request)
        if (known := self._tickets.get(request.id)) is not None:
            return known
        if (task := self._accepting.get(request.id)) is None:
            self._check(request)
            work = self._write_down(self._ledger, request, origin, message)
            task = self._accepting[request.id] = asyncio.create_task(work, name=f"accept {request.id}")
            task.add_done_callback(lambda _: self._accepting.pop(request.id, None))
        return await asyncio.shield(task)

    def resume(self, request: SpeechRequest, *, waited_s: float) -> SpeechTicket:
        """Queue a request that an earlier run of the daemon accepted, `waited_s` ago, however long the queue is."""
        return self._queue_up(request, kept=True, waited_s=waited_s)

    def retell(self, request: SpeechRequest, result: SpeechResult) -> SpeechTicket:
        """Tell how a request of an earlier run ended, since it ended together with the daemon."""
        ticket = SpeechTicket(request, 0.0, kept=True)
        self._tickets[request.id] = ticket
        self._end(ticket, result)
        return ticket

    async def _write_down(
        self, ledger: Ledger, request: SpeechRequest, origin: str, message: str | None
    ) -> SpeechTicket:
        ended = await ledger.accept(request, origin, message)
        if ended is None:
            return self._queue_up(request, kept=True)
        ticket = SpeechTicket(request, 0.0)
        ticket.end(SpeechResult(ended.status, ended.reason))
        return ticket

    def _check(self, request: SpeechRequest, *, follows: bool = False) -> None:
        if not follows and not request.text.strip():
            raise BadRequest("text: there is nothing to say", field="text", id=request.id)
        if len(request.text) > LONGEST_TEXT:
            raise BadRequest(
                f"text: {len(request.text)} characters, at most {LONGEST_TEXT} fit", field="text", id=request.id
            )
        if (waiting := len(self._queue) + len(self._accepting)) >= self._queue_size:
            raise QueueFull(f"{waiting} requests wait to be spoken already; try again later")

    def _queue_up(
        self,
        request: SpeechRequest,
        *,
        kept: bool = False,
        waited_s: float = 0.0,
        more: AsyncIterator[str] | None = None,
    ) -> SpeechTicket:
        patience_s = float("inf") if request.expires_s is None else request.expires_s - waited_s
        ticket = SpeechTicket(request, time.monotonic() + patience_s, kept, more)
        self._tickets[request.id] = ticket
        while len(self._tickets) > _DONE_IDS + self._queue_size and next(iter(self._tickets.values())).ended:
            self._tickets.popitem(last=False)
        heapq.heappush(self._queue, (-request.priority, next(self._order), ticket))
        self._tell(ticket, SpeechStatus.QUEUED)
        self._speaker.prepare()
        self._changed.set()
        if request.interrupt or request.priority is Priority.ALARM:
            self._cut(f"interrupted by {request.id}")
        return ticket

    def stop(self, id: str | None = None, reason: str = "stopped") -> int:
        """Silence and forget all, or one; returns how many requests that ended."""
        ended = 0
        for entry in list(self._queue):
            if id is None or entry[2].id == id:
                self._queue.remove(entry)
                self._end(entry[2], SpeechResult(SpeechStatus.CANCELLED, reason))
                ended += 1
        heapq.heapify(self._queue)
        if self._current is not None and id in (None, self._current[0].id):
            ended += self._cut(reason)
        return ended

    def hold(self) -> str:
        """A turn begins: cut what is being said, and let only replies and alarms through until `release`.

        Return what had been heard of what was cut.
        """
        self._held = True
        heard = self._current[0].so_far.heard(time.monotonic()) if self._current is not None else ""
        self._cut("interrupted by a turn")
        self._speaker.prepare()
        return heard

    def release(self) -> None:
        self._held = False
        self._changed.set()

    def use(self, settings: VoiceSettings) -> None:
        """What requests get from the next one on."""
        self._settings = settings

    @property
    def waiting(self) -> int:
        return len(self._queue) + (self._current is not None)

    async def settled(self) -> None:
        """Return when nothing waits and nothing is being said."""
        while self._tickets and (open_ := [ticket for ticket in self._tickets.values() if not ticket.ended]):
            await open_[-1].done()

    def chime(self, name: str) -> None:
        """Begin a chime, unless something is being said."""
        if not self._device.locked() and (self._chime is None or self._chime.done()):
            self._chime = asyncio.create_task(self._sound(name), name=f"{name} chime")

    async def _sound(self, name: str) -> None:
        async with self._device:
            try:
                await self._speaker.play(_frames_of(chime(name)), self._settings.volume())
            except AuricleError as error:
                _LOG.warning("no chime: %s", error)

    def synthesize(self, request: SpeechRequest) -> AsyncGenerator[AudioFrame, None]:
        """Outbound audio (24 kHz) of a request, with the site's settings; nothing is played. Raises EngineError,
        BadRequest.
        """
        return self._synthesized(request)

    async def rehearse(self, text: str) -> bool:
        """Put a text into the cache without a sound, so that it will be said at once; return whether it had to be made.

        Raises EngineError.
        """
        filled, loudness = self._filled(SpeechRequest(text=text)), self._settings.loudness_lufs
        if self._kept is None or await is_kept(filled, self._kept, loudness_lufs=loudness):
            return False
        async with aclosing(self._synthesized(filled)) as frames:
            async for _ in frames:
                pass
        return True

    async def run(self) -> None:
        try:
            while True:
                ticket = self._next()
                if ticket is None:
                    self._changed.clear()
                    await self._changed.wait()
                    continue
                await self._serve(ticket)
        finally:
            for _, _, waiting in self._queue:
                self._shut_down(waiting)
            self._queue.clear()
            if self._chime is not None:
                self._chime.cancel()
                await asyncio.gather(self._chime, return_exceptions=True)

    def _next(self) -> SpeechTicket | None:
        now = time.monotonic()
        for entry in [entry for entry in self._queue if entry[2].deadline <= now]:
            self._queue.remove(entry)
            self._end(entry[2], SpeechResult(SpeechStatus.EXPIRED, f"waited over {entry[2].request.expires_s} s"))
        heapq.heapify(self._queue)
        may_speak = [entry for entry in self._queue if not self._held or self._passes(entry[2].request)]
        if not may_speak:
            return None
        entry = min(may_speak)
        self._queue.remove(entry)
        heapq.heapify(self._queue)
        return entry[2]

    @staticmethod
    def _passes(request: SpeechRequest) -> bool:
        return request.turn is not None or request.priority is Priority.ALARM

    async def _serve(self, ticket: SpeechTicket) -> None:
        task = asyncio.create_task(self._say(ticket), name=f"say {ticket.id}")
        self._current = (ticket, task)
        self._cut_because = ""
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self._shut_down(ticket)
            raise
        finally:
            self._current = None
        result = self._result(ticket, task)
        if ticket.kept and self._ledger is not None and not ticket.ended:
            # On disk before it is told: what was told to have ended is not said again after a crash.
            await self._ledger.end(ticket.id, result.status, result.reason)
        self._end(ticket, result)

    def _result(self, ticket: SpeechTicket, task: "asyncio.Task[None]") -> SpeechResult:
        if task.cancelled():
            return SpeechResult(SpeechStatus.CANCELLED, self._cut_because or "stopped")
        error = task.exception()
        if error is None:
            return SpeechResult(SpeechStatus.FINISHED)
        if not isinstance(error, AuricleError):
            _LOG.error("speech %s failed", ticket.id, exc_info=error)
            error = AuricleError(f"speech failed: {error}", code="speech")
        self._publish(ErrorRaised(code=error.code, message=error.message, id=ticket.id))
        if isinstance(error, EngineError):
            # Nothing can speak: the text has gone out in the events, and the room hears that there was something.
            self.chime("failure")
        return SpeechResult(SpeechStatus.FAILED, error.message)

    async def _say(self, ticket: SpeechTicket) -> None:
        request = ticket.request
        made = Ahead()
        maker = asyncio.create_task(self._make(ticket, made), name=f"synthesize {request.id}")
        volume = self._settings.volume() if request.volume is None else request.volume
        try:
            async with self._device:
                await self._speaker.play(self._played(ticket, made), volume)
        finally:
            maker.cancel()
            await asyncio.gather(maker, return_exceptions=True)

    async def _played(self, ticket: SpeechTicket, made: Ahead) -> AsyncIterator[AudioFrame]:
        started = False
        begun = self._ledger.begin(ticket.id) if ticket.kept and self._ledger is not None else None
        while (frame := await made.get()) is not None:
            if isinstance(frame, BaseException):
                raise frame
            if not started:
                started = True
                if begun is not None:
                    await begun  # written while the speech was made: a restart can say that this one was cut
                ticket.so_far.started_s = time.monotonic()
                self._tell(ticket, SpeechStatus.STARTED)
            yield frame

    async def _make(self, ticket: SpeechTicket, made: Ahead) -> None:
        try:
            if ticket.request.chime:
                await made.put(chime("attention"))
            sound = self._synthesized(ticket.request, ticket.more, ticket.making)
            async with aclosing(sound) as frames:
                async for frame in frames:
                    ticket.so_far.made(frame.seconds)
                    await made.put(frame)
            await made.put(None)
        except Exception as error:  # handed to the player's side, where it ends the request
            await made.put(error)

    def _synthesized(
        self,
        request: SpeechRequest,
        more: AsyncIterator[str] | None = None,
        making: Callable[[str], None] = lambda text: None,
    ) -> AsyncGenerator[AudioFrame, None]:
        return synthesized(
            self._filled(request),
            self._tts,
            loudness_lufs=self._settings.loudness_lufs,
            kept=self._kept,
            more=more,
            making=making,
            lead=Lead(self._pace),
        )

    def _filled(self, request: SpeechRequest) -> SpeechRequest:
        """With the site's settings where it names none."""
        settings = self._settings
        return replace(
            request,
            voice=request.voice or settings.voice(),
            language=request.language or settings.language,
            speed=settings.speed if request.speed is None else request.speed,
            pitch=settings.pitch if request.pitch is None else request.pitch,
        )

    def _cut(self, reason: str) -> int:
        if self._current is None or self._current[1].done():
            return 0
        self._cut_because = reason
        self._current[1].cancel()
        return 1

    def _shut_down(self, ticket: SpeechTicket) -> None:
        """What is written down goes on when the daemon is back; anything else ends."""
        if not ticket.kept:
            self._end(ticket, SpeechResult(SpeechStatus.CANCELLED, "shutting down"))

    def _end(self, ticket: SpeechTicket, result: SpeechResult) -> None:
        if not ticket.ended:
            ticket.end(result)
            told = None
            if ticket.kept and self._ledger is not None:
                self._ledger.end(ticket.id, result.status, result.reason)
                told = partial(self._ledger.told, ticket.id)
            self._tell(ticket, result.status, result.reason, told)

    def _tell(
        self,
        ticket: SpeechTicket,
        status: SpeechStatus,
        reason: str | None = None,
        told: Callable[[], None] | None = None,
    ) -> None:
        request = ticket.request
        heard = ticket.so_far.heard(time.monotonic()) if status is SpeechStatus.CANCELLED else None
        event = SpeechChanged(
            id=request.id, status=status, text=ticket.text, reason=reason, turn=request.turn, heard=heard
        )
        if told is None:
            self._publish(event)
        else:
            self._publish(event, told)


async def _frames_of(frame: AudioFrame) -> AsyncIterator[AudioFrame]:
    yield frame
