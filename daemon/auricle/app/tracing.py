"""Debug recording: a turn's events and its sound become a trace (`[privacy] record`)."""

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from auricle import __version__
from auricle.bus import EventBus
from auricle.model.audio import INBOUND_RATE_HZ, AudioFrame
from auricle.model.errors import AuricleError
from auricle.model.events import (
    CommandEnded,
    ErrorRaised,
    Event,
    IntentHandled,
    PartialHeard,
    Speculated,
    SpeechChanged,
    StageChanged,
    Transcribed,
    TurnEnded,
    Understood,
    WakeHeard,
)
from auricle.model.turn import Outcome, Stage
from auricle.pipeline.overheard import Overheard
from auricle.settings import Config
from auricle.traces import Step, Trace, Traces

_LOG = logging.getLogger(__name__)
_BEFORE_S = 3.0
"""Sound from before the wake word's end, so that it can be found again."""
_EVENTS = 512
_OPEN = 8
"""Turns that may be open; there is more than one only while one takes another's place."""


@dataclass
class _Open:
    """A turn that goes on."""

    turn: str
    at: datetime
    listens_from: int
    wake_word: str | None = None
    steps: list[Step] = field(default_factory=list)
    sound: AudioFrame | None = None


class Tracer:
    """Follows the bus and writes traces; what it cannot write is logged, and the turn does not notice."""

    def __init__(self, config: Config, bus: EventBus, overheard: Overheard, traces: Traces) -> None:
        self._config = config
        self._bus = bus
        self._overheard = overheard
        self._traces = traces
        self._open: dict[str, _Open] = {}

    async def run(self) -> None:
        _LOG.warning(
            "[privacy] record = %r: turns are recorded to %s", self._config.privacy.record, self._traces.folder
        )
        with self._bus.subscribe(_EVENTS) as events:
            async for event in events:
                await self._take(event)

    async def _take(self, event: Event) -> None:
        if isinstance(event, WakeHeard):
            self._begin(_Open(event.turn, event.at, event.sample, event.wake_word))
        elif (
            isinstance(event, StageChanged) and event.stage is Stage.LISTENING and event.turn not in (None, *self._open)
        ):
            self._begin(_Open(event.turn or "", event.at, self._overheard.position))
        turn = self._open.get(_turn_of(event) or "")
        if turn is None:
            return
        if isinstance(event, (CommandEnded, TurnEnded)) and turn.sound is None:
            turn.sound = self._overheard.since(turn.listens_from - int(_BEFORE_S * INBOUND_RATE_HZ))
        step = as_step(event, (event.at - turn.at).total_seconds() * 1000)
        if step is not None:
            turn.steps.append(step)
        if isinstance(event, TurnEnded):
            del self._open[turn.turn]
            await self._end(turn, event.outcome)

    def _begin(self, turn: _Open) -> None:
        self._open[turn.turn] = turn
        while len(self._open) > _OPEN:
            del self._open[next(iter(self._open))]

    async def _end(self, turn: _Open, outcome: Outcome) -> None:
        false_wake = turn.wake_word is not None and outcome in (Outcome.NOTHING_HEARD, Outcome.NOT_UNDERSTOOD)
        if self._config.privacy.record != "all" and not false_wake:
            return
        sound = turn.sound or AudioFrame(b"", turn.listens_from)
        trace = Trace(
            turn=turn.turn,
            site=self._config.site.id,
            at=turn.at,
            outcome=outcome.value,
            wake_word=turn.wake_word,
            listens_from=turn.listens_from,
            first_sample=sound.first_sample,
            samples=sound.samples,
            settings=settings_of(self._config),
            steps=tuple(turn.steps),
            version=__version__,
        )
        try:
            await asyncio.to_thread(self._traces.write, trace, sound)
        except AuricleError as error:
            _LOG.error("turn %s is not recorded: %s", turn.turn, error.message)


def settings_of(config: Config) -> dict[str, Any]:
    """What a turn's stages go by."""
    found: dict[str, Any] = msgspec.to_builtins(
        {"wake": config.wake, "listen": config.listen, "stt": config.stt, "near_miss": config.intents.near_miss}
    )
    return found


def as_step(event: Event, after_ms: float) -> Step | None:
    """An event as a stage's input, decision and time; None for what is no stage's."""
    match event:
        case WakeHeard():
            stage, given, decided = "wake", {}, _fields(event, "wake_word", "score", "sample")
        case Speculated():
            stage, given, decided = "speculate", _fields(event, "last_sample"), _fields(event, "status", "standing")
        case CommandEnded():
            stage, given, decided = "endpoint", {}, _fields(event, "first_sample", "last_sample", "reason")
        case PartialHeard():
            stage, given, decided = "partial", {}, _fields(event, "text")
        case Transcribed():
            given = _fields(event, "first_sample", "last_sample", "audio_s")
            stage, decided = "transcribe", _fields(event, "text", "language", "confidence", "latency_ms")
        case Understood():
            decided = {**_fields(event, "how", "reason", "verdict"), "candidates": [*map(dict, event.candidates)]}
            stage, given = "understand", {}
        case IntentHandled():
            stage, given = "intent", _fields(event, "text")
            decided = {**_fields(event, "name", "handled_by", "reply"), "slots": dict(event.slots)}
        case SpeechChanged():
            stage, given, decided = "speech", _fields(event, "text"), _fields(event, "status", "reason")
        case ErrorRaised():
            stage, given, decided = "error", {}, _fields(event, "code", "message")
        case TurnEnded():
            stage, given, decided = "end", {}, _fields(event, "outcome")
        case _:
            return None
    return Step(stage=stage, after_ms=round(after_ms, 1), input=given, decision=decided)


def _fields(event: Event, *names: str) -> dict[str, Any]:
    return {name: getattr(event, name) for name in names}


def _turn_of(event: Event) -> str | None:
    return event.id if isinstance(event, ErrorRaised) else getattr(event, "turn", None)
