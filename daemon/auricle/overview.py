"""What a person wants to see at a glance: each part and how it is, and the last turns with their times."""

import math
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from auricle.model.events import (
    CommandEnded,
    ComponentChanged,
    Event,
    IntentHandled,
    SpeechChanged,
    StageChanged,
    Transcribed,
    TurnEnded,
    WakeHeard,
)
from auricle.model.speech import SpeechStatus
from auricle.model.turn import Stage
from auricle.status import Status

_TURNS = 5
_TIMES = 500
"""Turns whose times count for the percentiles."""


@dataclass(slots=True)
class TurnSeen:
    """One turn so far."""

    id: str
    at: datetime
    wake_word: str | None = None
    text: str | None = None
    intent: str | None = None
    reply: str | None = None
    outcome: str | None = None
    """None while it is open."""
    stages_ms: dict[str, float] = field(default_factory=dict)
    """`transcript`: from the last sample of speech; `intent`: from the transcript; `reply`: from then to its sound."""
    since: datetime | None = None
    """When the last of these ended."""

    def end(self, stage: str, at: datetime) -> None:
        if self.since is not None:
            self.stages_ms[stage] = round((at - self.since).total_seconds() * 1000, 1)
        self.since = at


class Overview:
    """A view of the events so far."""

    def __init__(self, status: Status) -> None:
        """status: what is known already."""
        self._parts = {name: (True, detail) for name, detail in status.well.items()}
        self._parts |= {name: (False, detail) for name, detail in status.faults.items()}
        self._turns: OrderedDict[str, TurnSeen] = OrderedDict()
        self._times: dict[str, deque[float]] = {}

    def observe(self, event: Event) -> None:
        match event:
            case ComponentChanged():
                self._parts[event.component] = (event.ok, event.detail)
            case WakeHeard():
                self._turn(event.turn, event.at).wake_word = event.wake_word
            case StageChanged(stage=Stage.LISTENING, turn=str(id)):
                self._turn(id, event.at)
            case CommandEnded():
                self._turn(event.turn, event.at)
            case Transcribed():
                turn = self._turn(event.turn, event.at)
                turn.text, turn.since = event.text, event.at
                turn.stages_ms["transcript"] = event.latency_ms
            case IntentHandled():
                turn = self._turn(event.turn, event.at)
                turn.intent, turn.reply = event.name, event.reply
                turn.text = event.text if turn.text is None else turn.text
                turn.end("intent", event.at)
            case SpeechChanged(status=SpeechStatus.STARTED, turn=str(id)) if id in self._turns:
                turn = self._turns[id]
                if "reply" not in turn.stages_ms:
                    turn.end("reply", event.at)
            case TurnEnded() if event.turn in self._turns:
                turn = self._turns[event.turn]
                turn.outcome = event.outcome.value
                for stage, took_ms in turn.stages_ms.items():
                    self._times.setdefault(stage, deque(maxlen=_TIMES)).append(took_ms)
                if "transcript" in turn.stages_ms and "reply" in turn.stages_ms:
                    whole = self._times.setdefault("end of speech to reply", deque(maxlen=_TIMES))
                    whole.append(round(sum(turn.stages_ms.values()), 1))

    def told(self) -> dict[str, object]:
        """The same, for JSON."""
        return {
            "parts": {
                name: {"ok": ok, "detail": detail} for name, (ok, detail) in self._parts.items() if name != "start"
            },
            "turns": [
                {
                    "turn": turn.id,
                    "at": turn.at,
                    "wake_word": turn.wake_word,
                    "text": turn.text,
                    "intent": turn.intent,
                    "reply": turn.reply,
                    "outcome": turn.outcome,
                    "stages_ms": turn.stages_ms,
                }
                for turn in self._turns.values()
            ],
            "percentiles_ms": self.percentiles_ms(),
        }

    def percentiles_ms(self) -> dict[str, dict[str, float]]:
        """Of each stage: `median` and `p95` of its last times, and how many `turns` those are of."""
        return {
            stage: {"median": percentile(times, 0.5), "p95": percentile(times, 0.95), "turns": len(times)}
            for stage, times in self._times.items()
        }

    def _turn(self, id: str, at: datetime) -> TurnSeen:
        if id not in self._turns:
            self._turns[id] = TurnSeen(id, at)
            while len(self._turns) > _TURNS:
                self._turns.popitem(last=False)
        return self._turns[id]


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that so much of them do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
