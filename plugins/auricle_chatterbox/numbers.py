"""Numbers in words, by num2words; digits one by one where a number is no quantity."""

from num2words import CONVERTER_CLASSES, num2words

_MOST_DIGITS = 15
"""Longer than that is no quantity but a code."""


def has_words(language: str) -> bool:
    return language in CONVERTER_CLASSES


def cardinal(number: str, language: str) -> str:
    """number: digits, with a point before decimals if any, such as `3.50`."""
    whole, _, decimals = number.partition(".")
    if len(whole) > _MOST_DIGITS or (len(whole) > 1 and whole.startswith("0")):
        return " ".join(_word(digit, language) for digit in whole + decimals)
    if not decimals:
        return _word(whole, language)
    # As written, one digit after the other: 1.10 is no 1.1, and floats would make others of long ones.
    point = _word("0.5", language).split()
    between = point[1] if len(point) >= 3 else ","
    return f"{_word(whole, language)} {between} {' '.join(_word(digit, language) for digit in decimals)}"


def ordinal(number: int, language: str) -> str:
    """The cardinal, in languages without ordinals here."""
    return _converted(number, language, "ordinal") or cardinal(str(number), language)


def year(number: int, language: str) -> str:
    """As years are said: `twenty twenty-six`."""
    return _converted(number, language, "year") or cardinal(str(number), language)


def _word(number: str, language: str) -> str:
    value = float(number) if "." in number else int(number)
    return _converted(value, language, "cardinal") or number


def _converted(number: float, language: str, form: str) -> str:
    if not has_words(language):
        return ""
    try:
        said = str(num2words(number, lang=language, to=form))
    except (NotImplementedError, OverflowError, ValueError, TypeError, KeyError, IndexError):
        # num2words' converters differ in what they can do, and in how they say that they cannot.
        return ""
    return said.replace("-", " ") if language == "en" else said
