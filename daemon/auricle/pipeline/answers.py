"""What somebody answered to a question, and what they changed about the command before: words in, values out."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from rapidfuzz import fuzz

from auricle.api import Intent, Question, Sentences
from auricle.api.spoken import clock_time, duration_s, next_time, with_clock_times, with_durations
from auricle.pipeline import wording
from auricle.pipeline.dialogue_words import words_of

if TYPE_CHECKING:
    from auricle.pipeline.sentences import Grammar

LIKE_CHOICE = 80.0
"""How alike, of 100, a misheard choice must be; and the next one 10 less."""
_SLOT = re.compile(r"\{(\w+)(?::(\w+))?\}")
_DURATION_SLOTS = frozenset("hours minutes seconds whole_duration half_hour half_minute duration_s".split())
_TIME_SLOTS = frozenset("hour minute whole_time half_day quarter past_or_to minutes_off time".split())
_FAMILIES = {"duration": _DURATION_SLOTS, "clock_time": _TIME_SLOTS, "when": _TIME_SLOTS}


def ends_dialogue(text: str, language: str) -> bool:
    """Whether it says "never mind"."""
    return _plain(text, language) in words_of(language).never_mind


def answer(question: Question, text: str, language: str, now: Callable[[], datetime]) -> object | None:
    """The value that answers `question`, or None. Of "five, no, ten" the last counts."""
    plain = _plain(text, language)
    for part in (plain, *reversed(_corrected(plain, language))):
        value = _value(question, part, language, now)
        if value is not None:
            return value
    return None


def follow_up(before: Intent, text: str, language: str, sentences: Sentences) -> Intent | None:
    """What `text` makes of the command before: "no, ten minutes" corrects it, "and in the kitchen" goes on from it."""
    grammar = _follow_ups(_Key(language, before.name, sentences))
    found = grammar.match(_plain(text, language)) if grammar is not None else None
    if found is None:
        return None
    kind, _, family = found.name.partition(" ")
    gone = _FAMILIES.get(family, frozenset(found.slots))
    slots = {name: value for name, value in before.slots.items() if name not in gone}
    return replace(
        before,
        slots={**slots, **found.slots},
        text=text,
        score=1.0,
        corrects=replace(before, corrects=None) if kind == "corrects" else None,
    )


def _value(question: Question, plain: str, language: str, now: Callable[[], datetime]) -> object | None:
    words = words_of(language)
    match question.kind:
        case "text":
            return plain or None
        case "yes_no":
            bare = wording.without_politeness(plain, language) or plain
            return True if plain in words.yes or bare in words.yes else False if bare in words.no else None
        case "choice":
            return _choice(question.choices, plain)
        case "number":
            found = _numbers(language, question.lowest, question.highest).match(plain)
            return found.slots["number"] if found is not None else None
        case "duration":
            found = _durations(language).match(plain)
            return duration_s(found.slots) if found is not None else None
        case "time":
            found = _times(language).match(plain)
            time = clock_time(found.slots, language) if found is not None else None
            return f"{next_time(time, now()):%H:%M}" if time is not None else None


def _choice(choices: Mapping[str, object], plain: str) -> object | None:
    """The one choice that is named in what was said, word for word, or that all of it is much like."""
    keys = {wording.key(words): value for words, value in choices.items()}
    said = f" {wording.key(plain)} "
    named = [words for words in keys if f" {words} " in said]
    longest = [words for words in named if not any(words != other and words in other for other in named)]
    if len(longest) == 1:
        return keys[longest[0]]
    alike = sorted(((fuzz.ratio(words, said.strip()), words) for words in keys), reverse=True)
    if alike and alike[0][0] >= LIKE_CHOICE and (len(alike) == 1 or alike[0][0] - alike[1][0] >= 10):
        return keys[alike[0][1]]
    return None


def _plain(text: str, language: str) -> str:
    return wording.spoken(text, language).replace(",", " ").lower().strip()


def _corrected(plain: str, language: str) -> list[str]:
    """Parts of "five minutes no ten minutes"."""
    parts = re.split(rf"\b(?:{'|'.join(words_of(language).no[:2])}|actually|sorry|i mean|i meant)\b", plain)
    return [part.strip() for part in parts if part.strip()] if len(parts) > 1 else []


def _around(template: str, language: str) -> tuple[str, ...]:
    words = words_of(language)
    return (f"[{words.before}] {template} [{words.after}]",)


@lru_cache(16)
def _numbers(language: str, lowest: int, highest: int) -> "Grammar":
    return _grammar(language, Sentences({"n": _around("{number}", language)}, ranges={"number": (lowest, highest)}))


@lru_cache(8)
def _durations(language: str) -> "Grammar":
    return _grammar(language, with_durations(Sentences({"n": _around("<duration>", language)}), language))


@lru_cache(8)
def _times(language: str) -> "Grammar":
    return _grammar(language, with_clock_times(Sentences({"n": _around("<clock_time>", language)}), language))


class _Key:
    """A plugin's sentences as a key: the same object is the same key."""

    def __init__(self, language: str, intent: str, sentences: Sentences) -> None:
        self.language, self.intent, self.sentences = language, intent, sentences

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash(self._parts())

    def _parts(self) -> tuple[str, str, int]:
        return self.language, self.intent, id(self.sentences)


@lru_cache(64)
def _follow_ups(key: _Key) -> "Grammar | None":
    """All that may change a slot of an intent; None where it has no slot to change."""
    own, words = key.sentences, words_of(key.language)
    templates = " ".join(own.intents.get(key.intent, ()))
    used = _rules_in(templates, own)
    slots = {
        (found[1], found[2] or found[1])
        for text in (templates, *(own.expansion_rules[rule] for rule in used if rule not in _FAMILIES))
        for found in _SLOT.finditer(text)
        if found[1] not in own.wildcards
    }
    parts = {
        "": [f"{{{words_}:{slot}}}" for words_, slot in sorted(slots) if slot not in _DURATION_SLOTS | _TIME_SLOTS]
    }
    parts |= {rule: [f"<{rule}>"] for rule in _FAMILIES if rule in used}
    intents = {
        f"{kind} {family}": tuple(f"({lead}) [{words.before}] [the|a|an|my] {part} [{words.after}]" for part in texts)
        for family, texts in parts.items()
        for kind, lead in (("corrects", words.correction), ("context", words.context))
        if texts
    }
    return _grammar(key.language, replace(own, intents=intents, required={}, risky={})) if intents else None


def _rules_in(text: str, own: Sentences) -> set[str]:
    """Rules that a template uses, and those that they use."""
    found: set[str] = set()
    todo = [text]
    while todo:
        for rule in re.findall(r"<(\w+)>", todo.pop()):
            if rule in own.expansion_rules and rule not in found:
                found.add(rule)
                todo.append(own.expansion_rules[rule])
    return found


def choices_of(words: Mapping[str, object]) -> Mapping[str, object]:
    """A list's words, each spelling by itself: `(big|large)` is two."""
    from auricle.pipeline.sentences import spellings

    return {spelling: value for template, value in words.items() for spelling in spellings(template)}


def _grammar(language: str, sentences: Sentences) -> "Grammar":
    from auricle.pipeline.sentences import Grammar  # 12 MB that `--help` need not load

    return Grammar(language, {"dialogue": sentences}, lambda plugin, text: None)
