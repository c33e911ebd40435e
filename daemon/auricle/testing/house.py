"""A daemon without sound for tests of plugins: what is said is kept, and the clocks are the test's."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import uuid4

from auricle.api import KnownIntent
from auricle.model.errors import AuricleError, BadRequest, NotConnected
from auricle.model.events import Event, MuteSet, SpeechChanged, StopAsked, VolumeSet
from auricle.model.intent import Reply
from auricle.model.speech import SpeechRequest, SpeechStatus
from auricle.model.turn import Turn
from auricle.pipeline.dialogue import Dialogue
from auricle.pipeline.known import known_intent, known_intents
from auricle.status import Status, reduce


@dataclass(frozen=True, slots=True)
class ScriptedAnswer:
    """What `ask` of a scripted house gives."""

    intent: str | None
    slots: Mapping[str, object]
    reply: str
    handled_by: str


async def _nothing(plugin: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class ScriptedEnd:
    status: SpeechStatus


class ScriptedTicket:
    """Speech that ends when it is told to, or `seconds` after it was submitted."""

    def __init__(self, request: SpeechRequest, seconds: float) -> None:
        self.request = request
        self.id = request.id
        self._ended: asyncio.Future[ScriptedEnd] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(seconds, self.end, SpeechStatus.FINISHED)

    def end(self, status: SpeechStatus) -> None:
        if not self._ended.done():
            self._ended.set_result(ScriptedEnd(status))

    async def done(self) -> ScriptedEnd:
        return await asyncio.shield(self._ended)


class ScriptedHouse:
    """Implements `ports.House` and the broker that plugins see; everything that happens in it is kept."""

    def __init__(self, tell: Callable[[Event], None] = lambda event: None) -> None:
        """tell: takes each event, as the daemon's bus would."""
        self.tell = tell
        self.status = Status()
        self.said: list[SpeechRequest] = []
        self.events: list[Event] = []
        self.sent: list[tuple[str, str | bytes]] = []
        """Topic and payload of what was published."""
        self.subscribed: dict[str, Callable[[bytes], None]] = {}
        self.asked: list[str] = []
        self.answer = ScriptedAnswer(None, {}, "Done.", "")
        self.renew: Callable[[str], Awaitable[None]] = _nothing
        """Asks a plugin for its sentences anew; the harness gives it."""
        self.dialogue: Dialogue | None = None
        """What performs intents by name; the harness gives it."""
        self.speech_s = 0.05
        """How long each speech takes."""
        self._tickets: list[ScriptedTicket] = []

    @property
    def _talking(self) -> Dialogue:
        if self.dialogue is None:
            raise NotConnected("nothing to act with: this house has no dialogue")
        return self.dialogue

    def submit(self, request: SpeechRequest) -> ScriptedTicket:
        if not request.text.strip():
            raise BadRequest("text: there is nothing to say", field="text", id=request.id)
        self.said.append(request)
        ticket = ScriptedTicket(request, self.speech_s)
        self._tickets.append(ticket)
        self.publish(SpeechChanged(id=request.id, status=SpeechStatus.STARTED, text=request.text))
        return ticket

    async def ask(self, text: str, *, language: str | None = None, speak: bool = False) -> ScriptedAnswer:
        self.asked.append(text)
        return self.answer

    async def intents(self, language: str | None = None) -> Sequence[KnownIntent]:
        return known_intents(self._talking.dispatcher.sentences(language or "en"))

    async def perform(self, plugin: str, intent: str, slots: Mapping[str, object], turn: Turn) -> Reply:
        language = turn.language or "en"
        wanted = known_intent(self._talking.dispatcher.sentences(language), plugin, intent, slots)
        return await self._talking.act(wanted, turn, language)

    async def renew_sentences(self, plugin: str) -> None:
        await self.renew(plugin)

    async def listen(self, *, say: str | None = None) -> str:
        if self.status.muted:
            raise AuricleError("the microphone is muted; unmute it first", code="muted")
        return str(uuid4())

    async def stop(self, id: str | None = None) -> int:
        ended = 0
        for ticket in self._tickets:
            if id in (None, ticket.id):
                ticket.end(SpeechStatus.CANCELLED)
                ended += 1
        if id is None:
            self.publish(StopAsked())
        return ended

    def set_volume(self, volume: int) -> None:
        if not 0 <= volume <= 100:
            raise BadRequest(f"volume {volume}: 0 to 100 fit", field="volume")
        self.publish(VolumeSet(volume=volume))

    def set_muted(self, muted: bool) -> None:
        self.publish(MuteSet(muted=muted))

    def publish(self, event: Event) -> None:
        self.status = reduce(self.status, event)
        self.events.append(event)
        self.tell(event)


class ScriptedTopics:
    """The broker of a scripted house."""

    def __init__(self, house: ScriptedHouse) -> None:
        self._house = house

    async def publish(self, topic: str, payload: str | bytes, qos: int, retain: bool) -> None:
        self._house.sent.append((topic, payload))

    def subscribe(self, topic: str, call: Callable[[bytes], None], *, whole: bool = False) -> None:
        self._house.subscribed[topic] = call
