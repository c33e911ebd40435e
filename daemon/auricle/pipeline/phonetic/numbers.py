"""Numbers as they are said: which of a range are known, and how they are put together from hundreds, tens and ones."""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass

from hassil.intents import RangeSlotList

ADDED = "+"
"""Stands between the words of a number that is put together from two."""
ALL_BELOW = 1_000
"""Up to here every number of a range is known by sound; of larger ones those that are round, or in whole thousands."""
MOST_IN_WORDS = 2_000
"""Numbers of a range that are all known in words; of a larger range, those to 1,000 and then the round ones."""
_PROBES = range(37, ALL_BELOW, 107)
"""Of the numbers after a thousand, those that are looked at for how it begins them."""
_FINE, _FINE_BELOW = 50, 10_000

Heads = dict[int, tuple[int, ...]]
"""What comes first in a number, as 100, to its phonemes."""


@dataclass(frozen=True, slots=True)
class Part:
    """The first part of a number; what follows is added to it."""

    number: int


class SpokenRange(RangeSlotList):  # type: ignore[misc]  # hassil has no types
    """A range of which hassil spells out fewer numbers: all of thousands would take a second and 15 MB.

    In digits each of them is known.
    """

    def get_numbers(self) -> Iterator[int]:
        known = range(self.start, self.stop + 1, self.step)
        if len(known) <= MOST_IN_WORDS:
            yield from known
            return
        yield from _below(known, ALL_BELOW + 1)
        yield from (number for number in range(ALL_BELOW + _FINE, _FINE_BELOW, _FINE) if number in known)
        yield from (number for number in _round(known) if number >= _FINE_BELOW)


def numbers(values: RangeSlotList) -> Iterator[int]:
    """Yield the numbers of a range that are known by sound."""
    known = range(values.start, values.stop + 1, values.step)
    yield from _below(known, ALL_BELOW)
    yield from _round(known)
    thousands = (ALL_BELOW * number for number in range(1, 10))
    yield from (number + probe for number in thousands for probe in _PROBES if number + probe in known)


def _below(known: range, bound: int) -> range:
    return known[: max(0, -((known.start - bound) // known.step))]


def _round(known: range) -> Iterator[int]:
    """Yield those of two digits and zeros, from 1,000 on."""
    scale = 100
    while scale <= known.stop:
        for tens in range(10, 100):
            if tens * scale in known:
                yield tens * scale
        scale *= 10


def parted(there: Container[int], scale: int, pronounce: Callable[[str], tuple[int, ...]]) -> Heads:
    """How 100, 200, … begin the numbers after them, where all hundred of them are there; or thousands, or tens.

    scale: 1,000, 100 or 10. Learnt from how whole numbers sound, so it holds in any language in which what is added
    comes last; in others tens are not parted.
    """
    found: Heads = {}
    probes = _PROBES if scale == ALL_BELOW else range(1, scale)
    for head in range(scale, 10 * scale, scale):
        if all(number in there for number in range(head, head + scale)):
            begins = Counter(
                whole[: len(whole) - len(rest)]
                for whole, rest in ((pronounce(str(head + rest)), pronounce(str(rest))) for rest in probes)
                if rest and whole[-len(rest) :] == rest and len(whole) > len(rest)
            )
            if begins and begins.most_common(1)[0][1] > len(probes) // 2:
                found[head] = begins.most_common(1)[0][0]
    return found


def whole(words: Sequence[str], costs: Sequence[float]) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Words and what each costs, with `100 + 37` as the one word `137`."""
    said: list[tuple[str, float]] = []
    at = 0
    while at < len(words):
        if words[at] == ADDED:
            (head, before), rest = said.pop(), words[at + 1]
            said.append((str(int(head) + int(rest)), before + costs[at] + costs[at + 1]))
            at += 2
        else:
            said.append((words[at], costs[at]))
            at += 1
    return tuple(word for word, _ in said), tuple(cost for _, cost in said)


def slots(marks: Iterable[tuple[str, object]]) -> dict[str, object]:
    """What the marks of a path fill, the parts of numbers added up."""
    found: dict[str, object] = {}
    heads: dict[str, int] = {}
    for slot, value in marks:
        if isinstance(value, Part):
            heads[slot] = heads.get(slot, 0) + value.number
        elif isinstance(value, int) and slot in heads:
            found[slot] = heads.pop(slot) + value
        else:
            found[slot] = value
    return found
