"""Hermes' dialogue sessions of one site: one at a time, the others queue; each ends exactly once."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from uuid import uuid4

from auricle.adapters.assistant import Ticket
from auricle.model.errors import AuricleError, QueueFull
from auricle.model.events import IntentHandled, TurnEnded
from auricle.model.speech import SpeechRequest
from auricle.model.turn import Outcome

MAX_WAITING = 32
FULFILMENT_S = 30.0
"""How long a flow may take to continue or end a session after an intent, as in Rhasspy."""
_NOMINAL, _UNKNOWN, _ERROR = "nominal", "intentNotRecognized", "error"
_REASONS = {
    Outcome.NOTHING_HEARD: "timeout",
    Outcome.CANCELLED: "abortedByUser",
    Outcome.FAILED: _ERROR,
    Outcome.NOT_UNDERSTOOD: _UNKNOWN,
}


@dataclass(eq=False, slots=True)
class Session:
    id: str = field(default_factory=lambda: str(uuid4()))
    custom_data: str | None = None
    wake_word: str | None = None
    text: str | None = None
    """Said first."""
    notification: bool = False
    tells: bool = False
    """Whether `intentNotRecognized` is left to the flow."""
    turn: str | None = None
    waits: bool = False
    """For the flow: what was understood had no reply of ours."""
    next: Callable[[], Coroutine[None, None, None]] | None = None
    """What the flow wants once the open turn has ended."""
    timer: asyncio.TimerHandle | None = None


class Mouth(Protocol):
    def submit(self, request: SpeechRequest) -> Ticket: ...

    async def listen(self, *, id: str | None = None, say: str | None = None) -> str: ...


class Sessions:
    def __init__(
        self,
        assistant: Mouth,
        tell: Callable[[str, Mapping[str, object]], None],
        begin: Callable[[Coroutine[None, None, None]], None],
    ) -> None:
        """tell: sends a message of the dialogue manager. begin: runs work in a task of its own."""
        self._assistant = assistant
        self._tell = tell
        self._begin = begin
        self._open: Session | None = None
        self._waiting: deque[Session] = deque()

    def of(self, id: str | None) -> Session | None:
        return self._open if self._open is not None and self._open.id == id else None

    def in_turn(self, turn: str) -> Session | None:
        return self._open if self._open is not None and self._open.turn == turn else None

    def start(
        self, text: str | None, custom_data: str | None, *, notification: bool, may_wait: bool, tells: bool
    ) -> None:
        """Raises QueueFull, and AuricleError for one that must not wait while another is open."""
        session = Session(custom_data=custom_data, text=text, notification=notification, tells=tells)
        if self._open is None:
            self._enter(session)
        elif not may_wait:
            raise AuricleError("init.canBeEnqueued: a session is open, and this one must not wait", code="busy")
        elif len(self._waiting) >= MAX_WAITING:
            raise QueueFull(f"{MAX_WAITING} sessions wait; try again later")
        else:
            self._waiting.append(session)
            self._tell("sessionQueued", _named(session))

    def woken(self, turn: str, wake_word: str) -> None:
        """Somebody said the wake word: the open session is over."""
        if self._open is not None:
            self._close(self._open, "abortedByUser", follow=False)
        self._open = Session(id=turn, turn=turn, wake_word=wake_word, custom_data=wake_word)
        self._tell("sessionStarted", _named(self._open))

    def understood(self, session: Session, event: IntentHandled) -> None:
        session.waits = not event.reply
        if event.name is None and session.tells:
            session.waits = True
            self._tell("intentNotRecognized", {**_named(session), "input": event.text})

    def turn_ended(self, event: TurnEnded) -> None:
        session = self.in_turn(event.turn)
        if session is None:
            return
        session.turn = None
        understood = event.outcome in (Outcome.ANSWERED, Outcome.NOT_UNDERSTOOD)
        if session.next is not None and understood:
            work, session.next = session.next, None
            self._begin(work())
        elif session.waits and (event.outcome is Outcome.ANSWERED or (understood and session.tells)):
            session.timer = asyncio.get_running_loop().call_later(FULFILMENT_S, lambda: self._close(session, "timeout"))
        else:
            self._close(session, _REASONS.get(event.outcome, _NOMINAL))

    def go_on(self, session: Session, text: str | None, custom_data: str | None, tells: bool) -> None:
        """Say `text` and listen again."""
        session.tells = tells
        session.text = text
        self._then(session, custom_data, lambda: self._listen(session))

    def end(self, session: Session, text: str | None, custom_data: str | None) -> None:
        """Say `text`, then end."""
        session.text = text
        self._then(session, custom_data, lambda: self._finish(session))

    def close(self) -> None:
        """No timer is left."""
        if self._open is not None and self._open.timer is not None:
            self._open.timer.cancel()
        self._open = None
        self._waiting.clear()

    def _then(self, session: Session, custom_data: str | None, work: Callable[[], Coroutine[None, None, None]]) -> None:
        if custom_data is not None:
            session.custom_data = custom_data
        if session.timer is not None:
            session.timer.cancel()
            session.timer = None
        if session.turn is None:
            self._begin(work())
        else:
            session.next = work

    def _enter(self, session: Session) -> None:
        self._open = session
        self._tell("sessionStarted", _named(session))
        self._begin(self._finish(session) if session.notification else self._listen(session))

    async def _listen(self, session: Session) -> None:
        session.waits = False
        session.turn = str(uuid4())
        try:
            await self._assistant.listen(id=session.turn, say=session.text)
        except AuricleError:
            self._close(session, _ERROR)
            raise

    async def _finish(self, session: Session) -> None:
        reason = _ERROR
        try:
            if session.text:
                await self._assistant.submit(SpeechRequest(text=session.text)).done()
            reason = _NOMINAL
        finally:
            self._close(session, reason)

    def _close(self, session: Session, reason: str, *, follow: bool = True) -> None:
        if self._open is not session:
            return
        self._open = None
        if session.timer is not None:
            session.timer.cancel()
        self._tell("sessionEnded", {**_named(session), "termination": {"reason": reason}})
        if follow and self._waiting:
            self._enter(self._waiting.popleft())


def _named(session: Session) -> dict[str, object]:
    return {"sessionId": session.id, "customData": session.custom_data}
