"""Time, day, date, year and week, spoken as words so that every voice reads them right."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal, Protocol

from msgspec import Meta

from auricle.api import Intent, PluginConfig, PluginContext, Reply, Sentences, Turn, hookimpl
from auricle_clock import english, german


class Clock:
    """Answers from `context.now()`: the local time of this machine."""

    class Config(PluginConfig, frozen=True, kw_only=True):
        """The clock's keys."""

        hours: Annotated[
            Literal[12, 24] | None,
            Meta(description="12 or 24; none is the language's own: 12 in English, 24 in German."),
        ] = None

    def __init__(self, context: PluginContext, config: Config) -> None:
        self._context = context
        self._hours = config.hours

    @hookimpl
    def auricle_sentences(self) -> Mapping[str, Sentences]:
        return {"en": english.SENTENCES, "de": german.SENTENCES}

    @hookimpl
    def auricle_handle(self, intent: Intent, turn: Turn) -> Reply | None:
        if intent.plugin != self._context.name:
            return None
        words = _words(turn.language or self._context.language)
        now = self._context.now()
        day = intent.slots.get("day", 0)
        offset = day if isinstance(day, int) else 0
        date = now.date() + timedelta(days=offset)
        match intent.name:
            case "time":
                return Reply(words.time(now.hour, now.minute, self._hours or words.HOURS))
            case "weekday":
                return Reply(words.weekday(date.weekday(), offset))
            case "date":
                return Reply(words.date(date.weekday(), date.day, date.month, offset))
            case "year":
                return Reply(words.year(now.year))
            case "week":
                return Reply(words.week(now.isocalendar().week))
            case _:
                return None


class _Words(Protocol):
    HOURS: Literal[12, 24]

    def time(self, hour: int, minute: int, hours: int) -> str: ...
    def weekday(self, weekday: int, offset: int) -> str: ...
    def date(self, weekday: int, day: int, month: int, offset: int) -> str: ...
    def year(self, year: int) -> str: ...
    def week(self, week: int) -> str: ...


def _words(language: str) -> _Words:
    return german if language.split("-")[0] == "de" else english
