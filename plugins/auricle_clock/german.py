"""The clock in German."""

from typing import Literal

from auricle.api import Sentences

HOURS: Literal[12, 24] = 24

SENTENCES = Sentences(
    intents={
        "time": (
            "(wie spät|wieviel uhr|wie viel uhr) (ist es|haben wir) [<now>]",
            "(wie spät|wieviel uhr|wie viel uhr) es ist",
            "<tell> (wie spät|wieviel uhr|wie viel uhr) es ist",
            "wie ist die [genaue|aktuelle] uhrzeit",
            "(<tell> die|wie ist die|die|aktuelle) [aktuelle] (uhrzeit|zeit)",
        ),
        "weekday": (
            "(welcher|was für ein) [wochen]tag (ist|war|wird) [es|das] [{day}]",
            "(welchen|was für einen) [wochen]tag haben wir [{day}]",
            "{day} ist welcher [wochen]tag",
        ),
        "date": (
            "(welches datum|der wievielte|der wie vielte) (ist|war) [es|das] [{day}]",
            "(welches datum|den wievielten|den wie vielten) haben wir [{day}]",
            "(was|wie) ist das [heutige|aktuelle] datum [{day}]",
            "<tell> das [heutige|aktuelle] datum",
        ),
        "year": ("(welches jahr (ist es|haben wir)|in welchem jahr (sind|leben) wir) [<now>]",),
        "week": ("(welche [kalender]woche (ist es|haben wir)|in welcher [kalender]woche sind wir) [<now>]",),
    },
    lists={"day": {"heute": 0, "morgen": 1, "gestern": -1, "übermorgen": 2, "vorgestern": -2}},
    expansion_rules={
        "now": "(jetzt|gerade|denn|eigentlich|im moment)",
        "tell": "(sag mir|sage mir|nenn mir|nenne mir|kannst du mir sagen|weißt du)",
    },
)

_SMALL = [
    "null",
    "eins",
    "zwei",
    "drei",
    "vier",
    "fünf",
    "sechs",
    "sieben",
    "acht",
    "neun",
    "zehn",
    "elf",
    "zwölf",
    "dreizehn",
    "vierzehn",
    "fünfzehn",
    "sechzehn",
    "siebzehn",
    "achtzehn",
    "neunzehn",
]
_TENS = ["-", "-", "zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig"]
_IRREGULAR = {1: "erste", 3: "dritte", 7: "siebte", 8: "achte"}
_WEEKDAYS = ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"]
_MONTHS = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
]


def time(hour: int, minute: int, hours: int) -> str:
    """`Es ist jetzt fünfzehn Uhr zweiundvierzig.`"""
    part = ""
    if hours == 12:
        part = " nachts" if hour < 5 else " morgens" if hour < 12 else " nachmittags" if hour < 18 else " abends"
        hour = hour % 12 or 12
    spoken = "ein" if hour == 1 else number(hour)
    return f"Es ist jetzt {spoken} Uhr{f' {number(minute)}' if minute else ''}{part}."


def weekday(weekday: int, offset: int) -> str:
    return f"{_relative(offset)} {_WEEKDAYS[weekday]}."


def date(weekday: int, day: int, month: int, offset: int) -> str:
    return f"{_relative(offset)} {_WEEKDAYS[weekday]}, der {ordinal(day)} {_MONTHS[month - 1]}."


def year(year: int) -> str:
    century, rest = divmod(year, 100)
    if century == 20:
        spoken = "zweitausend" + (number(rest) if rest else "")
    else:
        spoken = f"{number(century)}hundert{number(rest) if rest else ''}"
    return f"Es ist das Jahr {spoken}."


def week(week: int) -> str:
    return f"Es ist Kalenderwoche {number(week)}."


def number(value: int) -> str:
    """0 to 99 in words."""
    if value < 20:
        return _SMALL[value]
    tens, ones = divmod(value, 10)
    if not ones:
        return _TENS[tens]
    return f"{'ein' if ones == 1 else _SMALL[ones]}und{_TENS[tens]}"


def ordinal(value: int) -> str:
    """1 to 31 as in `der dritte März`."""
    return _IRREGULAR.get(value) or f"{number(value)}{'te' if value < 20 else 'ste'}"


def _relative(offset: int) -> str:
    names = {-2: "Vorgestern war", -1: "Gestern war", 0: "Heute ist", 1: "Morgen ist", 2: "Übermorgen ist"}
    return names[offset]
