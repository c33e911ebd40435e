"""What is said to timers and alarms, and what they answer."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from difflib import get_close_matches

from auricle.api import Intent, Question, Reply, spoken
from auricle_timers.book import Entry
from auricle_timers.clockwork import Clockwork
from auricle_timers.wording import Wording

_MOST_SAID = 5


class Talk:
    """Handles one intent in one language."""

    def __init__(self, clockwork: Clockwork, wording: Wording) -> None:
        self._clockwork = clockwork
        self._wording = wording

    async def handle(self, intent: Intent) -> Reply | None:
        match intent.name:
            case "set_timer":
                return await self._set_timer(intent)
            case "add_time":
                return await self._add_time(intent)
            case "remaining":
                return self._remaining(intent)
            case "cancel_timer":
                return await self._cancel(intent, self._clockwork.timers(), "none", "cancelled")
            case "cancel_timers":
                return await self._cancel_all(self._clockwork.timers(), "none", "cancelled_all")
            case "set_alarm":
                return await self._set_alarm(intent)
            case "alarms":
                return self._alarms()
            case "cancel_alarm":
                return await self._cancel(intent, self._clockwork.alarms(), "no_alarm", "alarm_cancelled")
            case "cancel_alarms":
                return await self._cancel_all(self._clockwork.alarms(), "no_alarm", "alarms_cancelled")
            case _:
                return None

    def _reply(self, text: str, **parts: object) -> Reply:
        return Reply(self._wording.say(text, **parts))

    async def _set_timer(self, intent: Intent) -> Reply:
        length_s = spoken.duration_s(intent.slots)
        if length_s is None or length_s <= 0:
            question = Question("duration", "duration_s", intent)
            return Reply(self._wording.say("how_long"), expects_answer=question)
        corrected = await self._take_back(intent)
        if self._clockwork.full:
            return self._reply("full", count=self._clockwork.limit)
        entry = Entry(name=_name(intent) or (corrected.name if corrected else ""), length_s=float(length_s))
        entry.set_left(length_s, self._clockwork.now())
        await self._clockwork.add(entry)
        length = self._wording.length(length_s)
        if corrected is not None:
            return self._reply("corrected", length=length)
        if entry.name:
            return self._reply("set_named", name=entry.name, length=length)
        return self._reply("set", name=self._wording.say("plain", length=length))

    async def _take_back(self, intent: Intent) -> Entry | None:
        """Cancel what `intent` corrects."""
        if intent.corrects is None or intent.corrects.name != intent.name:
            return None
        for entry in (*self._clockwork.timers(), *self._clockwork.alarms()):
            if entry.id == self._clockwork.last_set:
                await self._clockwork.cancel(entry)
                return entry
        return None

    async def _add_time(self, intent: Intent) -> Reply:
        more_s = spoken.duration_s(intent.slots) or 0
        entry = self._find(self._clockwork.timers(), _name(intent))
        if entry is None:
            return self._none(intent, "none")
        left_s = entry.left_s(self._clockwork.now()) + more_s
        entry.length_s = (entry.length_s or 0) + more_s
        entry.set_left(left_s, self._clockwork.now())
        await self._clockwork.add(entry)
        return self._reply("added", length=self._wording.length(more_s), left=self._wording.length(left_s))

    def _remaining(self, intent: Intent) -> Reply:
        timers = self._clockwork.timers()
        name = _name(intent)
        found = [entry for entry in timers if entry is self._find(timers, name)] if name else list(timers)
        if not found:
            return self._none(intent, "none")
        now = self._clockwork.now()
        parts = [
            self._wording.say("left", left=self._wording.length(entry.left_s(now)), name=self._wording.of(entry, now))
            for entry in found[:_MOST_SAID]
        ]
        return Reply(" ".join(parts))

    async def _cancel(self, intent: Intent, entries: Sequence[Entry], none: str, done: str) -> Reply:
        name = _name(intent)
        if not name and self._clockwork.just_silenced:
            await self._clockwork.silence()
            return self._reply("stopped")
        entry = self._chosen(intent, entries)
        if entry is None:
            return self._none(intent, none)
        if len(entries) > 1 and not _says_which(intent):
            words = {self._called(other): other.id for other in entries[:_MOST_SAID]}
            question = Question("choice", "id", intent, choices=words)
            return Reply(self._wording.say("which", names=self._wording.listed(list(words))), expects_answer=question)
        await self._clockwork.cancel(entry)
        return self._reply(done, name=self._wording.of(entry, self._clockwork.now()))

    def _called(self, entry: Entry) -> str:
        """What one would say to choose it among others."""
        if entry.is_alarm:
            return self._wording.time(entry.alarm_at)
        return entry.name or self._wording.length(entry.length_s or 0)

    def _chosen(self, intent: Intent, entries: Sequence[Entry]) -> Entry | None:
        if (id := intent.slots.get("id")) is not None:
            return next((entry for entry in entries if entry.id == id), None)
        if (length_s := spoken.duration_s(intent.slots)) is not None:
            return next((entry for entry in entries if entry.length_s == length_s), None)
        time = spoken.clock_time(intent.slots, self._wording.language)
        if time is not None:
            return next((entry for entry in entries if _rings_at(entry, time)), None)
        return self._find(entries, _name(intent))

    async def _cancel_all(self, entries: Sequence[Entry], none: str, done: str) -> Reply:
        if not entries:
            if self._clockwork.just_silenced:
                await self._clockwork.silence()
                return self._reply("stopped")
            return self._reply(none)
        for entry in entries:
            await self._clockwork.cancel(entry)
        return self._reply(done, count=len(entries))

    async def _set_alarm(self, intent: Intent) -> Reply:
        time = spoken.clock_time(intent.slots, self._wording.language)
        if time is None:
            question = Question("time", "time", intent)
            return Reply(self._wording.say("what_time"), expects_answer=question)
        await self._take_back(intent)
        if self._clockwork.full:
            return self._reply("full", count=self._clockwork.limit)
        days = intent.slots.get("days")
        mask = days if isinstance(days, int) else 0
        moment = _moment(intent, time, mask, self._clockwork.now())
        entry = Entry(name=_name(intent), at_local=moment.replace(tzinfo=None).isoformat(), days=mask)
        await self._clockwork.add(entry)
        now = self._clockwork.now()
        return self._reply("alarm_set", time=self._wording.time(entry.alarm_at), day=self._wording.day(entry, now))

    def _alarms(self) -> Reply:
        now = self._clockwork.now()
        names = [self._wording.of(entry, now) for entry in self._clockwork.alarms()[:_MOST_SAID]]
        return self._reply("alarms", names=self._wording.listed(names)) if names else self._reply("no_alarm")

    def _find(self, entries: Sequence[Entry], name: str) -> Entry | None:
        """The entry of that name or nearly; without a name the next to ring."""
        if not name:
            return entries[0] if entries else None
        near = get_close_matches(name.casefold(), [entry.name.casefold() for entry in entries], n=1, cutoff=0.6)
        return next((entry for entry in entries if near and entry.name.casefold() == near[0]), None)

    def _none(self, intent: Intent, none: str) -> Reply:
        name = _name(intent)
        return self._reply("none_named", name=name) if name and none == "none" else self._reply(none)


def _name(intent: Intent) -> str:
    return str(intent.slots.get("name", "")).strip()


def _says_which(intent: Intent) -> bool:
    return bool(set(intent.slots) - {"day_offset"})


def _rings_at(entry: Entry, time: spoken.ClockTime) -> bool:
    hours = (time.hour,) if time.exact else (time.hour % 12, time.hour % 12 + 12)
    return entry.is_alarm and entry.alarm_at.hour in hours and entry.alarm_at.minute == time.minute


def _moment(intent: Intent, time: spoken.ClockTime, days: int, now: datetime) -> datetime:
    """When an alarm rings first. Without a half of the day: in the morning, unless it is for today."""
    offset, weekday = intent.slots.get("day_offset"), intent.slots.get("weekday")
    if not days and not isinstance(weekday, int) and offset in (None, 0):
        return spoken.next_time(time, now)
    hour = time.hour if time.exact else time.hour % 12
    moment = now.replace(hour=hour, minute=time.minute, second=0, microsecond=0, tzinfo=None)
    if isinstance(offset, int):
        return (moment + timedelta(days=offset)).astimezone()
    mask = days or (1 << weekday if isinstance(weekday, int) else 127)
    while moment <= now.replace(tzinfo=None) or not mask >> moment.weekday() & 1:
        moment += timedelta(days=1)
    return moment.astimezone()
