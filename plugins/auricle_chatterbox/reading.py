"""Rules by which written things are read aloud, language by language where the rule has words of its own."""

import re

from auricle_chatterbox.lexicon import (
    ABBREVIATIONS,
    CURRENCIES,
    DECIMAL_COMMA,
    MINUS,
    MONTHS,
    NUMERO,
    O_CLOCK,
    SYMBOLS,
    TO,
    UNITS,
)
from auricle_chatterbox.numbers import cardinal, has_words, ordinal, year

_ISO_DATE = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")
_DOTTED_DATE = re.compile(r"\b(\d{1,2})\.(\d{1,2})\.(\d{4})\b")
_SLASHED_DATE = re.compile(r"\b(\d{1,2})/(\d{1,2})/(\d{4})\b")
_TIME = re.compile(
    r"\b([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?(?:\s*([AaPp])(?:\.\s?[Mm]\.|[Mm]\b))?(?:\s*(Uhr|Std)\b\.?)?"
)
_HOUR = re.compile(r"\b(1[0-2]|[1-9])\s?([AaPp])(?:\.\s?[Mm]\.|[Mm]\b)")
_URL = re.compile(r"\b(?:https?://|www\.)([^\s<>\"]+)", re.IGNORECASE)
_MAIL = re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b")
_RANGE = re.compile(r"(?<![\w.,-])(\d{1,6})\s?[-–]\s?(\d{1,6})(?![\w-]|[.,]\d)")
_ORDINAL = re.compile(r"\b(\d{1,6})(?:st|nd|rd|th)\b")
_FRACTIONS = {"1/2": "one half", "1/3": "one third", "2/3": "two thirds", "1/4": "one quarter", "3/4": "three quarters"}
_NUMBER = r"\d{1,3}(?:[,.\u202f' ]\d{3})+(?:[.,]\d+)?|\d+(?:[.,]\d+)?"


def read_addresses(text: str, language: str) -> str:
    """Links and mail addresses: a rough reading is better than slashes."""
    at = "at" if language == "en" else "@"

    def link(match: re.Match[str]) -> str:
        words = re.split(r"[/?&=#_%+:-]+", match[1].rstrip(".,;:!?)"))
        return " ".join(words).replace(".", f" {_dot(language)} ")

    text = _URL.sub(link, text)
    return _MAIL.sub(lambda match: match[0].replace("@", f" {at} ").replace(".", f" {_dot(language)} "), text)


def read_abbreviations(text: str, language: str) -> str:
    for pattern, words in ABBREVIATIONS.get(language, ()):
        text = pattern.sub(words, text)
    return text


def read_dates(text: str, language: str) -> str:
    """2026-11-23 and, day first but in English, 23.11.2026 and 23/11/2026. Impossible dates stay numbers."""
    if language not in MONTHS or not has_words(language):
        return text
    text = _ISO_DATE.sub(lambda match: _date(match, match[1], match[2], match[3], language), text)
    text = _DOTTED_DATE.sub(lambda match: _date(match, match[3], match[2], match[1], language), text)
    first, second = (1, 2) if language == "en" else (2, 1)
    text = _SLASHED_DATE.sub(lambda match: _date(match, match[3], match[first], match[second], language), text)
    if language != "en":
        return text
    names = "|".join(MONTHS["en"])
    day_after = rf"\b({names}) (\d{{1,2}})(?:st|nd|rd|th)?\b(?:, (\d{{4}})\b)?"
    return re.sub(day_after, lambda match: _named_date(match, language), text)


def read_times(text: str, language: str) -> str:
    """3:30 pm, 15:05, 7 am."""
    if not has_words(language):
        return text
    text = _TIME.sub(lambda match: _time(match, language), text)
    if language != "en":
        return text
    return _HOUR.sub(lambda match: f"{cardinal(match[1], language)} {match[2].lower()} m", text)


def read_numbers(text: str, language: str) -> str:
    """All numbers that are left, with the units and currencies beside them; then single signs."""
    if language == "en":
        for fraction, words in _FRACTIONS.items():
            text = re.sub(rf"(?<![\d/]){fraction}(?![\d/])", words, text)
        text = _ORDINAL.sub(lambda match: ordinal(int(match[1]), language), text)
    text = _RANGE.sub(rf"\1 {TO.get(language, '-')} \2", text)
    text = re.sub(r"#(?=\d)", f"{NUMERO.get(language, '')} ", text)
    text = re.sub(r"(?<![\w.,])[-−](?=\d)", f"{MINUS.get(language, '-')} ", text)
    text = _currencies(text, language)
    text = _units(text, language)
    text = re.sub(_NUMBER, lambda match: f" {cardinal(_plain_number(match[0], language), language)} ", text)
    for sign, words in SYMBOLS.get(language, {}).items():
        text = text.replace(sign, f" {words} ")
    return re.sub(r"\s+([.,;:!?%)])", r"\1", text)


