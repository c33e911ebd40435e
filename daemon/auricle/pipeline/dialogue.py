"""Dialogue: questions and their answers, missing slots, confirmations, corrections, and what goes on from before."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from auricle.api import AuricleError, Intent, Question, Reply, Sentences, Transcript, Turn
from auricle.model.events import Event, Understood
from auricle.pipeline.answers import answer, choices_of, ends_dialogue, follow_up
from auricle.pipeline.dialogue_words import words_of
from auricle.pipeline.dispatch import Dispatcher

ANSWER_S = 30.0
"""How long a question may be answered, from when it was asked."""
MOST_TRIES = 2
"""Answers that may be not understood before the question is dropped."""
CONTEXT_S = 90.0
"""How long a command may be gone on from, or corrected."""
CONTEXT_TURNS = 3
"""For how many turns."""
_CONFIRMED = "confirmed"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that waits for its answer."""

    question: Question
    text: str
    until_s: float
    confirms: bool = False
    """Asked by the dialogue itself, before something risky."""
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Before:
    """The command that was handled last."""

    intent: Intent
    until_s: float
    turns: int = CONTEXT_TURNS


class Dialogue:
    """What a site is talking about. Spoken and typed commands of one site share it."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        *,
        language: str,
        publish: Callable[[Event], None] = lambda event: None,
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
        steady_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.dispatcher = dispatcher
        self._language = language
        self._publish = publish
        self._now = now
        self._steady_s = steady_s
        self._asked: Asked | None = None
        self._before: Before | None = None

    @property
    def awaits_answer(self) -> bool:
        """Whether a question is open."""
        return self._asked is not None and self._steady_s() < self._asked.until_s

    def forget(self) -> None:
        """Nobody answered."""
        self._asked = None

    def expect(self, reply: Reply) -> None:
        """A question was asked; the next words may be its answer."""
        if reply.expects_answer is not None:
            question = reply.expects_answer
            if not question.intent.plugin:
                question = replace(question, intent=replace(question.intent, plugin=reply.handled_by))
            self._asked = Asked(question, reply.text, self._steady_s() + ANSWER_S)

    async def respond(self, transcript: Transcript, turn: Turn) -> tuple[Intent | None, Reply]:
        """Take words as an answer, a correction, or a command; act. Never raises but when cancelled."""
        asked = self._asked if self.awaits_answer else None
        self._asked = None
        language = turn.language or transcript.language or self._language
        try:
            if asked is not None:
                return await self._answered(asked, transcript, turn, language)
            return await self._commanded(transcript, turn, language)
        except AuricleError as error:
            return None, self.dispatcher.excuse(error)

    async def act(self, intent: Intent, turn: Turn, language: str) -> Reply:
        """Do what somebody else than the sentences understood: with questions, confirmations and what follows."""
        _, reply = await self._act(intent, turn, language)
        return reply

    async def _answered(
        self, asked: Asked, transcript: Transcript, turn: Turn, language: str
    ) -> tuple[Intent | None, Reply]:
        question, text = asked.question, transcript.text
        if ends_dialogue(text, language):
            return None, Reply(words_of(language).ended, handled_by="dialogue")
        if (changed := self._changed(question.intent, text, language)) is not None:
            return await self._act(replace(changed, corrects=None), turn, language)
        value = answer(question, text, language, self._now)
        if value is not None and asked.confirms:
            if value is not True:
                return None, Reply(words_of(language).ended, handled_by="dialogue")
            return await self._act(question.intent, turn, language, confirmed=True)
        if value is not None:
            slots = {**question.intent.slots, question.slot: value}
            return await self._act(replace(question.intent, slots=slots), turn, language)
        if (intent := self.dispatcher.match(text, language)) is not None:
            return await self._act(intent, turn, language)
        if asked.tries + 1 >= MOST_TRIES:
            return None, self.dispatcher.not_understood()
        self._asked = replace(asked, tries=asked.tries + 1, until_s=self._steady_s() + ANSWER_S)
        again = question.again or f"{words_of(language).again} {asked.text}"
        return question.intent, Reply(again, handled_by="dialogue", understood=False, expects_answer=question)

    async def _commanded(self, transcript: Transcript, turn: Turn, language: str) -> tuple[Intent | None, Reply]:
        before = self._recent()
        changed = self._changed(before, transcript.text, language) if before is not None else None
        if changed is not None and (changed.corrects or self.dispatcher.match(transcript.text, language) is None):
            return await self._act(changed, turn, language)
        found = await self.dispatcher.explain(transcript, turn)
        self._publish(Understood(turn=turn.id, **found.facts))
        if found.intent is not None:
            return await self._act(found.intent, turn, language)
        if (likely := found.in_doubt) is None:
            return None, self.dispatcher.not_understood()
        text = words_of(language).meant.format(sentence=likely.sentence)
        question = Question("yes_no", _CONFIRMED, likely.intent)
        reply = Reply(text, handled_by="dialogue", understood=False, expects_answer=question)
        self.expect(reply)
        if self._asked is not None:
            self._asked = replace(self._asked, confirms=True)
        return None, reply

    async def _act(
        self, intent: Intent, turn: Turn, language: str, *, confirmed: bool = False
    ) -> tuple[Intent | None, Reply]:
        """Ask what is missing, ask before what is risky, else let it be handled."""
        own = self._sentences(intent.plugin, language)
        reply = None if confirmed else self._to_ask(intent, own)
        if reply is None:
            reply = await self.dispatcher.act(intent, turn)
        self.expect(reply)
        if reply.expects_answer is not None:
            if self._asked is not None and reply.expects_answer.slot == _CONFIRMED:
                self._asked = replace(self._asked, confirms=True)
        elif reply.understood:
            self._before = Before(replace(intent, corrects=None), self._steady_s() + CONTEXT_S)
        return intent, reply

    def _to_ask(self, intent: Intent, own: Sentences) -> Reply | None:
        for slot, text in own.required.get(intent.name, {}).items():
            if slot not in intent.slots:
                return Reply(text, handled_by=intent.plugin, expects_answer=_about(slot, intent, own))
        if (risk := own.risky.get(intent.name)) is not None:
            spoken = risk.format_map(_Slots(intent.slots))
            question = Question("yes_no", _CONFIRMED, intent)
            return Reply(spoken, handled_by=intent.plugin, expects_answer=question)
        return None

    def _changed(self, before: Intent, text: str, language: str) -> Intent | None:
        own = self._sentences(before.plugin, language)
        return follow_up(before, text, language, own) if own.intents else None

    def _recent(self) -> Intent | None:
        """The last command, if it may still be gone on from."""
        before = self._before
        if before is None or before.turns <= 0 or self._steady_s() > before.until_s:
            self._before = None
            return None
        self._before = replace(before, turns=before.turns - 1)
        return before.intent

    def _sentences(self, plugin: str, language: str) -> Sentences:
        return self.dispatcher.sentences(language).get(plugin, _NONE)


_NONE = Sentences({})


class _Slots(dict[str, object]):
    def __missing__(self, slot: str) -> str:
        return ""


def _about(slot: str, intent: Intent, own: Sentences) -> Question:
    """The question for a slot, as its list, range or wildcard has it."""
    if slot in own.ranges:
        low, high = own.ranges[slot]
        return Question("number", slot, intent, lowest=low, highest=high)
    words = own.lists.get(slot)
    if words is None:
        return Question("text", slot, intent)
    choices = words if isinstance(words, Mapping) else {word: word for word in words}
    return Question("choice", slot, intent, choices=choices_of(choices))
