"""Durations and times of day as people say them: pieces of sentence templates, their meaning, and their wording."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from auricle.api.plugin import Sentences
from auricle.api.spoken_words import WORDS, Words


@dataclass(frozen=True, slots=True)
class ClockTime:
    """A time of day as it was said."""

    hour: int
    """0 to 23; 0 to 12 where `half` is open."""
    minute: int
    exact: bool
    """False where it may be in either half of the day, as "at seven" in English."""

    @property
    def text(self) -> str:
        return f"{self.hour:02}:{self.minute:02}"


def with_durations(sentences: Sentences, language: str) -> Sentences:
    """Return the sentences, with the rule `<duration>` for their templates: "five minutes", "an hour and a half"."""
    words = _words(language)
    return _with(sentences, words.duration_lists, words.duration_ranges, words.duration_rules)


def with_clock_times(sentences: Sentences, language: str) -> Sentences:
    """Return the sentences, with the rule `<clock_time>` for their templates: "seven thirty", "half past six"."""
    words = _words(language)
    return _with(sentences, words.time_lists, words.time_ranges, words.time_rules)


def duration_s(slots: Mapping[str, object]) -> int | None:
    """Whole seconds of what `<duration>` filled; None if it filled nothing. A `duration_s` slot is taken as it is."""
    parts = {
        "duration_s": 1,
        "whole_duration": 1,
        "half_hour": 1,
        "half_minute": 1,
        "hours": 3600,
        "minutes": 60,
        "seconds": 1,
    }
    found = [_number(slots[name]) * factor for name, factor in parts.items() if name in slots]
    return sum(found) if found else None


def clock_time(slots: Mapping[str, object], language: str) -> ClockTime | None:
    """What `<clock_time>` filled; None if it filled nothing. A `time` slot of `HH:MM` is taken as it is."""
    given = slots.get("time")
    if isinstance(given, str) and ":" in given:
        hours, _, rest = given.partition(":")
        return ClockTime(int(hours), int(rest), True)
    if "whole_time" in slots:
        return ClockTime(_number(slots["whole_time"]), 0, True)
    if "hour" not in slots:
        return None
    minutes = _number(slots["hour"]) * 60 + _number(slots.get("minute", 0)) + _number(slots.get("quarter", 0))
    if "past_or_to" in slots:
        minutes += _number(slots["past_or_to"]) * _number(slots.get("minutes_off", 0))
    half = slots.get("half_day")
    if half is not None:
        minutes = minutes % 720 + (720 if half == "pm" else 0)
    hour, minute = divmod(minutes % 1440, 60)
    exact = half is not None or hour > 12 or hour == 0 or not _words(language).twelve_hours
    return ClockTime(hour, minute, exact)


def next_time(time: ClockTime, now: datetime) -> datetime:
    """The next moment after `now` at which a clock shows that time, in either half of the day where that is open."""
    hours = (time.hour,) if time.exact else (time.hour % 12, time.hour % 12 + 12)
    today = now.replace(minute=time.minute, second=0, microsecond=0, tzinfo=None)
    moments = [today.replace(hour=hour) + timedelta(days=days) for days in (0, 1) for hour in hours]
    return min(moment.astimezone() for moment in moments if moment > now.replace(tzinfo=None))


def duration_words(seconds: float, language: str) -> str:
    """`1 hour and 30 minutes`; whole seconds, seconds left out from an hour on."""
    words = _words(language)
    left = max(0, round(seconds))
    if left >= 3600:
        left = round(left / 60) * 60
    parts = []
    for size, (one, many) in zip((86_400, 3_600, 60, 1), words.units, strict=True):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {one if count == 1 else many}")
    if not parts:
        return f"0 {words.units[3][1]}"
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {words.joined} {parts[-1]}"


def time_words(moment: datetime, language: str) -> str:
    """`7:30 AM` or `7 Uhr 30`, as the language has it."""
    return _words(language).time(moment.hour, moment.minute)


def listed(names: list[str], language: str) -> str:
    """`a, b and c`."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {_words(language).joined} {names[-1]}"


def _words(language: str) -> Words:
    return WORDS.get(language.split("-")[0], WORDS["en"])


def _number(value: object) -> int:
    return int(value) if isinstance(value, int | float | str) else 0


def _with(
    sentences: Sentences,
    lists: Mapping[str, Mapping[str, object]],
    ranges: Mapping[str, tuple[int, int]],
    rules: Mapping[str, str],
) -> Sentences:
    return Sentences(
        intents=sentences.intents,
        lists={**lists, **sentences.lists},
        ranges={**ranges, **sentences.ranges},
        wildcards=sentences.wildcards,
        expansion_rules={**rules, **sentences.expansion_rules},
        required=sentences.required,
        risky=sentences.risky,
    )
