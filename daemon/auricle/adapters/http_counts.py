"""Counters and histograms for Prometheus, fed with the facts of the bus."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from auricle.model.events import (
    CommandEnded,
    ComponentChanged,
    ErrorRaised,
    Event,
    IntentHandled,
    Lagged,
    QualityFound,
    Speculated,
    SpeechChanged,
    TimerChanged,
    Transcribed,
    TurnEnded,
    WakeHeard,
)
from auricle.model.speech import SpeechStatus
from auricle.model.turn import Outcome, utc_now

_OPEN = 16
"""Turns that are followed at a time; there is hardly ever more than one."""
_MOST_VALUES = 64
"""Of one label; whatever comes after them is counted as `other`."""
_VALUE_CHARACTERS = 64
_FALSE = (Outcome.NOTHING_HEARD, Outcome.NOT_UNDERSTOOD)


class Labels:
    """The values of one label: never more than so many, whoever makes them up."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def value(self, given: str) -> str:
        name = given[:_VALUE_CHARACTERS] or "none"
        if name not in self._seen and len(self._seen) >= _MOST_VALUES:
            return "other"
        self._seen.add(name)
        return name


@dataclass(slots=True)
class _Turn:
    """What has to be known of a turn for its times."""

    wake_word: str | None = None
    """None where none began it."""
    ended: datetime | None = None
    """When its command's end was found."""
    decoded_s: float | None = None
    """Of the attempt that was used."""
    transcribed: datetime | None = None
    latency_s: float = 0.0
    handled: datetime | None = None
    spoken: bool = False


class Counts:
    """All that is counted from events. Belongs to the event loop."""

    def __init__(
        self, registry: CollectorRegistry, buckets: Sequence[float], since_arrival_s: Callable[[int], float]
    ) -> None:
        """buckets: upper bounds in seconds, rising. since_arrival_s: of a sample of inbound audio, until now."""
        self._since_arrival_s = since_arrival_s
        self._turns: OrderedDict[str, _Turn] = OrderedDict()
        self._labels: dict[str, Labels] = {}

        def counter(name: str, told: str, *labels: str) -> Counter:
            return Counter(f"auricle_{name}", told, labels, registry=registry)

        self._stages = Histogram(
            "auricle_stage_seconds",
            "Times of turns: wake (end of the wake word to its event), transcript (last sample of speech to the "
            "transcript), decode (speech to text alone), intent (transcript to intent), reply (intent to its first "
            "sound), first_audio (last sample of speech to the first sound of the reply)",
            ("stage",),
            registry=registry,
            buckets=buckets,
        )
        self._wakes = counter("wakes", "Wake words heard", "wake_word")
        self._false_wakes = counter("false_wakes", "Wake words that no understood command followed", "wake_word")
        self._outcomes = counter("turns", "Turns that have ended, by outcome", "outcome")
        self._commands = counter("commands", "Commands heard to their end, by what ended them", "reason")
        self._intents = counter("intents", "Commands by the plugin that answered; none: not understood", "plugin")
        self._speech = counter("speech", "Requests to speak, by each status that they came to", "status")
        self._attempts = counter("speculations", "Speech to text begun at a pause, and what became of it", "status")
        self._attempt_s = counter(
            "speculation_run_seconds", "Time that such attempts ran, by what became of them", "status"
        )
        self._errors = counter("errors", "Errors told, by code", "code")
        self._timers = counter("timers", "Timers and alarms, by what happened to them", "status")
        self._quality = counter("microphone_findings", "What was found about the microphone's sound", "finding")
        self._failures = counter("component_failures", "How often a part became unwell", "component")
        self._lost = counter("metrics_lost_events", "Events that came too fast to be counted here")
        self._parts = Gauge("auricle_component_up", "Whether a part is well: 1 or 0", ("component",), registry=registry)
        for outcome in Outcome:
            self._outcomes.labels(outcome.value)
        for status in ("started", "hit", "cancelled", "failed"):
            self._attempts.labels(status)

    def component(self, name: str, ok: bool) -> None:
        """How a part was found."""
        self._parts.labels(self._label("component", name)).set(ok)

    def observe(self, event: Event) -> None:
        match event:
            case WakeHeard():
                self._woken(event)
            case Speculated():
                self._attempts.labels(self._label("attempt", event.status)).inc()
                if event.took_s > 0:
                    self._attempt_s.labels(self._label("attempt", event.status)).inc(event.took_s)
                if event.status == "hit":
                    self._turn(event.turn).decoded_s = event.took_s
            case CommandEnded():
                self._commands.labels(self._label("reason", event.reason)).inc()
                self._turn(event.turn).ended = event.at
            case Transcribed():
                self._transcribed(event)
            case IntentHandled():
                self._intents.labels(self._label("plugin", event.handled_by if event.name else "")).inc()
                if (turn := self._turns.get(event.turn)) is not None and turn.transcribed is not None:
                    self._took("intent", event.at, turn.transcribed)
                    turn.handled = event.at
            case SpeechChanged():
                self._speech.labels(event.status.value).inc()
                if event.status is SpeechStatus.STARTED and event.turn is not None:
                    self._spoken(event.turn, event.at)
            case TurnEnded():
                self._outcomes.labels(event.outcome.value).inc()
                turn = self._turns.pop(event.turn, None)
                if turn is not None and turn.wake_word is not None and event.outcome in _FALSE:
                    self._false_wakes.labels(turn.wake_word).inc()
            case ErrorRaised():
                self._errors.labels(self._label("code", event.code)).inc()
            case TimerChanged():
                self._timers.labels(self._label("timer", event.status)).inc()
            case QualityFound():
                self._quality.labels(self._label("finding", event.finding)).inc()
            case ComponentChanged():
                self.component(event.component, event.ok)
                if not event.ok:
                    self._failures.labels(self._label("component", event.component)).inc()
            case Lagged():
                self._lost.inc(event.count)

    def _woken(self, event: WakeHeard) -> None:
        word = self._label("wake_word", event.wake_word)
        self._wakes.labels(word).inc()
        self._turn(event.turn).wake_word = word
        told_s = (utc_now() - event.at).total_seconds()
        self._stages.labels("wake").observe(max(0.0, self._since_arrival_s(event.sample) - told_s))

    def _transcribed(self, event: Transcribed) -> None:
        turn = self._turn(event.turn)
        turn.transcribed, turn.latency_s = event.at, event.latency_ms / 1000
        self._stages.labels("transcript").observe(turn.latency_s)
        if turn.decoded_s is not None:
            self._stages.labels("decode").observe(turn.decoded_s)
        elif turn.ended is not None:
            self._took("decode", event.at, turn.ended)

    def _spoken(self, id: str, at: datetime) -> None:
        turn = self._turns.get(id)
        if turn is None or turn.spoken or turn.transcribed is None:
            return
        turn.spoken = True
        if turn.handled is not None:
            self._took("reply", at, turn.handled)
        since_s = (at - turn.transcribed).total_seconds()
        self._stages.labels("first_audio").observe(max(0.0, turn.latency_s + since_s))

    def _took(self, stage: str, at: datetime, since: datetime) -> None:
        self._stages.labels(stage).observe(max(0.0, (at - since).total_seconds()))

    def _turn(self, id: str) -> _Turn:
        if id not in self._turns:
            self._turns[id] = _Turn()
            while len(self._turns) > _OPEN:
                self._turns.popitem(last=False)
        return self._turns[id]

    def _label(self, name: str, given: str) -> str:
        return self._labels.setdefault(name, Labels()).value(given)
