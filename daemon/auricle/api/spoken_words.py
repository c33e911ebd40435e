"""The words of durations and times of day, by language."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Lists = Mapping[str, Mapping[str, object]]
Ranges = Mapping[str, tuple[int, int]]
Rules = Mapping[str, str]

_DURATION_RANGES: Ranges = {"hours": (1, 99), "minutes": (1, 999), "seconds": (1, 9999)}
_TIME_RANGES: Ranges = {"hour": (0, 23), "minute": (0, 59), "minutes_off": (1, 29)}
_DURATION = (
    "({whole_duration}"
    "|<hours_said> [<and>] <minutes_said> [<and>] <seconds_said>"
    "|<hours_said> [<and>] <minutes_said>|<hours_said> [<and>] <seconds_said>|<hours_said>"
    "|<minutes_said> [<and>] <seconds_said>|<minutes_said>|<seconds_said>)"
)


@dataclass(frozen=True, slots=True)
class Words:
    """One language."""

    duration_lists: Lists
    duration_rules: Rules
    time_lists: Lists
    time_rules: Rules
    units: tuple[tuple[str, str], ...]
    """Day, hour, minute, second: one and many."""
    joined: str
    """Between the last two of a list."""
    time: Callable[[int, int], str]
    twelve_hours: bool = False
    duration_ranges: Ranges = field(default_factory=lambda: _DURATION_RANGES)
    time_ranges: Ranges = field(default_factory=lambda: _TIME_RANGES)


def _english(hour: int, minute: int) -> str:
    return f"{hour % 12 or 12}:{minute:02} {'AM' if hour < 12 else 'PM'}"


def _german(hour: int, minute: int) -> str:
    return f"{hour} Uhr{f' {minute}' if minute else ''}"


def _french(hour: int, minute: int) -> str:
    return f"{hour} heure{'s' if hour > 1 else ''}{f' {minute}' if minute else ''}"


def _spanish(hour: int, minute: int) -> str:
    return f"{'la' if hour == 1 else 'las'} {hour}{f' y {minute}' if minute else ' en punto'}"


WORDS: Mapping[str, Words] = {
    "en": Words(
        duration_lists={
            "whole_duration": {
                "half an hour": 1800,
                "(a|one) half hour": 1800,
                "[a] quarter of an hour": 900,
                "three quarters of an hour": 2700,
                "half a minute": 30,
            },
            "an_hour": {"an hour": 1},
            "a_minute": {"a minute": 1},
            "half_hour": {"and a half": 1800},
            "half_minute": {"and a half": 30},
        },
        duration_rules={
            "and": "and",
            "hours_said": (
                "({hours} hour[s]|{an_hour:hours}|{hours} {half_hour} hour[s]|{hours} hour[s] {half_hour}"
                "|{an_hour:hours} {half_hour})"
            ),
            "minutes_said": (
                "({minutes} minute[s]|{a_minute:minutes}|{minutes} {half_minute} minute[s]"
                "|{minutes} minute[s] {half_minute}|{a_minute:minutes} {half_minute})"
            ),
            "seconds_said": "{seconds} second[s]",
            "duration": _DURATION,
        },
        time_lists={
            "whole_time": {"(noon|midday)": 12, "midnight": 0},
            "half_day": {
                "(am|a.m|a m|in the morning)": "am",
                "(pm|p.m|p m|in the afternoon|in the evening|at night)": "pm",
            },
            "quarter": {"half past": 30, "[a] quarter past": 15, "[a] quarter to": -15},
            "past_or_to": {"[minutes] past": 1, "[minutes] to": -1},
        },
        time_rules={
            "clock_time": (
                "({whole_time}|{hour} [o'clock|oclock] [{half_day}]|{hour} [oh|o|zero] {minute} [{half_day}]"
                "|{quarter} {hour} [{half_day}]|{minutes_off} {past_or_to} {hour} [{half_day}])"
            )
        },
        units=(("day", "days"), ("hour", "hours"), ("minute", "minutes"), ("second", "seconds")),
        joined="and",
        time=_english,
        twelve_hours=True,
    ),
    "de": Words(
        duration_lists={
            "whole_duration": {
                "(eine|ne) halbe stunde": 1800,
                "(eine|ne) viertelstunde": 900,
                "(eine|ne) dreiviertelstunde": 2700,
                "(anderthalb|eineinhalb) stunden": 5400,
                "(anderthalb|eineinhalb) minuten": 90,
                "(eine|ne) halbe minute": 30,
            },
            "an_hour": {"(eine|einer|ne) stunde": 1},
            "a_minute": {"(eine|einer|ne) minute": 1},
        },
        duration_rules={
            "and": "und",
            "hours_said": "({hours} stunde[n]|{an_hour:hours})",
            "minutes_said": "({minutes} minute[n]|{a_minute:minutes})",
            "seconds_said": "{seconds} sekunde[n]",
            "duration": _DURATION,
        },
        time_lists={
            "whole_time": {"mittag[s]": 12, "mitternacht": 0},
            "half_day": {"(morgens|früh|vormittags)": "am", "(nachmittags|abends)": "pm"},
            "quarter": {"halb": -30, "viertel nach": 15, "viertel vor": -15, "dreiviertel": -15},
            "past_or_to": {"[minuten] nach": 1, "[minuten] vor": -1},
        },
        time_rules={
            "clock_time": (
                "({whole_time}|{hour} [uhr] [{half_day}]|{hour} [uhr] {minute} [uhr] [{half_day}]"
                "|{quarter} {hour} [uhr] [{half_day}]|{minutes_off} {past_or_to} {hour} [uhr] [{half_day}])"
            )
        },
        units=(("Tag", "Tage"), ("Stunde", "Stunden"), ("Minute", "Minuten"), ("Sekunde", "Sekunden")),
        joined="und",
        time=_german,
    ),
    "fr": Words(
        duration_lists={
            "whole_duration": {
                "une demi[-| ]heure": 1800,
                "un quart d'heure": 900,
                "trois quarts d'heure": 2700,
                "une heure et demie": 5400,
                "une minute et demie": 90,
            },
            "an_hour": {"une heure": 1},
            "a_minute": {"une minute": 1},
        },
        duration_rules={
            "and": "et",
            "hours_said": "({hours} heure[s]|{an_hour:hours})",
            "minutes_said": "({minutes} minute[s]|{a_minute:minutes})",
            "seconds_said": "{seconds} seconde[s]",
            "duration": _DURATION,
        },
        time_lists={
            "whole_time": {"midi": 12, "minuit": 0},
            "half_day": {"du matin": "am", "(de l'après-midi|du soir)": "pm"},
            "quarter": {"et demie": 30, "et quart": 15, "moins le quart": -15},
        },
        time_rules={
            "clock_time": (
                "({whole_time}|{hour} (heure|heures|h) [{half_day}]|{hour} (heure|heures|h| ) {minute} [{half_day}]"
                "|{hour} (heure|heures|h) {quarter} [{half_day}])"
            )
        },
        units=(("jour", "jours"), ("heure", "heures"), ("minute", "minutes"), ("seconde", "secondes")),
        joined="et",
        time=_french,
    ),
    "es": Words(
        duration_lists={
            "whole_duration": {
                "media hora": 1800,
                "un cuarto de hora": 900,
                "tres cuartos de hora": 2700,
                "[una] hora y media": 5400,
                "minuto y medio": 90,
            },
            "an_hour": {"una hora": 1},
            "a_minute": {"un minuto": 1},
        },
        duration_rules={
            "and": "y",
            "hours_said": "({hours} hora[s]|{an_hour:hours})",
            "minutes_said": "({minutes} minuto[s]|{a_minute:minutes})",
            "seconds_said": "{seconds} segundo[s]",
            "duration": _DURATION,
        },
        time_lists={
            "whole_time": {"mediodía": 12, "medianoche": 0},
            "half_day": {"de la mañana": "am", "(de la tarde|de la noche)": "pm"},
            "quarter": {"y media": 30, "y cuarto": 15, "menos cuarto": -15},
        },
        time_rules={
            "clock_time": (
                "({whole_time}|[las|la] {hour} [en punto] [{half_day}]|[las|la] {hour} [y] {minute} [{half_day}]"
                "|[las|la] {hour} {quarter} [{half_day}])"
            )
        },
        units=(("día", "días"), ("hora", "horas"), ("minuto", "minutos"), ("segundo", "segundos")),
        joined="y",
        time=_spanish,
    ),
}
