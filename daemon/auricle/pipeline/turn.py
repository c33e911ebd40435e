"""The story of a turn: hear → answer → say. A turn may begin at any of the three; barge-in cancels its task."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from auricle.model.errors import AuricleError, NothingHeard
from auricle.model.events import ErrorRaised, Event, StageChanged, TurnEnded
from auricle.model.intent import Intent, Reply, Transcript
from auricle.model.speech import SpeechRequest, SpeechStatus
from auricle.model.turn import Outcome, Stage, Turn
from auricle.pipeline.dialogue import Dialogue
from auricle.pipeline.ears import Ears
from auricle.pipeline.endpoint import EndpointRule, Hearing
from auricle.pipeline.phrases import phrase
from auricle.pipeline.speak import Speech
from auricle.pipeline.streamed import Telling, handled, whole
from auricle.pipeline.transcribe import Transcriber

_LOG = logging.getLogger("auricle.turn")


@dataclass(frozen=True, slots=True)
class Conversation:
    """All that a turn needs; one turn at a time has the microphone."""

    ears: Ears
    rule: EndpointRule
    transcriber: Transcriber
    dialogue: Dialogue
    speech: Speech
    language: str
    chimes: bool
    publish: Callable[[Event], None]

    async def run(self, turn: Turn) -> Outcome:
        """A whole spoken turn. Never raises but when cancelled; always ends in TurnEnded."""
        began = time.monotonic()
        outcome = Outcome.CANCELLED
        turn = replace(turn, cut=self.speech.hold())
        try:
            outcome = await self.hear(turn)
        except AuricleError as error:
            outcome = await self.excuse(error, turn)
        except Exception as error:
            _LOG.exception("turn %s failed", turn.id)
            outcome = await self.excuse(AuricleError(f"the turn failed: {error}", code="turn"), turn)
        finally:
            self.speech.release()
            self.publish(StageChanged(stage=Stage.IDLE, turn=None))
            self.publish(TurnEnded(turn=turn.id, outcome=outcome))
            _LOG.info(
                "turn %s (%s) %s in %.1f s", turn.id, turn.wake_word or "asked", outcome, time.monotonic() - began
            )
        return outcome

    async def hear(self, turn: Turn) -> Outcome:
        """From the sample where the wake word ended to the transcript."""
        self.publish(StageChanged(stage=Stage.LISTENING, turn=turn.id))
        tap = self.ears.tap(turn.first_sample)
        if self.chimes:
            self.speech.chime("wake")
        try:
            rule = self.rule if turn.patience_s is None else replace(self.rule, patience_s=turn.patience_s)
            hearing = Hearing(tap, rule, after_word=turn.wake_word is not None)
            transcript = await self.transcriber.transcribe(hearing, turn)
        except NothingHeard as nothing:
            _LOG.debug("turn %s: %s", turn.id, nothing)
            return Outcome.NOTHING_HEARD
        finally:
            tap.close()
        return await self.answer(transcript, turn)

    async def answer(self, transcript: Transcript, turn: Turn) -> Outcome:
        """From words to what is done about them."""
        if not transcript.text.strip():
            return Outcome.NOTHING_HEARD
        self.publish(StageChanged(stage=Stage.THINKING, turn=turn.id))
        intent, reply = await self.dialogue.respond(transcript, turn)
        if reply.stream is None:
            self.publish(handled(intent, reply, transcript, turn))
            said = await self.say(reply, turn)
        else:
            said = await self.tell(intent, reply, transcript, turn)
        if said is SpeechStatus.FAILED:
            return Outcome.FAILED
        return Outcome.ANSWERED if reply.understood else Outcome.NOT_UNDERSTOOD

    async def understand(self, transcript: Transcript, turn: Turn) -> tuple[Intent | None, Reply]:
        """The intent and its reply; also what a typed command is answered with."""
        intent, reply = await self.dialogue.respond(transcript, turn)
        reply = await whole(reply)
        self.publish(handled(intent, reply, transcript, turn))
        return intent, reply

    async def tell(self, intent: Intent | None, reply: Reply, transcript: Transcript, turn: Turn) -> SpeechStatus:
        """Say a reply that is still being made; what it was is known, and published, at its end."""
        self.publish(StageChanged(stage=Stage.SPEAKING, turn=turn.id))
        telling = Telling(reply)
        try:
            return await telling.say(self.speech, turn=turn.id, language=turn.language)
        finally:
            self.publish(handled(intent, replace(reply, text=telling.text), transcript, turn))

    async def say(self, reply: Reply, turn: Turn) -> SpeechStatus:
        """From the reply to the last sample of it that was played."""
        if not reply.text.strip():
            return SpeechStatus.FINISHED
        self.publish(StageChanged(stage=Stage.SPEAKING, turn=turn.id))
        ticket = self.speech.submit(SpeechRequest(text=reply.text, language=turn.language, turn=turn.id))
        return (await ticket.done()).status

    async def excuse(self, error: AuricleError, turn: Turn) -> Outcome:
        """Tell the event bus what failed, and the person that something did."""
        self.publish(ErrorRaised(code=error.code, message=error.message, id=turn.id))
        await self.say(Reply(phrase("failed", turn.language or self.language)), turn)
        return Outcome.FAILED