def _currencies(text: str, language: str) -> str:
    for sign, forms in CURRENCIES.get(language, {}).items():
        mark = re.escape(sign)

        def said(match: re.Match[str], forms: tuple[str, str] = forms) -> str:
            whole, _, cents = _plain_number(match["before"] or match["after"], language).partition(".")
            words = f"{cardinal(whole, language)} {forms[0] if whole == '1' else forms[1]}"
            cents = cents[:2].ljust(2, "0") if cents else "00"
            return words if cents == "00" else f"{words} {cardinal(cents.lstrip('0'), language)}"

        text = re.sub(rf"{mark}\s?(?P<before>{_NUMBER})|\b(?P<after>{_NUMBER})\s?{mark}", said, text)
    return text


def _units(text: str, language: str) -> str:
    """Units directly after a number; the longest that fits."""
    units = UNITS.get(language)
    if not units:
        return text
    names = "|".join(re.escape(unit) for unit in sorted(units, key=len, reverse=True))

    def said(match: re.Match[str]) -> str:
        number = _plain_number(match[1], language)
        one, many = units[match[2]]
        return f"{cardinal(number, language)} {one if number == '1' else many}"

    return re.sub(rf"\b({_NUMBER})\s?({names})(?![\w²³/])", said, text)


def _plain_number(written: str, language: str) -> str:
    """Digits with a point before decimals, of a number as the language writes it."""
    decimal, group = (",", ".") if language in DECIMAL_COMMA else (".", ",")
    plain = re.sub(r"[\u202f' ]", "", written)
    if re.fullmatch(rf"\d{{1,3}}(?:\{group}\d{{3}})+(?:\{decimal}\d+)?", plain):
        plain = plain.replace(group, "")
    # A point where a comma is usual is a decimal point all the same, as programs write it.
    plain = plain.replace(",", ".") if plain.count(",") + plain.count(".") == 1 else plain.replace(decimal, ".")
    return plain if plain.count(".") <= 1 else plain.replace(".", "")


def _date(match: re.Match[str], of_year: str, of_month: str, of_day: str, language: str) -> str:
    month, day = int(of_month), int(of_day)
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return match[0]
    name, said_year = MONTHS[language][month - 1], year(int(of_year), language)
    match language:
        case "en":
            return f"{name} {ordinal(day, language)}, {said_year}"
        case "de":
            return f"{ordinal(day, language)}r {name} {said_year}"
        case "fr":
            return f"{'premier' if day == 1 else cardinal(str(day), language)} {name} {said_year}"
        case _:
            return f"{cardinal(str(day), language)} de {name} de {said_year}"


def _named_date(match: re.Match[str], language: str) -> str:
    if not 1 <= int(match[2]) <= 31:
        return match[0]
    rest = f", {year(int(match[3]), language)}" if match[3] else ""
    return f"{match[1]} {ordinal(int(match[2]), language)}{rest}"


def _time(match: re.Match[str], language: str) -> str:
    hour, minute, second = int(match[1]), int(match[2]), match[3]
    half = f" {match[4].lower()} m" if match[4] else ""
    words = cardinal(str(hour), language)
    tail = f" {cardinal(str(int(second)), language)}" if second else ""
    if language == "en":
        if minute == 0 and not second:
            return f"{words}{half}" if half else f"{words} {O_CLOCK if 1 <= hour <= 12 else 'hundred'}"
        return f"{words} {'oh ' if minute < 10 else ''}{cardinal(str(minute), language)}{tail}{half}"
    between = {"de": " Uhr ", "fr": " heures " if hour > 1 else " heure "}.get(language, " ")
    said = f"{words}{between}{cardinal(str(minute), language) if minute else ''}{tail}".rstrip()
    return said.replace("eins Uhr", "ein Uhr") + half


def _dot(language: str) -> str:
    return {"en": "dot", "de": "Punkt", "fr": "point", "es": "punto"}.get(language, " ")
