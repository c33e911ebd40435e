"""All that the templates of a grammar can say, as one graph of phonemes in which beginnings are shared."""

import re
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from hassil.expression import (
    Alternative,
    Expression,
    Group,
    ListReference,
    Permutation,
    RuleReference,
    Sentence,
    TextChunk,
)
from hassil.intents import RangeSlotList, SlotList, TextSlotList

from auricle.pipeline.phonetic.numbers import ADDED, ALL_BELOW, Heads, Part, SpokenRange, numbers, parted

MOST_NODES = 600_000
"""Phonemes in a graph; a template that would make it larger is left out."""
MOST_PERMUTED = 8
"""Parts of a permutation."""

IntArray = npt.NDArray[np.int32]

Way = tuple[int, int]
"""Into a junction: a node, and a mark or -1."""
Pronounce = Callable[[str], Sequence[str]]
"""A word to its phonemes."""

_WORD = re.compile(r"\d+|[^\W\d_]+(?:'[^\W\d_]+)*")
_GAP = re.compile(r"[^\w']+")

_ROOT = 0
_JUNCTION = -1


@dataclass(frozen=True, slots=True)
class Template:
    """A sentence of a plugin, with the lists and rules that it speaks of."""

    plugin: str
    intent: str
    sentence: Sentence
    lists: Mapping[str, SlotList]
    rules: Mapping[str, Sentence]


class TooLarge(ValueError):
    """A template says too much to be known by sound."""


def words(text: str) -> list[str]:
    """The words of a text as they are pronounced one by one; numbers stand alone."""
    return _WORD.findall(text.lower().replace("_", " "))


def all_words(templates: Iterable[Template]) -> Iterator[str]:
    """Yield the words that templates are made of, so that they can be pronounced in one go. Repeats some.

    A word that is put together from parts (`light[s]`) comes up while the graph is made.
    """
    seen: set[int] = set()
    for template in templates:
        for text in _texts(template.sentence.expression, template, seen):
            yield from words(text)


def _texts(expression: Expression, template: Template, seen: set[int]) -> Iterator[str]:
    match expression:
        case TextChunk():
            yield expression.original_text
        case Group():
            for item in expression.items:
                yield from _texts(item, template, seen)
        case RuleReference():
            yield from _texts(template.rules[expression.rule_name].expression, template, seen)
        case ListReference():
            values = slot_list(expression, template.lists)
            if id(values) in seen:
                return
            seen.add(id(values))
            if isinstance(values, TextSlotList):
                for value in values.values:
                    yield from _texts(value.text_in, template, seen)
            elif isinstance(values, RangeSlotList):
                yield from map(str, numbers(values))
        case _:
            pass


def slot_list(reference: ListReference, lists: Mapping[str, SlotList]) -> SlotList | None:
    inline = reference.get_inline_range()
    if inline is not None and reference.list_name not in lists:
        start, stop, step = inline
        return SpokenRange(name=reference.list_name, start=start, stop=stop, step=step)
    return lists.get(reference.list_name)


class Graph:
    """Nodes in an order in which each comes after those that lead to it; node 0 is the beginning.

    A node is a phoneme with one node before it, or a junction of any number of ways.
    """

    def __init__(
        self, templates: Iterable[Template], pronounce: Pronounce, on_left_out: Callable[[Template, str], None]
    ) -> None:
        """on_left_out: takes a template that is too large, and why."""
        self.marks: list[tuple[str, object]] = []
        """What a way into a junction says: a slot and its value."""
        self.templates: list[Template] = []
        build = _Builder(self, pronounce)
        for template in templates:
            nodes = len(build.phone)
            try:
                build.template(template)
            except TooLarge as error:
                build.cut(nodes)
                on_left_out(template, str(error))
        self.phones = build.phones
        phone, rank = np.array(build.phone, dtype=np.int32), np.array(build.rank, dtype=np.int32)
        order = np.lexsort((phone < 0, rank))
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        self.phone = phone[order]
        """Node to its phoneme's index; -1 for a junction."""
        before = np.array(build.parent, dtype=np.int32)[order]
        self.before = np.where(before >= 0, place[before], -1).astype(np.int32)
        """Node to the one before it; -1 for a junction and the beginning."""
        self.texts = {int(place[node]): text for node, text in build.text.items()}
        """Node at which a word ends, to the word."""
        self.begins = frozenset(int(place[node]) for node in build.begins)
        """Nodes with which words begin."""
        self.ways: dict[int, IntArray] = {}
        """Junction to the ways into it: node and mark, -1 for none."""
        for node, ways in build.ways.items():
            into = np.array(ways, dtype=np.int32).reshape(-1, 2)
            into[:, 0] = place[into[:, 0]]
            self.ways[int(place[node])] = into
        self.finals = [(int(place[node]), template) for node, template in build.finals]
        """Nodes at which a sentence may end, each with its template's index."""
        self.onward = np.unique(self.before[sorted(self.begins)]) if self.begins else np.empty(0, dtype=np.int32)
        """Nodes after which a word more can be said."""
        self.ranks = list(self._ranks(rank[order]))

    def __len__(self) -> int:
        return len(self.phone)

    def _ranks(self, rank: IntArray) -> "Iterator[Rank]":
        ends = np.flatnonzero(np.diff(rank, append=rank[-1] + 1)) + 1
        for first, end in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True):
            middle = first + int((self.phone[first:end] >= 0).sum())
            sources = [self.ways[node][:, 0] for node in range(middle, end)]
            yield Rank(
                first,
                middle,
                end,
                self.before[first:middle],
                np.concatenate(sources) if sources else np.empty(0, dtype=np.int32),
                np.repeat(np.arange(middle, end, dtype=np.int32), list(map(len, sources))),
            )


