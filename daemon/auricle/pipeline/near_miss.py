"""Near misses: a transcript with a misheard word taken as the sentence that was said, or as nothing where in doubt."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from rapidfuzz import fuzz, process
from rapidfuzz.distance import Levenshtein

from auricle.api import Intent
from auricle.pipeline import wording

if TYPE_CHECKING:
    from auricle.pipeline.sentences import Grammar

MARGIN = 0.05
"""A second sentence that means something else must be at least this much less alike."""
LIKE_WORD = 0.75
"""How alike a misheard word and the right one must be."""
SHORTEST_WORD = 3
"""Shorter words (on, off, up) are never taken for one another."""
_CANDIDATES = 40
_NUMBER = "#"


class NearMisses:
    """The sentences of a grammar without free slots, and what may be taken for them.

    Likeness of letters alone is not enough: `turn on the lamp` is 90 % `turn off the lamp`. So each word that differs
    must be a plausible mishearing: of three letters at least, beginning alike, no number, no word that some sentence
    uses; and words may be lost or gained only where they are fillers. Where two sentences of different meaning are
    near, it is neither.
    """

    def __init__(self, grammar: "Grammar", threshold: float) -> None:
        """threshold: likeness, 0 to 1, from which a sentence is taken; 1 takes none."""
        self._grammar = grammar
        self._threshold = threshold
        self._fillers = wording.FILLERS.get(wording.family(grammar.language), frozenset())
        keys: dict[str, str] = {}
        if threshold < 1:
            for sentence in grammar.samples():
                keys.setdefault(wording.key(sentence), sentence.strip())
        self._keys = list(keys)
        self._sentences = list(keys.values())
        self._words = frozenset(word for known in self._keys for word in known.split())

    def __len__(self) -> int:
        return len(self._keys)

    def match(self, text: str) -> Intent | None:
        """Return the intent of the sentence that is meant by `text`, its `score` below 1; None where in doubt."""
        heard = wording.key(wording.spoken(text, self._grammar.language))
        if len(heard.split()) < 2 or len(heard) > 300:
            return None
        numbers = [word for word in heard.split() if _numeric(word)]
        masked = " ".join(_NUMBER if _numeric(word) else word for word in heard.split())
        found: list[tuple[float, Intent]] = []
        for score, sentence in self._plausible({heard, masked}, numbers):
            intent = self._grammar.match(sentence)
            if intent is None:
                continue
            if not found:
                found.append((score, intent))
            elif score > found[0][0] - MARGIN and intent.meaning != found[0][1].meaning:
                return None
        if not found:
            return None
        score, intent = found[0]
        return replace(intent, text=text, score=min(round(score, 3), 0.999))

    def _plausible(self, heard: set[str], numbers: list[str]) -> Iterator[tuple[float, str]]:
        near = [
            (score / 100, index, text)
            for text in heard
            for _, score, index in process.extract(
                text, self._keys, scorer=fuzz.ratio, score_cutoff=self._threshold * 100, limit=_CANDIDATES
            )
        ]
        for score, index, text in sorted(near, key=lambda entry: (-entry[0], entry[1])):
            holes = self._keys[index].split().count(_NUMBER)
            if holes and (holes != len(numbers) or _NUMBER not in text):
                continue
            if self._misheard(text.split(), self._keys[index].split()):
                yield score, _filled(self._sentences[index], numbers)

    def _misheard(self, heard: list[str], known: list[str]) -> bool:
        """Whether each difference is a word misheard, split or joined, or a filler lost or gained."""
        if "".join(heard) == "".join(known):
            return True
        for step in Levenshtein.opcodes(heard, known):
            was, meant = heard[step.src_start : step.src_end], known[step.dest_start : step.dest_end]
            if step.tag == "equal":
                continue
            if step.tag == "replace":
                if not all(self._sounds_like(word, right) for word, right in zip(was, meant, strict=True)):
                    return False
            elif not all(word in self._fillers for word in (*was, *meant)):
                return False
        return True

    def _sounds_like(self, heard: str, known: str) -> bool:
        return (
            min(len(heard), len(known)) >= SHORTEST_WORD
            and heard not in self._words
            and heard[:2] == known[:2]
            and not any(map(str.isdigit, heard + known))
            and heard.endswith("nt") == known.endswith("nt")
            and fuzz.ratio(heard, known) >= LIKE_WORD * 100
        )


def _numeric(word: str) -> bool:
    return word.isdigit()


def _filled(sentence: str, numbers: list[str]) -> str:
    for number in numbers:
        sentence = sentence.replace(_NUMBER, number, 1)
    return sentence
