"""One walk through a graph of phonemes: how well the best of its sentences fit what was heard.

Viterbi alignment with edit costs, in step with the graph instead of with time: a row holds, for a node, the cost of
having said all up to it while so much of a text was heard. Rows of one rank are computed together, position by
position, each position a vector over the nodes; only the stretch of positions that any of them has a use for.
What is costlier than the bound is no part of a sentence that is wanted; beyond that, beam and histogram pruning after
Ney and Ortmanns, "Progress in dynamic programming search for LVCSR" (2000). The best few sentences by A* search back
through the rows, which are its exact heuristic (Soong and Huang 1991).
"""

import heapq
import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from auricle.pipeline.phonetic.alphabet import DELETION, INSERTION, substitution
from auricle.pipeline.phonetic.graph import Graph
from auricle.pipeline.phonetic.heard import Heard, Stretch
from auricle.pipeline.phonetic.numbers import whole

BEAM = 5.0
"""Cost above the best so far at which a way is given up."""
MOST_ROWS = 2_500
"""Nodes of one rank that are followed."""
FEW_ROWS = 600
"""The same where a sentence is only told of."""
MOST_STEPS = 4_000
"""Steps of the search for the best few sentences."""
THIN = 1_000
"""Nodes of a rank, on average, below which it takes as long to follow few of them as all."""
_ROUNDING = 1e-3
_WORTH_NARROWING = 20_000
"""Nodes times positions from which it is looked at which of them matter."""

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.intp]
Rows = npt.NDArray[np.int32]

_DELETION = np.float32(DELETION)


@dataclass(frozen=True, slots=True)
class Path:
    """A sentence of the graph."""

    cost: float
    template: int
    marks: tuple[int, ...]
    """In the order in which they are said."""
    words: tuple[str, ...]
    costs: tuple[float, ...]
    """Each word's own; what was heard before it and stands for nothing counts for it."""


