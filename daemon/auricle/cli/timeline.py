"""The times of one turn, from the events that it published."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import datetime

from rich.console import Console
from rich.table import Table

from auricle.bus import Subscription
from auricle.model.events import (
    CommandEnded,
    ErrorRaised,
    Event,
    IntentHandled,
    SpeechChanged,
    Transcribed,
    TurnEnded,
    WakeHeard,
)
from auricle.model.speech import SpeechStatus
from auricle.model.turn import Outcome
from auricle.service import Assistant


@dataclass
class Timeline:
    """Follow a turn and show when each stage ended."""

    stages: list[tuple[str, datetime, str]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    outcome: Outcome | None = None

    async def follow(self, events: Subscription, sound_ended: asyncio.Event, assistant: Assistant) -> None:
        """Take events until the first turn has ended, or the sound has and there was none."""
        ended = asyncio.create_task(self._close_at_end(events, sound_ended, assistant), name="end of sound")
        try:
            async for event in events:
                self.take(event)
                if isinstance(event, TurnEnded):
                    return
        finally:
            ended.cancel()
            await asyncio.gather(ended, return_exceptions=True)

    @staticmethod
    async def _close_at_end(events: Subscription, sound_ended: asyncio.Event, assistant: Assistant) -> None:
        await sound_ended.wait()
        await assistant.settled()
        events.close()

    def take(self, event: Event) -> None:
        match event:
            case WakeHeard():
                self._add("wake word", event, f"{event.wake_word}, score {event.score:.2f}")
            case CommandEnded():
                self._add("end of command", event, event.reason)
            case Transcribed():
                self._add("transcript", event, event.text.strip())
            case IntentHandled(name=str()):
                self._add("intent", event, f"{event.name} ({event.handled_by})")
            case SpeechChanged(status=SpeechStatus.STARTED):
                self._add("first sound of the reply", event, event.text)
            case SpeechChanged(status=SpeechStatus.FINISHED):
                self._add("reply spoken", event, "")
            case ErrorRaised():
                self.errors.append(event.message)
            case TurnEnded():
                self.outcome = event.outcome

    @property
    def complete(self) -> bool:
        """Whether wake word, transcript, intent and spoken reply all happened."""
        happened = {name for name, _, detail in self.stages if detail or name == "reply spoken"}
        return self.outcome is Outcome.ANSWERED and {"wake word", "transcript", "intent", "reply spoken"} <= happened

    def show(self, *, spoken: str | None, reply: str, as_json: bool) -> None:
        start = self.stages[0][1] if self.stages else None
        rows = [
            (name, round((at - start).total_seconds() * 1000) if start else 0, detail)
            for name, at, detail in self.stages
        ]
        if as_json:
            stages = [{"stage": name, "ms": ms, "detail": detail} for name, ms, detail in rows]
            print(json.dumps({"complete": self.complete, "stages": stages, "errors": self.errors, "reply": reply}))
            return
        console = Console()
        if rows:
            table = Table(title=f"A turn from {spoken or 'a sentence made for this'}", title_justify="left")
            for column, justify in (("stage", "left"), ("ms", "right"), ("since the last", "right"), ("", "left")):
                table.add_column(column, justify=justify)  # type: ignore[arg-type]
            before = 0
            for name, ms, detail in rows:
                table.add_row(name, str(ms), f"+{ms - before}", detail)
                before = ms
            console.print(table)
        for error in self.errors:
            console.print(f"error: {error}", style="red", markup=False)
        console.print(self._verdict(reply), markup=False)

    def _verdict(self, reply: str) -> str:
        if self.complete:
            return f"The reply is in {reply}."
        if not self.stages:
            return "No wake word was heard in the recording, so nothing else happened. `auricle wake FILE` shows more."
        outcome = self.outcome.value.replace("_", " ") if self.outcome else "never ended"
        return f"The turn did not come to a spoken answer: {outcome}."

    def _add(self, name: str, event: Event, detail: str) -> None:
        self.stages.append((name, event.at, detail))
