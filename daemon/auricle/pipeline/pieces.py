"""Text cut into pieces to be spoken one after the other: sentences, the first one short."""

import re
import textwrap

LONGEST = 220
FIRST_CLAUSE = (12, 90)
"""The first sentence is cut at a clause that ends within these characters, so that sound starts early."""
_SHORT = 60
"""Characters of a first sentence that is not cut."""
_ABBREVIATIONS = frozenset(
    ("mr", "mrs", "ms", "dr", "prof", "st", "vs", "etc", "e.g", "i.e", "fig", "approx", "jr", "sr", "inc", "ltd")
) | frozenset(("dept", "est", "min", "max", "u.s", "a.m", "p.m", "z.b", "bzw", "ca", "usw", "nr"))
_END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|\n+|(?<=[。！？])")
_CLAUSE = re.compile(r"(?<=[,;:–—])\s+")


def pieces(text: str, *, longest: int = LONGEST, short_first: bool = True) -> list[str]:
    """Return the text's sentences in order, none over `longest` characters, nothing lost but white space."""
    sentences = [piece for sentence in _sentences(text) for piece in _fit(sentence, longest)]
    return _short_first(sentences) if sentences and short_first else sentences


def goes_on(begun: str, following: str) -> bool:
    """Whether the full stop at the end of `begun` is an abbreviation's, an initial's or an ordinal's."""
    word = begun.strip().rsplit(None, 1)[-1]
    if not word.endswith("."):
        return False
    stem = word[:-1].lstrip("(\"'").lower()
    return stem in _ABBREVIATIONS or (len(stem) == 1 and stem.isalpha()) or following.islower()


def _sentences(text: str) -> list[str]:
    found: list[str] = []
    begun = ""
    at = 0
    for end in _END.finditer(text):
        begun += text[at : end.end()]
        at = end.end()
        if "\n" in end.group() or not goes_on(begun, text[at : at + 1]):
            found.append(begun.strip())
            begun = ""
    found.append((begun + text[at:]).strip())
    return [" ".join(sentence.split()) for sentence in found if sentence]


def _fit(sentence: str, longest: int) -> list[str]:
    """Cut at clauses, else between words, else anywhere."""
    if len(sentence) <= longest:
        return [sentence]
    parts = [part for clause in _CLAUSE.split(sentence) for part in textwrap.wrap(clause, longest)]
    fitted = [""]
    for part in parts:
        joined = f"{fitted[-1]} {part}".strip()
        if len(joined) <= longest:
            fitted[-1] = joined
        else:
            fitted.append(part)
    return [part for part in fitted if part]


def _short_first(sentences: list[str]) -> list[str]:
    first = sentences[0]
    shortest, latest = FIRST_CLAUSE
    if len(first) <= _SHORT:
        return sentences
    for cut in _CLAUSE.finditer(first):
        if shortest <= cut.start() <= latest:
            return [first[: cut.start()], first[cut.end() :], *sentences[1:]]
    return sentences