class Walk:
    """The rows of some texts."""

    def __init__(
        self, graph: Graph, texts: Sequence[Sequence[str]], most: Sequence[float], most_rows: int = MOST_ROWS
    ) -> None:
        """texts: phonemes heard. most: for each, the cost above which no sentence is wanted.

        most_rows: nodes of one rank that are followed.
        """
        self._graph = graph
        self._most_rows = most_rows
        self._heard = heard = Heard(texts)
        self._spent = (heard.depth * np.float32(INSERTION)).astype(np.float32)
        """Position to its cost if nothing was said."""
        columns = {phone: [substitution(said, phone) for said in graph.phones] for phone in set(heard.phones[1:])}
        columns[""] = [np.inf] * len(graph.phones)
        self._misheard = np.array([columns[phone] for phone in heard.phones], dtype=np.float32)
        """Position by phoneme of the graph."""
        self._steps = np.ascontiguousarray((self._misheard - np.float32(INSERTION)).T)
        """Phoneme of the graph by position, less what passing over the position costs."""
        self._most = heard.spread(most) + np.float32(_ROUNDING) - self._spent
        self._best = np.zeros(len(heard), dtype=np.float32)
        self._row_of = np.zeros(len(graph), dtype=np.int32)
        """Node to its row; 0 where it was given up."""
        room = 2 + sum(min(rank.end - rank.first, most_rows) for rank in graph.ranks)
        self._rows = _pages(room, len(heard))
        """Row by position, from 1: cost, less what it is if nothing was said, so that insertions cost nothing."""
        self._used = 1
        self._lowest: Rows = np.empty(room, dtype=np.int32)
        """Row to the fewest phonemes heard at which it is not infinite."""
        self._beyond: Rows = np.empty(room, dtype=np.int32)
        """Row to the most, and one."""
        self._follow()

    def cost(self, node: int, text: int = 0) -> float:
        """Of having heard all of a text at this node; infinite where it was given up."""
        row = self._row_of[node]
        return self._cost(row, self._heard.ends[text]) if row else float("inf")

    def least(self, nodes: npt.NDArray[np.int32], text: int = 0) -> float:
        """The least of these nodes' costs."""
        rows, end = self._row_of[nodes], self._heard.ends[text]
        rows = rows[rows > 0]
        return float(self._rows[rows, end].min() + self._spent[end]) if len(rows) else float("inf")

    def alive(self, text: int = 0) -> float:
        """The least cost of having heard all somewhere in the graph, be it the end of a sentence or not."""
        end = self._heard.ends[text]
        return float(self._rows[1 : self._used, end].min() + self._spent[end])

    def _cost(self, row: int, position: int) -> float:
        return float(self._rows[row, position] + self._spent[position])

    def _follow(self) -> None:
        everything = self._heard.stretch(0, self._heard.longest + 1)
        self._keep(np.zeros(1, dtype=np.intp), np.zeros((len(self._heard), 1), dtype=np.float32), everything)
        for rank in self._graph.ranks:
            rows = self._row_of.take(rank.before)
            said = rows.nonzero()[0]
            rows, nodes = rows.take(said), said + rank.first
            if len(rank.sources):
                into = self._row_of.take(rank.sources)
                met = into.nonzero()[0]
                if len(met):
                    self._meet(nodes, rows, rank.owners.take(met), into.take(met))
                    continue
            if len(nodes):
                on = self._stretch(rows)
                self._keep(nodes, self._said(nodes, rows, on), on)

    def _meet(self, nodes: IntArray, rows: Rows, owners: Rows, into: Rows) -> None:
        """The same where ways meet in junctions besides. owners: the junction that each way is `into`."""
        begins = np.empty(len(owners), dtype=bool)
        begins[0] = True
        np.not_equal(owners[1:], owners[:-1], out=begins[1:])
        firsts = begins.nonzero()[0]
        best = np.minimum.reduceat(self._rows.take(into, axis=0), firsts, axis=0)
        on = self._stretch(np.concatenate((rows, into)))
        costs = best[:, on.first : on.end].T
        if len(nodes):
            costs = np.concatenate((self._said(nodes, rows, on), costs), axis=1)
        self._keep(np.concatenate((nodes, owners.take(firsts))), costs, on)

    def _stretch(self, rows: Rows) -> Stretch:
        """Of what was heard, that part at which any of these rows is not infinite."""
        if len(rows) * len(self._heard) < _WORTH_NARROWING:
            return self._heard.stretch(0, self._heard.longest + 1)
        return self._heard.stretch(int(self._lowest.take(rows).min()), int(self._beyond.take(rows).max()))

    def _said(self, nodes: IntArray, rows: Rows, on: Stretch) -> FloatArray:
        """The costs of having said one phoneme more, from the rows of what was said before it. Position by node."""
        before = np.ascontiguousarray(self._rows.take(rows, axis=0)[:, on.first : on.last].T)
        costs = np.empty((on.end - on.first, len(nodes)), dtype=np.float32)
        np.add(before, _DELETION, out=costs[: len(before)])
        costs[len(before) :] = np.inf
        if on.end > on.second:
            misheard = self._steps.take(self._graph.phone.take(nodes), axis=0)[:, on.second : on.end].T
            later = costs[on.second - on.first :]
            np.minimum(later, before.take(on.before, axis=0) + misheard, out=later)
        for jump in on.jumps:  # any number of insertions
            np.minimum(costs, costs.take(jump, axis=0), out=costs)
        return costs

    def _keep(self, nodes: IntArray, costs: FloatArray, on: Stretch) -> None:
        """Keep the rows of those of these nodes that the bound, the beam and the number of them leave."""
        best = self._best[on.first : on.end]
        least = np.minimum.reduce(costs, axis=1)
        np.minimum(best, least, out=best)
        most = np.minimum(self._most[on.first : on.end], best + np.float32(BEAM))
        wanted = (least <= most).nonzero()[0]
        if not len(wanted):
            return
        begin, stop = int(wanted[0]), int(wanted[-1]) + 1
        costs = costs[begin:stop]
        kept = (np.minimum.reduce(costs - most[begin:stop, None], axis=0) <= 0).nonzero()[0]
        if len(kept) > self._most_rows:
            over = np.minimum.reduce(costs - best[begin:stop, None], axis=0).take(kept)
            kept = kept[np.sort(np.argpartition(over, self._most_rows)[: self._most_rows])]
        first, need = self._used, self._used + len(kept)
        rows = self._rows[first:need]
        if stop - begin < len(self._heard):
            rows.fill(np.inf)
        rows[:, on.first + begin : on.first + stop] = np.ascontiguousarray(costs.T).take(kept, axis=0)
        self._lowest[first:need] = self._heard.depth[on.first + begin]
        self._beyond[first:need] = self._heard.depth[on.first + stop - 1] + 1
        self._row_of[nodes.take(kept)] = np.arange(first, need)
        self._used = need

    def paths(self, within: float, limit: float, text: int = 0) -> Iterator[Path]:
        """Yield what a text may stand for, best first; one meaning may come repeatedly.

        within: how much costlier than the best. limit: no sentence's cost is above this.
        """
        graph, rows, row_of, before = self._graph, self._rows, self._row_of, self._heard.befores
        ends = [(self.cost(node, text), node, template) for node, template in graph.finals]
        ends = [end for end in ends if end[0] <= limit]
        if not ends:
            return
        most = min(ends)[0] + within
        last = self._heard.ends[text]
        # f, order of arrival, g, node, position, template, marks, words, each with g where it ends
        queue: list[tuple[float, int, float, int, int, int, tuple[int, ...], tuple[tuple[str, float], ...]]] = []
        arrived = 0
        for cost, node, template in ends:
            if cost <= most:
                heapq.heappush(queue, (cost, arrived, 0.0, node, last, template, (), self._word(node, 0.0)))
                arrived += 1
        seen: set[tuple[int, int, int, tuple[int, ...]]] = set()
        for _ in range(MOST_STEPS):
            if not queue:
                return
            cost, _, spent, node, at, template, marks, said = heapq.heappop(queue)
            if (node, at, template, marks) in seen:
                continue
            seen.add((node, at, template, marks))
            if node == 0:
                if said:
                    ends_at = [cost, *(after for _, after in said)]
                    own = tuple(more - less for more, less in pairwise(ends_at))
                    yield Path(cost, template, marks, *whole([word for word, _ in said], own))
                continue
            steps: list[tuple[float, int, int, tuple[int, ...]]] = []
            phone = graph.phone[node]
            boundary = phone < 0 or node in graph.begins
            if phone >= 0:
                parent = int(graph.before[node])
                steps.append((DELETION, parent, at, marks))
                if at > 0:
                    steps.append((float(self._misheard[at, phone]), parent, before[at], marks))
                    steps.append((INSERTION, node, before[at], marks))
            else:
                ways = graph.ways[node]
                source_rows = row_of[ways[:, 0]]
                ways = ways[source_rows > 0]
                near = rows[source_rows[source_rows > 0], at] <= most - spent - self._spent[at]
                for source, mark in ways[near].tolist():
                    steps.append((0.0, source, at, marks if mark < 0 else (mark, *marks)))
            for step, source, position, now in steps:
                row = row_of[source]
                if not row:
                    continue
                total = spent + step + self._cost(row, position)
                if total <= most + 1e-4:
                    known = (*self._word(source, spent + step), *said) if boundary and source != node else said
                    heapq.heappush(queue, (total, arrived, spent + step, source, position, template, now, known))
                    arrived += 1

    def _word(self, node: int, spent: float) -> tuple[tuple[str, float], ...]:
        return ((self._graph.texts[node], spent),) if node in self._graph.texts else ()


