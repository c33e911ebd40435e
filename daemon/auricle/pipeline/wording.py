"""Words as people, templates and Whisper write them, brought to one form."""

import re
import unicodedata
from collections.abc import Mapping
from functools import cache

PERCENT: Mapping[str, str] = {"en": "percent", "de": "prozent", "fr": "pour cent", "es": "por ciento", "nl": "procent"}
DEGREES: Mapping[str, str] = {"en": "degrees", "de": "grad", "fr": "degrés", "es": "grados", "nl": "graden"}
POLITE: Mapping[str, tuple[str, ...]] = {
    "en": ("please", "hey", "okay", "ok", "um", "uh"),
    "de": ("bitte", "hey", "okay", "ok", "äh", "ähm"),
    "fr": ("s'il te plaît", "s'il vous plaît", "s'il te plait", "s'il vous plait", "euh"),
    "es": ("por favor", "oye", "eh"),
}
"""Words that say nothing about what is wanted: sentences match with them and without."""
FILLERS: Mapping[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "en": "a an the my please um uh oh hey ok okay so well just now",
        "de": "der die das den dem des ein eine einen einem mal bitte äh ähm so doch jetzt",
        "fr": "le la les l un une du de des euh alors",
        "es": "el la los las un una eh oye ahora",
    }.items()
}
"""Words that a transcript may have lost or gained without meaning something else."""

_QUOTES = str.maketrans(
    {"’": "'", "‘": "'", "`": "'", "´": "'", "“": " ", "”": " ", "„": " ", '"': " ", "«": " ", "»": " ", "−": "-"}
)
_PUNCTUATION = r"[.,!?;:…¿¡()\[\]]"
_AT_WORD_END = re.compile(rf"{_PUNCTUATION}+(?=\s|$)|(?<!\S){_PUNCTUATION}+|(?<=\s)[-–—]+(?=\s)|[–—]")
_CLOCK = re.compile(r"(?<=\d):(?=\d\d\b)")
_GERMAN_CLOCK = re.compile(r"(?<=\d)\.(?=\d\d uhr\b)", re.IGNORECASE)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}\b)")
_COMPOUND = re.compile(r"-(?=(?:second|minute|hour|day)s?\b)", re.IGNORECASE)
_SPACES = re.compile(r"\s+")
_KEY = re.compile(r"[^\w#]+")

_TEMPLATE_CLOCK = re.compile(r"(?<=[\d}]):(?=[\d{])")
_TEMPLATE_MARKS = re.compile(r"[?!¿¡…]|[.,](?=$|[\s)\]|])")


def family(language: str) -> str:
    """`de` of `de-AT`."""
    return language.split("-")[0].lower()


def spoken(text: str, language: str) -> str:
    """A transcript without the marks of writing: `It's 7:30, 20 %!` becomes `It's 7 30 20 percent`. Case is kept."""
    text = unicodedata.normalize("NFC", text).translate(_QUOTES)
    text = _CLOCK.sub(" ", text)
    if family(language) == "de":
        text = _GERMAN_CLOCK.sub(" ", text)
    if family(language) == "en":
        text = _COMPOUND.sub(" ", _THOUSANDS.sub("", text))
    text = _AT_WORD_END.sub(" ", _signs(text, language))
    return _SPACES.sub(" ", text).strip()


def template(text: str, language: str) -> str:
    """A sentence template brought to the form of `spoken`; its syntax stays as it is."""
    text = _TEMPLATE_CLOCK.sub(" ", unicodedata.normalize("NFC", text))
    return _SPACES.sub(" ", _TEMPLATE_MARKS.sub("", _signs(text, language))).strip()


def key(text: str) -> str:
    """Text as it is compared for likeness: lower case, words only, apostrophes gone."""
    return _KEY.sub(" ", text.lower().replace("'", "")).strip()


def bare_ends(text: str, language: str) -> str:
    """`text` without the polite words that it begins and ends with."""
    if (polite := _polite(family(language))) is None:
        return text
    return re.sub(rf"^(?:{polite} )+|(?: {polite})+$", "", text, flags=re.IGNORECASE)


def without_politeness(text: str, language: str) -> str:
    """`text` without any polite words."""
    if (polite := _polite(family(language))) is None:
        return text
    return _SPACES.sub(" ", re.sub(rf"(?<!\S){polite}(?!\S)", " ", text, flags=re.IGNORECASE)).strip()


@cache
def _polite(language: str) -> str | None:
    words = POLITE.get(language)
    return f"(?:{'|'.join(map(re.escape, words))})" if words else None


def _signs(text: str, language: str) -> str:
    percent, degrees = PERCENT.get(family(language)), DEGREES.get(family(language))
    if percent is not None and "%" in text:
        text = re.sub(r"\s*%", f" {percent}", text)
    if degrees is not None and "°" in text:
        text = re.sub(r"\s*°\s?C\b", f" {degrees} celsius", text)
        text = re.sub(r"\s*°(\s?F\b)?", lambda found: f" {degrees}{' fahrenheit' if found[1] else ''}", text)
    return text
