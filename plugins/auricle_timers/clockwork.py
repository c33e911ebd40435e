"""What runs and rings: the entries in memory, each with its call to come, beside the book on disk."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from time import monotonic

from auricle.api import AuricleError, PluginContext, Scheduled, TimerChanged
from auricle_timers.bell import Bell
from auricle_timers.book import Book, Entry
from auricle_timers.wording import Wording

LATE_S = 2.0
"""What rings later than this says so."""
_JUST_STOPPED_S = 15.0


class Clockwork:
    """Belongs to the plugin's loop."""

    def __init__(self, context: PluginContext, ring_s: float, limit: int) -> None:
        """Raises PluginError if the book cannot be opened."""
        self._context = context
        self.limit = limit
        self._book = Book(context.ensure_data_dir() / "timers.sqlite")
        self._entries: dict[str, Entry] = {entry.id: entry for entry in self._book.entries()}
        self._calls: dict[str, Scheduled] = {}
        self._ringing: dict[str, tuple[Entry, float]] = {}
        """What rings, with how late it was."""
        self._bell = Bell(context.assistant, self._ring_words, self._rung, ring_s)
        self.last_set = ""
        """Id of what was set last: what a correction is about."""

    async def start(self) -> None:
        """Ring for what fell due meanwhile, and wait for the rest."""
        for entry in sorted(self._entries.values(), key=lambda entry: entry.left_s(self.now())):
            if entry.ringing or entry.left_s(self.now()) <= 0:
                await self._due(entry.id)
            else:
                self._schedule(entry)

    def now(self) -> datetime:
        return self._context.now()

    def timers(self) -> Sequence[Entry]:
        """Those that run, the next to ring first."""
        return self._sorted(lambda entry: not entry.is_alarm)

    def alarms(self) -> Sequence[Entry]:
        return self._sorted(lambda entry: entry.is_alarm)

    @property
    def full(self) -> bool:
        return len(self._entries) >= self.limit

    @property
    def just_silenced(self) -> bool:
        """Whether something rang until a moment ago: "stop the timer" then means what rang."""
        return self._bell.rings or monotonic() - self._bell.stopped_at < _JUST_STOPPED_S

    async def add(self, entry: Entry) -> None:
        """Keep a new entry, or one that was changed, and wait for it."""
        self._book.put(entry)
        self._entries[entry.id] = entry
        self._schedule(entry)
        self.last_set = entry.id
        await self._tell(entry, "started", entry.left_s(self.now()))

    async def cancel(self, entry: Entry) -> None:
        left_s = entry.left_s(self.now())
        self._forget(entry.id)
        await self._tell(entry, "cancelled", max(0.0, left_s))

    async def silence(self) -> None:
        await self._bell.stop()

    async def close(self) -> None:
        await self._bell.close()
        self._book.close()

    def _schedule(self, entry: Entry) -> None:
        if (call := self._calls.pop(entry.id, None)) is not None:
            call.cancel()
        due = partial(self._due, entry.id)
        if entry.is_alarm:
            self._calls[entry.id] = self._context.scheduler.at(entry.alarm_at, due)
        else:
            self._calls[entry.id] = self._context.scheduler.after(entry.left_s(self.now()), due)

    async def _due(self, id: str) -> None:
        entry = self._entries.get(id)
        if entry is None:
            return
        late_s = -entry.left_s(self.now())
        self._calls.pop(id, None)
        told = entry.ringing
        self._ringing[id] = (replace(entry), late_s)
        if entry.days:
            self._again(entry)
        else:
            entry.ringing = True
            self._book.put(entry)
        if not told:
            await self._tell(entry, "finished", 0.0)
        self._bell.ring(id)

    def _again(self, entry: Entry) -> None:
        """Wait for the next of its days."""
        moment = datetime.fromisoformat(entry.at_local)
        today = self.now().replace(tzinfo=None)
        while moment <= today or not entry.days >> moment.weekday() & 1:
            moment += timedelta(days=1)
        entry.at_local = moment.isoformat()
        self._book.put(entry)
        self._schedule(entry)

    def _rung(self, ids: list[str]) -> None:
        for id in ids:
            self._ringing.pop(id, None)
            if id in self._entries and self._entries[id].ringing:
                self._forget(id)

    def _forget(self, id: str) -> None:
        self._entries.pop(id, None)
        self._book.remove(id)
        if (call := self._calls.pop(id, None)) is not None:
            call.cancel()

    def _sorted(self, wanted: object) -> Sequence[Entry]:
        assert callable(wanted)
        found = [entry for entry in self._entries.values() if wanted(entry) and not entry.ringing]
        return sorted(found, key=lambda entry: entry.left_s(self.now()))

    async def _tell(self, entry: Entry, status: str, left_s: float) -> None:
        try:
            await self._context.assistant.tell(
                TimerChanged(id=entry.id, name=entry.name, status=status, remaining_s=left_s)
            )
        except AuricleError as error:
            self._context.log.warning("nobody was told of a timer: %s", error)

    def _ring_words(self, ids: list[str]) -> str:
        wording = Wording(self._context.language)
        found = [self._ringing[id] for id in ids if id in self._ringing]
        sentences = []
        if timers := [wording.of(entry, self.now()) for entry, _ in found if not entry.is_alarm]:
            sentences.append(wording.say("done" if len(timers) == 1 else "done_many", name=wording.listed(timers)))
        for entry, _ in found:
            if entry.is_alarm:
                name = f"{entry.name}." if entry.name else wording.say("alarm_name")
                sentences.append(wording.say("alarm_done", time=wording.time(entry.alarm_at), name=name))
        late_s = max((late for _, late in found), default=0.0)
        if late_s > LATE_S:
            sentences.append(wording.say("late", late=wording.length(late_s)))
        return " ".join(sentences)