@dataclass(frozen=True, slots=True)
class Rank:
    """Nodes that depend on none of one another: phonemes from `first` up to `middle`, junctions up to `end`."""

    first: int
    middle: int
    end: int
    before: IntArray
    """The node before each phoneme."""
    sources: IntArray
    """The ways into the junctions, one junction's after the other's."""
    owners: IntArray
    """The junction that each of `sources` leads into."""


class _Builder:
    def __init__(self, graph: Graph, pronounce: Pronounce) -> None:
        self.graph = graph
        self.pronounce = pronounce
        self.phone = array("i", [_JUNCTION])
        self.parent = array("i", [-1])
        self.rank = array("i", [0])
        self.ways: dict[int, tuple[tuple[int, int], ...]] = {}
        self.finals: list[tuple[int, int]] = []
        self.text: dict[int, str] = {}
        self._children: dict[int, int] = {}
        """A node, a phoneme, and whether that begins a word, in one number: tuples would take half of all memory."""
        self.begins: set[int] = set()
        self._junctions: dict[tuple[tuple[int, int], ...], int] = {}
        self._marks: dict[tuple[str, str], int] = {}
        self._phones: dict[str, int] = {}
        self._known: dict[str, tuple[int, ...]] = {}
        self._parted: dict[tuple[Collection[int], int], Heads] = {}
        self._lists: Mapping[str, SlotList] = {}
        self._rules: Mapping[str, Sentence] = {}

    def template(self, template: Template) -> None:
        self._lists, self._rules = template.lists, template.rules
        ends = self._flushed(self._through({"": _ROOT}, template.sentence.expression))
        if ends is None or ends == _ROOT:
            return
        self.finals.append((ends, len(self.graph.templates)))
        self.graph.templates.append(template)

    def cut(self, nodes: int) -> None:
        """Forget all nodes from this one on."""
        self.begins = {node for node in self.begins if node < nodes}
        del self.phone[nodes:], self.parent[nodes:], self.rank[nodes:]
        self.ways = {node: ways for node, ways in self.ways.items() if node < nodes}
        self.text = {node: text for node, text in self.text.items() if node < nodes}
        self._children = {key: node for key, node in self._children.items() if node < nodes}
        self._junctions = {key: node for key, node in self._junctions.items() if node < nodes}

    @property
    def phones(self) -> list[str]:
        return list(self._phones)

    def _through(self, entries: dict[str, int], expression: Expression) -> dict[str, int]:
        """Where one may be after the expression: the unfinished word to the node; empty where it cannot be said."""
        match expression:
            case TextChunk():
                return self._chunk(entries, expression.original_text)
            case Permutation():
                return self._permuted(entries, expression.items)
            case Alternative():
                return self._joined([self._through(entries, item) for item in expression.items])
            case Group():
                for item in expression.items:
                    entries = self._through(entries, item)
                    if not entries:
                        break
                return entries
            case RuleReference():
                return self._through(entries, self._rules[expression.rule_name].expression)
            case ListReference():
                return self._listed(entries, expression)
            case _:
                return {}

    def _chunk(self, entries: dict[str, int], text: str) -> dict[str, int]:
        gaps = _GAP.split(text)
        if len(gaps) == 1:
            return {partial + text: node for partial, node in entries.items()}
        done = self._flushed({partial + gaps[0]: node for partial, node in entries.items()})
        return {gaps[-1]: self._say(done or _ROOT, " ".join(gaps[1:-1]))}

    def _permuted(self, entries: dict[str, int], items: Sequence[Expression]) -> dict[str, int]:
        if len(items) > MOST_PERMUTED:
            raise TooLarge(f"a permutation of {len(items)} parts, more than {MOST_PERMUTED}")
        reached: dict[int, list[dict[str, int]]] = {0: [entries]}
        for said in range(1 << len(items)):
            at = self._joined(reached.pop(said, []))
            if said == (1 << len(items)) - 1:
                return at
            for index, item in enumerate(items):
                if at and not said & 1 << index:
                    after = self._through(self._chunk(at, " "), item)
                    reached.setdefault(said | 1 << index, []).append(after)
        return {}

    def _listed(self, entries: dict[str, int], reference: ListReference) -> dict[str, int]:
        values = slot_list(reference, self._lists)
        prefix, suffix = reference.prefix or "", reference.suffix or ""
        start = self._flushed(entries)
        if start is None:
            return {}
        ways: list[tuple[int, int]] = []
        if isinstance(values, TextSlotList):
            for value in values.values:
                begun = self._chunk({"": start}, prefix)
                ended = self._chunk(self._through(begun, value.text_in), suffix)
                node = self._flushed(ended)
                if node is not None and node != start:
                    ways.append((node, self._mark(reference.slot_name, value.value_out)))
        elif isinstance(values, RangeSlotList):
            known, there = list(numbers(values)), range(values.start, values.stop + 1, values.step)
            if prefix:
                said = ((self._say(start, f"{prefix}{number}{suffix}"), number) for number in known)
                ways += [(node, self._mark(reference.slot_name, number)) for node, number in said]
            else:
                ways += self._numbers(start, reference.slot_name, known, there, suffix)
        return {"": self._junction(ways)} if ways else {}

    def _numbers(
        self, start: int, slot: str, known: Sequence[int], there: Collection[int], suffix: str, scale: int = ALL_BELOW
    ) -> Iterator[Way]:
        """Yield the ways to have said a number: what may follow thousands, hundreds and tens is in the graph once.

        known: those that are said whole, if not in parts. there: all that are wanted. scale: where they are parted.
        """
        if scale == 1:
            for number in known:
                yield self._say(start, f"{number}{suffix}"), self._mark(slot, number)
            return
        key = (tuple(there) if scale < ALL_BELOW else there, scale)
        heads = self._parted.get(key)
        if heads is None:
            heads = self._parted[key] = parted(there, scale, self._phonemes)
        whole = known
        if heads:
            begun = [
                (self._spell(start, sound, str(head)), self._mark(slot, Part(head))) for head, sound in heads.items()
            ]
            after = self._junction(begun)
            self.text[after] = ADDED
            rests = range(1, scale)
            for begin, wanted in (
                (self._meet([start, after]), [rest for rest in rests if rest in there]),
                (after, [rest for rest in rests if rest not in there]),
            ):
                yield from self._numbers(begin, slot, wanted, wanted, suffix, scale // 10)
            whole = [number for number in known if number not in rests and not self._is_parted(number, scale, heads)]
        yield from self._numbers(start, slot, whole, whole, suffix, scale // 10)

    def _is_parted(self, number: int, scale: int, heads: Heads) -> bool:
        rest = number % scale
        head = heads.get(number - rest)
        return head is not None and rest > 0 and self._phonemes(str(number)) == head + self._phonemes(str(rest))

    def _joined(self, exits: Sequence[dict[str, int]]) -> dict[str, int]:
        by_partial: dict[str, list[int]] = {}
        for some in exits:
            for partial, node in some.items():
                by_partial.setdefault(partial, []).append(node)
        return {partial: self._meet(nodes) for partial, nodes in by_partial.items()}

    def _flushed(self, entries: dict[str, int]) -> int | None:
        """Say the unfinished words to their ends, and meet there."""
        nodes = [self._say(node, partial) for partial, node in entries.items()]
        return self._meet(nodes) if nodes else None

    def _meet(self, nodes: Sequence[int]) -> int:
        distinct = sorted(set(nodes))
        return distinct[0] if len(distinct) == 1 else self._junction([(node, -1) for node in distinct])

    def _say(self, node: int, text: str) -> int:
        for word in words(text):
            node = self._spell(node, self._phonemes(word), word)
        return node

    def _spell(self, node: int, sound: Sequence[int], word: str) -> int:
        begins = True
        for phone in sound:
            key = (node << 16) | (phone << 1) | begins
            child = self._children.get(key)
            if child is None:
                child = self._add(phone, node, self.rank[node] + 1)
                self._children[key] = child
                if begins:
                    self.begins.add(child)
            node, begins = child, False
        self.text.setdefault(node, word)
        return node

    def _phonemes(self, word: str) -> tuple[int, ...]:
        if word not in self._known:
            self._known[word] = tuple(
                self._phones.setdefault(phone, len(self._phones)) for phone in self.pronounce(word)
            )
        return self._known[word]

    def _junction(self, ways: Sequence[tuple[int, int]]) -> int:
        key = tuple(sorted(set(ways)))
        node = self._junctions.get(key)
        if node is None:
            node = self._add(_JUNCTION, -1, 1 + max(self.rank[source] for source, _ in key))
            self._junctions[key] = node
            self.ways[node] = key
        return node

    def _add(self, phone: int, parent: int, rank: int) -> int:
        if len(self.phone) >= MOST_NODES:
            raise TooLarge(f"it and the others come to more than {MOST_NODES} phonemes")
        self.phone.append(phone)
        self.parent.append(parent)
        self.rank.append(rank)
        return len(self.phone) - 1

    def _mark(self, slot: str, value: object) -> int:
        key = (slot, repr(value))
        if key not in self._marks:
            self._marks[key] = len(self.graph.marks)
            self.graph.marks.append((slot, value))
        return self._marks[key]