def _pages(rows: int, columns: int) -> FloatArray:
    """A matrix in memory of its own: of it the system gives what is used, and has it back with the matrix."""
    private = mmap.mmap(-1, rows * columns * 4, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return np.frombuffer(private, dtype=np.float32).reshape(rows, columns)


def nearest(
    graph: Graph, texts: Sequence[Sequence[str]], *, limits: Sequence[float], roughly: float, within: float
) -> list[Iterator[Path]]:
    """What each of some texts may stand for, best first.

    limits: distances, ascending. Looked for is what is no farther than the first of them; only where there is nothing,
    up to the next, which takes longer. roughly: up to here as much is looked at as takes no longer than that.
    within: how much farther than the best others may be. All of a phoneme heard.
    """
    found: list[Iterator[Path]] = [iter(())] * len(texts)
    left = list(range(len(texts)))
    levels = [(limit, MOST_ROWS) for limit in limits] + [(roughly, FEW_ROWS)]
    for limit, rows in levels if len(graph) >= THIN * len(graph.ranks) else [(roughly, MOST_ROWS)]:
        counts = [len(texts[text]) for text in left]
        walk = Walk(graph, [texts[text] for text in left], [(limit + within) * count for count in counts], rows)
        finals = np.array([node for node, _ in graph.finals], dtype=np.int32)
        near = [walk.least(finals, index) <= limit * count for index, count in enumerate(counts)]
        for index, text in enumerate(left):
            if near[index]:
                found[text] = walk.paths(within * counts[index], roughly * counts[index], index)
        left = [text for text, there in zip(left, near, strict=True) if not there]
        if not left:
            break
    return found
