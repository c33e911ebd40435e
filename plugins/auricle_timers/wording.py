"""How timers and alarms are spoken of, in every language that there is."""

from datetime import datetime, timedelta
from types import ModuleType

from auricle.api import spoken
from auricle_timers import english, french, german, spanish
from auricle_timers.book import Entry

LANGUAGES: dict[str, ModuleType] = {"en": english, "de": german, "fr": french, "es": spanish}

_SETS = {127: "daily", 31: "weekdays", 96: "weekend"}


class Wording:
    """One language."""

    def __init__(self, language: str) -> None:
        self.language = language.split("-")[0] if language.split("-")[0] in LANGUAGES else "en"
        self._module = LANGUAGES[self.language]

    def say(self, text: str, **parts: object) -> str:
        sentence = str(self._module.WORDS[text]).format(**parts)
        return sentence[:1].upper() + sentence[1:]

    def length(self, seconds: float) -> str:
        return spoken.duration_words(seconds, self.language)

    def listed(self, names: list[str]) -> str:
        return spoken.listed(names, self.language)

    def of(self, entry: Entry, now: datetime) -> str:
        """What an entry is called, as in `{left} left on the pasta timer`."""
        words = self._module.WORDS
        if entry.is_alarm:
            return str(words["alarm"]).format(time=self.time(entry.alarm_at), day=self.day(entry, now))
        if entry.name:
            return str(words["one"]).format(name=entry.name)
        return str(words["unnamed"]).format(length=self.length(entry.length_s or 0))

    def time(self, moment: datetime) -> str:
        return spoken.time_words(moment, self.language)

    def day(self, entry: Entry, now: datetime) -> str:
        """` tomorrow`, ` on Friday`, ` every day`; empty for today."""
        words = self._module.WORDS
        if entry.days in _SETS:
            return str(words["every"]).format(days=words[_SETS[entry.days]])
        if entry.days:
            names = [
                self._module.EVERY.format(day=day) for bit, day in enumerate(self._days()) if entry.days >> bit & 1
            ]
            return str(words["every"]).format(days=self.listed(names))
        date = entry.alarm_at.date()
        if date == now.date():
            return str(words["today"])
        if date == (now + timedelta(days=1)).date():
            return str(words["tomorrow"])
        return str(words["on_day"]).format(day=self._days()[date.weekday()])

    def _days(self) -> tuple[str, ...]:
        return tuple(self._module.DAYS)
