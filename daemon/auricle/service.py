"""The Assistant: the one object that adapters hold."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from uuid import uuid4

from auricle.api import KnownIntent, VadEngine
from auricle.bus import EventBus
from auricle.ledger import Ledger
from auricle.logs import turn_in_hand
from auricle.model.audio import INBOUND_RATE_HZ, OUTBOUND_RATE_HZ, AudioFrame
from auricle.model.errors import AuricleError, BadRequest, PluginError
from auricle.model.events import ErrorRaised, Event, MuteSet, SpeechChanged, StopAsked, VoiceSet, VolumeSet, WakeHeard
from auricle.model.intent import Reply, Transcript
from auricle.model.speech import SpeechRequest
from auricle.model.turn import Outcome, Turn
from auricle.model.voice_names import check_voice
from auricle.pipeline.dialogue import Dialogue
from auricle.pipeline.ears import Ears
from auricle.pipeline.files import inbound_of
from auricle.pipeline.known import known_intent, known_intents
from auricle.pipeline.recordings import Recording, chunks_of, transcribe_chunks
from auricle.pipeline.speak import Speech
from auricle.pipeline.ticket import SpeechResult, SpeechTicket
from auricle.pipeline.turn import Conversation
from auricle.pipeline.wake import WakeHit
from auricle.pipeline.wav import wav_file
from auricle.ports import Store
from auricle.settings import Site
from auricle.status import Status, reduce

_LOG = logging.getLogger(__name__)
_LONGEST_COMMAND = 4096
ANSWER_PATIENCE_S = 8.0
"""How long the microphone stays open for an answer that does not begin."""
RETOLD = "it had ended as the daemon did"
"""Reason of an end that may have been told before a crash too."""
_RINGS_ON_S = 3.0
_WHOLE_S = 30.0
"""Longer sound is transcribed piece by piece: a command that is spoken meanwhile waits for one piece only."""
_ASIDE = 2
"""Requests for synthesis or transcription that are done at a time, beside the turns."""


async def _no_plugin(name: str, enabled: bool = True) -> None:
    raise PluginError(f"there is no plugin {name}")


async def _no_sentences(name: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class AskResult:
    id: str
    intent: str | None
    slots: Mapping[str, object]
    reply: str
    handled_by: str
    expects_answer: bool = False
    """Whether the reply asks something: the next words are its answer."""


class Assistant:
    """Everything happens on the event loop."""

    def __init__(
        self,
        site: Site,
        bus: EventBus,
        store: Store,
        status: Status,
        *,
        follow_up_s: float = 0.0,
        ledger: Ledger | None = None,
    ) -> None:
        """follow_up_s: how long the microphone stays open after an answered turn; 0 is not at all.

        ledger: where accepted requests are written down; without it they go with the daemon.
        """
        self.site = site
        self.bus = bus
        self._store = store
        self.ledger = ledger
        self.resumed: list[tuple[SpeechTicket, str]] = []
        """What an earlier run accepted, with who waits for it."""
        self._aside = asyncio.Semaphore(_ASIDE)
        self.make_vad: Callable[[], VadEngine]
        """Makes a VAD, not loaded, for recordings; there when `attach` is called."""
        self._status = status
        self._follow_up_s = follow_up_s
        self._spoke_s = -_RINGS_ON_S
        self._silencing: asyncio.Task[int] | None = None
        self._turn: tuple[Turn, asyncio.Task[Outcome]] | None = None
        self._conversation: Conversation | None = None
        self._ears: Ears | None = None
        self._wake_on = True
        self._describe: Callable[[], dict[str, object]] = dict
        self._set_plugin: Callable[[str, bool], Awaitable[None]] = _no_plugin
        self._renew_sentences: Callable[[str], Awaitable[None]] = _no_sentences
        self._reload_plugin: Callable[[str], Awaitable[None]] = _no_plugin

    def attach(
        self,
        conversation: Conversation,
        ears: Ears,
        describe: Callable[[], dict[str, object]],
        set_plugin: Callable[[str, bool], Awaitable[None]] = _no_plugin,
        renew_sentences: Callable[[str], Awaitable[None]] = _no_sentences,
        reload_plugin: Callable[[str], Awaitable[None]] = _no_plugin,
    ) -> None:
        """Called once, by the composition root, when the pipeline stands."""
        self._set_plugin = set_plugin
        self._renew_sentences = renew_sentences
        self._reload_plugin = reload_plugin
        self._conversation = conversation
        self._ears = ears
        self._describe = describe
        ears.set_muted(self._status.muted)

    def converse(self, conversation: Conversation) -> None:
        """Hold this one from the next turn on."""
        self._conversation = conversation

    @property
    def status(self) -> Status:
        return self._status

    @property
    def _house(self) -> Conversation:
        if self._conversation is None:
            raise AuricleError("still starting; try again in a moment", code="starting")
        return self._conversation

    @property
    def _speech(self) -> Speech:
        return self._house.speech

    def publish(self, event: Event, told: Callable[[], None] | None = None) -> None:
        """Fold a fact into the status, then tell the bus; told: as `EventBus.publish` takes it."""
        self._status = reduce(self._status, event)
        if isinstance(event, SpeechChanged):
            self._spoke_s = time.monotonic()
        self.bus.publish(event, told)

    def submit(self, request: SpeechRequest) -> SpeechTicket:
        """Something to say that goes with the daemon, should it end. Raises BadRequest, QueueFull."""
        return self._speech.submit(request)

    async def accept(self, request: SpeechRequest, origin: str = "", message: str | None = None) -> SpeechTicket:
        """Accept something to say; when this returns it survives a crash. Raises BadRequest, QueueFull, AuricleError.

        origin: who waits for the end of it, in the caller's own words; `resumed` has it after a restart. message: the
        name of the message that brought it, for `id_of`.
        """
        return await self._speech.accept(request, origin, message)

    async def id_of(self, message: str) -> str | None:
        """The id of the request that a message brought which comes again."""
        return None if self.ledger is None else await self.ledger.id_of(message)

    async def resume(self) -> None:
        """Queue what an earlier run accepted and did not finish, in its order."""
        if self.ledger is None:
            return
        for late in await self.ledger.untold():
            reason = RETOLD if late.ended.reason is None else f"{late.ended.reason}; {RETOLD}"
            ticket = self._speech.retell(late.request, SpeechResult(late.ended.status, reason))
            self.resumed.append((ticket, late.origin))
        now_s = time.time()
        for kept in await self.ledger.open_requests():
            if kept.begun:
                _LOG.info("speech %s had begun when the daemon ended, and is said again", kept.request.id)
            ticket = self._speech.resume(kept.request, waited_s=max(0.0, now_s - kept.accepted_at))
            self.resumed.append((ticket, kept.origin))

    async def synthesize(self, request: SpeechRequest) -> bytes:
        """Return a WAV file (24 kHz, 16-bit, mono) of a request; nothing is played. Raises BadRequest, EngineError."""
        async with aclosing(self.synthesized(request)) as frames:
            return wav_file(b"".join([frame.pcm async for frame in frames]), OUTBOUND_RATE_HZ)

    async def synthesized(self, request: SpeechRequest) -> AsyncGenerator[AudioFrame, None]:
        """The same, piece by piece as it is made (24 kHz); whoever takes it shall not dawdle, others wait."""
        if not request.text.strip():
            raise BadRequest("text: there is nothing to say", field="text", id=request.id)
        async with self._aside, aclosing(self._speech.synthesize(request)) as frames:
            async for frame in frames:
                yield frame

    async def transcribe(self, sound: bytes, *, language: str | None = None) -> tuple[Transcript, float]:
        """Return what is said in a sound file, and its length in seconds. Raises BadRequest, EngineError."""
        frames = await asyncio.to_thread(inbound_of, sound)
        if frames and frames[-1].end_sample > _WHOLE_S * INBOUND_RATE_HZ:
            recording = await self._recorded(frames, language)
            return recording.transcript, recording.audio_s
        async with self._aside:
            transcript = await self._house.transcriber.transcribe_frames(frames, language)
        return transcript, sum(frame.seconds for frame in frames)

    async def transcribe_timed(self, sound: bytes, *, language: str | None = None) -> Recording:
        """The same with what was said when, in segments; cut where it is quiet. Raises BadRequest, EngineError."""
        return await self._recorded(await asyncio.to_thread(inbound_of, sound), language)

    async def _recorded(self, frames: Sequence[AudioFrame], language: str | None) -> Recording:
        house = self._house
        found = await chunks_of(frames, self.make_vad)
        async with self._aside:
            return await transcribe_chunks(found, frames, house.transcriber.transcribe_frames, language)

    async def ask(
        self, text: str, *, id: str | None = None, language: str | None = None, speak: bool = False
    ) -> AskResult:
        """A typed command: goes through intents; `speak` queues the reply as speech too. Raises BadRequest."""
        if not text.strip() or len(text) > _LONGEST_COMMAND:
            raise BadRequest(f"text: 1 to {_LONGEST_COMMAND} characters fit", field="text", id=id)
        turn = Turn(id=id or str(uuid4()), language=language)
        before = turn_in_hand.set(turn.id)
        try:
            intent, reply = await self._house.understand(Transcript(text, language=language), turn)
        finally:
            turn_in_hand.reset(before)
        if speak and reply.text.strip():
            self._speech.submit(SpeechRequest(text=reply.text, language=language, turn=turn.id))
        return AskResult(
            turn.id,
            intent.name if intent else None,
            intent.slots if intent else {},
            reply.text,
            reply.handled_by,
            reply.expects_answer is not None,
        )

    async def intents(self, language: str | None = None) -> Sequence[KnownIntent]:
        """All that the sentences of the loaded plugins can ask for."""
        return known_intents(self._house.dialogue.dispatcher.sentences(language or self._house.language))

    async def perform(self, plugin: str, intent: str, slots: Mapping[str, object], turn: Turn) -> Reply:
        """Have an intent handled as if it had been said in `turn`. Raises BadRequest for one that is not known."""
        dialogue, language = self._house.dialogue, turn.language or self._house.language
        wanted = known_intent(dialogue.dispatcher.sentences(language), plugin, intent, slots)
        return await dialogue.act(wanted, turn, language)

    async def renew_sentences(self, plugin: str) -> None:
        """Ask a plugin for its sentences anew. Raises PluginError."""
        await self._renew_sentences(plugin)

    async def listen(self, *, id: str | None = None, say: str | None = None) -> str:
        """Open the microphone as if the wake word had been heard, after saying `say`; return the turn's id.

        Raises AuricleError while muted.
        """
        if self._ears is None or self._status.muted:
            raise AuricleError("the microphone is muted; unmute it first", code="muted")
        if say:
            await self._speech.submit(SpeechRequest(text=say)).done()
        turn = Turn(id=id or str(uuid4()), first_sample=self._ears.position)
        self._begin(turn)
        return turn.id

    def wake(self, hit: WakeHit) -> None:
        """The ears heard a wake word."""
        if not self._wake_on:
            return
        turn = Turn(wake_word=hit.wake_word, score=hit.score, first_sample=hit.sample)
        self.publish(WakeHeard(turn=turn.id, wake_word=hit.wake_word, score=round(hit.score, 4), sample=hit.sample))
        self._begin(turn)

    @property
    def speaking(self) -> bool:
        """Whether something is said, or was until a moment ago, as a bell is between two rings. Any thread."""
        if self._conversation is None:
            return False
        return self._speech.waiting > 0 or time.monotonic() - self._spoke_s < _RINGS_ON_S

    def silence(self, hit: WakeHit) -> None:
        """The ears heard a word that silences us, which is no command for a turn that listens."""
        if self._turn is not None and not self._speech.waiting:
            return
        _LOG.info("silenced by %s", hit.wake_word)
        self._silencing = asyncio.create_task(self.stop(), name="silence")

    async def stop(self, id: str | None = None) -> int:
        """Silence what is said and waits to be said (or one request); a turn that speaks or thinks ends too."""
        ended = self._speech.stop(id)
        if id is None:
            self.publish(StopAsked())
        if self._turn is not None and id in (None, self._turn[0].id):
            self._turn[1].cancel()
        return ended

    def set_wake(self, on: bool) -> None:
        """Whether wake words begin turns; until the daemon ends. The microphone stays open for `listen`."""
        self._wake_on = on

    def set_follow_up(self, seconds: float) -> None:
        """How long the microphone stays open after an answered turn, from the next one on."""
        self._follow_up_s = seconds

    def set_muted(self, muted: bool) -> None:
        """Close or open the microphone; kept over restarts."""
        if self._ears is not None:
            self._ears.set_muted(muted)
        self._store.save("muted", muted)
        self.publish(MuteSet(muted=muted))

    def set_volume(self, volume: int) -> None:
        """0 to 100; kept over restarts."""
        if not 0 <= volume <= 100:
            raise BadRequest(f"volume {volume}: 0 to 100 fit", field="volume")
        self._store.save("volume", volume)
        self.publish(VolumeSet(volume=volume))

    def set_voice(self, voice: str) -> None:
        """Empty is the engine's default; kept over restarts. Raises BadRequest for a voice that the engine has not."""
        check_voice(voice, self._describe())
        self._store.save("voice", voice)
        self.publish(VoiceSet(voice=voice))

    async def reload_plugin(self, name: str) -> None:
        """Read a plugin's code anew. Raises PluginError if that does not go well; the old one goes on then."""
        await self._reload_plugin(name)

    async def set_plugin(self, name: str, enabled: bool) -> None:
        """Begin or end a plugin while all else goes on, until the next start. Raises PluginError."""
        await self._set_plugin(name, enabled)

    @property
    def dialogue(self) -> Dialogue | None:
        """What the site is talking about; none before the pipeline stands."""
        return self._conversation.dialogue if self._conversation is not None else None

    def describe(self) -> dict[str, object]:
        """Version, engines, voices, wake words, plugins with status, limits."""
        return self._describe()

    def fault(self, error: AuricleError) -> None:
        self.publish(ErrorRaised(code=error.code, message=error.message))

    @property
    def in_turn(self) -> bool:
        return self._turn is not None

    async def settled(self) -> None:
        """Return when no turn is open and nothing waits to be said."""
        while self._turn is not None:
            await asyncio.wait({self._turn[1]})
        if self._conversation is not None:
            await self._speech.settled()

    async def close(self) -> None:
        """End the open turn."""
        if self._turn is not None:
            task = self._turn[1]
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _begin(self, turn: Turn) -> None:
        """Start a turn's task; one that is open is cancelled first (barge-in)."""
        if self._ears is not None:
            self._ears.turn_begins()
        before = self._turn[1] if self._turn is not None else None
        if before is not None:
            before.cancel()
        task = asyncio.create_task(self._run(turn, before), name=f"turn {turn.id}")
        self._turn = (turn, task)

    async def _run(self, turn: Turn, before: "asyncio.Task[Outcome] | None") -> Outcome:
        outcome = Outcome.CANCELLED
        turn_in_hand.set(turn.id)
        try:
            if before is not None:
                await asyncio.wait({before})
            outcome = await self._house.run(turn)
        finally:
            if self._turn is not None and self._turn[0] is turn:
                self._turn = None
                self._end_turn(turn, outcome)
        return outcome

    def _end_turn(self, turn: Turn, outcome: Outcome) -> None:
        """After a question the microphone opens for its answer, after an answer it may stay open for a while."""
        if self._ears is None:
            return
        heard = outcome in (Outcome.ANSWERED, Outcome.NOT_UNDERSTOOD)
        if turn.answers and not heard:
            self._house.dialogue.forget()
        if heard and self._house.dialogue.awaits_answer and not self._status.muted:
            patience_s = max(ANSWER_PATIENCE_S, self._follow_up_s)
            self._begin(Turn(first_sample=self._ears.position, patience_s=patience_s, answers=True))
        elif outcome is Outcome.ANSWERED and self._follow_up_s > 0 and not self._status.muted:
            self._begin(Turn(first_sample=self._ears.position, patience_s=self._follow_up_s))
        else:
            self._ears.turn_ends()
