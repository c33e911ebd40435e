"""Text as it is to be said: times, dates, numbers, units and abbreviations in words, then cut into pieces.

The model reads "3:30 pm" as "3,30 pm" and digits as it likes, so nothing of the kind is left to it.
"""

import re
import unicodedata

from auricle_chatterbox.numbers import has_words
from auricle_chatterbox.reading import read_abbreviations, read_addresses, read_dates, read_numbers, read_times

LONGEST = 220
"""Characters of a piece; beyond 350 the model babbles, beyond 40 s it is cut off."""
FEWEST_WORDS = 3
"""Shorter pieces are said with a neighbour: alone, the model makes things up."""
_SPACE = re.compile(r"\s+")
_UNSPOKEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_PICTOGRAPHS = 0x2190
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|(?<=[。！？])")
_CLAUSE_END = re.compile(r"(?<=[,;:–—，、；])\s*")


def spoken(text: str, language: str) -> str:
    """The text in words; empty when there are none. language: ISO 639-1; numbers stay digits where it is unknown."""
    plain = _plain(text)
    for read in (read_addresses, read_abbreviations, read_dates, read_times):
        plain = read(plain, language)
    if has_words(language):
        plain = read_numbers(plain, language)
    plain = " ".join(plain.split())
    return plain if any(character.isalnum() for character in plain) else ""


def pieces(text: str, *, longest: int = LONGEST) -> list[str]:
    """Sentences, none over `longest` characters and, where it can be, none under FEWEST_WORDS; nothing is lost."""
    found: list[str] = []
    for sentence in _SENTENCE_END.split(text):
        for part in _fitted(sentence.strip(), longest):
            if found and _belongs(found[-1], part, longest):
                found[-1] = f"{found[-1]} {part}"
            else:
                found.append(part)
    return found


def halves(text: str) -> list[str]:
    """A piece as two of about the same length, cut at a clause if one ends near the middle, else between words."""
    middle = len(text) / 2
    for pattern in (_CLAUSE_END, _SPACE):
        cuts = [cut.end() for cut in pattern.finditer(text) if len(text) / 4 <= cut.start() <= len(text) * 3 / 4]
        if cuts:
            cut = min(cuts, key=lambda end: abs(end - middle))
            return [text[:cut].strip(), text[cut:].strip()]
    return [text]


def _belongs(before: str, part: str, longest: int) -> bool:
    """Whether a part is said together with the one before: either of the two is too short alone."""
    short = min(len(before.split()), len(part.split())) < FEWEST_WORDS
    return short and len(before) + 1 + len(part) <= longest


def _fitted(sentence: str, longest: int) -> list[str]:
    """Cut at clauses, else between words, else anywhere."""
    if not any(character.isalnum() for character in sentence):
        return []
    parts: list[str] = []
    for clause in _CLAUSE_END.split(sentence) if len(sentence) > longest else [sentence]:
        for word in _words(clause, longest):
            if parts and len(parts[-1]) + 1 + len(word) <= longest:
                parts[-1] = f"{parts[-1]} {word}"
            else:
                parts.append(word)
    return parts


def _words(clause: str, longest: int) -> list[str]:
    if len(clause) <= longest:
        return [clause] if clause else []
    return [word[at : at + longest] for word in clause.split() for at in range(0, len(word), longest)]


def _plain(text: str) -> str:
    """Without what cannot be spoken."""
    kept = []
    for character in unicodedata.normalize("NFC", text):
        category = unicodedata.category(character)
        pictograph = category in ("So", "Sk", "Me") and ord(character) >= _PICTOGRAPHS
        if category in _UNSPOKEN or pictograph or 0xFE00 <= ord(character) <= 0xFE0F:
            kept.append(" " if category in ("Cc", "Zl", "Zp") or pictograph else "")
        else:
            kept.append(character)
    return re.sub(r"<[^<>]{0,80}>", " ", " ".join("".join(kept).split()))
