"""One walk through a graph of phonemes: how well the best of its sentences fit what was heard.

Viterbi alignment with edit costs, in step with the graph instead of with time: a row holds, for a node, the cost of
having said all up to it while the first i phonemes were heard, for every i. Rows of one rank are computed together.
Beam and histogram pruning after Ney and Ortmanns, "Progress in dynamic programming search for LVCSR" (2000); the best
few sentences by A* search back through the rows, which are its exact heuristic (Soong and Huang 1991).
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from auricle.pipeline.phonetic.alphabet import DELETION, INSERTION, substitution
from auricle.pipeline.phonetic.graph import Graph
from auricle.pipeline.phonetic.numbers import whole

BEAM = 5.0
"""Cost above the best so far at which a way is given up."""
MOST_ROWS = 2_500
"""Nodes of one rank that are followed."""
FEW_CELLS = 1_000_000
"""Nodes times positions up to which all rows are computed."""
MOST_STEPS = 4_000
"""Steps of the search for the best few sentences."""

FloatArray = npt.NDArray[np.float32]


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
    """The rows of one transcript."""

    def __init__(self, graph: Graph, heard: Sequence[str], *, limit: float) -> None:
        """limit: cost of a phoneme heard, on average, above which no sentence is wanted."""
        self._graph = graph
        self._heard = heard
        count = len(heard)
        self._limit = limit * max(1, count)
        self._ramp = (np.arange(count + 1) * INSERTION).astype(np.float32)
        columns = {phone: [substitution(said, phone) for said in graph.phones] for phone in set(heard)}
        self._costs = np.array([columns[phone] for phone in heard], dtype=np.float32).reshape(count, -1).T.copy()
        self._best = self._ramp.copy()
        if len(graph) * (count + 1) <= FEW_CELLS:
            self._all()
        else:
            self._some()

    def cost(self, node: int) -> float:
        """Of having heard all at this node; infinite where it was given up."""
        row = self._row_of[node]
        return float(self._rows[row, -1]) if row >= 0 else float("inf")

    def least(self, nodes: npt.NDArray[np.int32]) -> float:
        """The least of these nodes' costs."""
        rows = self._row_of[nodes]
        rows = rows[rows >= 0]
        return float(self._rows[rows, -1].min()) if len(rows) else float("inf")

    def alive(self) -> float:
        """The least cost of having heard all somewhere in the graph, be it the end of a sentence or not."""
        return float(self._rows[: self._used, -1].min())

    def paths(self, within: float) -> Iterator[Path]:
        """Yield the sentences up to `within` costlier than the best, best first; one meaning may come repeatedly."""
        graph, rows, row_of = self._graph, self._rows, self._row_of
        ends = [(self.cost(node), node, template) for node, template in graph.finals]
        ends = [end for end in ends if end[0] <= self._limit]
        if not ends:
            return
        most = min(ends)[0] + within
        last = len(self._heard)
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
                    own = tuple(before - after for before, after in pairwise(ends_at))
                    yield Path(cost, template, marks, *whole([word for word, _ in said], own))
                continue
            steps: list[tuple[float, int, int, tuple[int, ...]]] = []
            phone = graph.phone[node]
            boundary = phone < 0 or node in graph.begins
            if phone >= 0:
                before = int(graph.before[node])
                steps.append((DELETION, before, at, marks))
                if at > 0:
                    steps.append((float(self._costs[phone, at - 1]), before, at - 1, marks))
                    steps.append((INSERTION, node, at - 1, marks))
            else:
                ways = graph.ways[node]
                source_rows = row_of[ways[:, 0]]
                ways = ways[source_rows >= 0]
                near = spent + rows[source_rows[source_rows >= 0], at] <= most
                for source, mark in ways[near].tolist():
                    steps.append((0.0, source, at, marks if mark < 0 else (mark, *marks)))
            for step, source, position, now in steps:
                row = row_of[source]
                if row < 0:
                    continue
                total = spent + step + float(rows[row, position])
                if total <= most + 1e-4:
                    known = (*self._word(source, spent + step), *said) if boundary and source != node else said
                    heapq.heappush(queue, (total, arrived, spent + step, source, position, template, now, known))
                    arrived += 1

    def _word(self, node: int, spent: float) -> tuple[tuple[str, float], ...]:
        return ((self._graph.texts[node], spent),) if node in self._graph.texts else ()

    def _all(self) -> None:
        """Compute every row: for small graphs quicker than to choose."""
        graph, ramp, count = self._graph, self._ramp, len(self._heard)
        self._row_of = np.arange(len(graph), dtype=np.int32)
        self._rows = rows = np.empty((len(graph), count + 1), dtype=np.float32)
        self._used = len(graph)
        rows[0] = ramp
        costs = self._costs[graph.phone] if len(graph.phones) else self._costs
        for rank in graph.ranks:
            if rank.middle > rank.first:
                self._spell(rows[rank.before], costs[rank.first : rank.middle], rows[rank.first : rank.middle])
            if rank.end > rank.middle:
                np.minimum.reduceat(rows[rank.sources], rank.starts, axis=0, out=rows[rank.middle : rank.end])

    def _some(self) -> None:
        """Compute the rows that the beam leaves."""
        graph = self._graph
        self._row_of = np.full(len(graph), -1, dtype=np.int32)
        self._rows = np.empty((1024, len(self._ramp)), dtype=np.float32)
        self._rows[0] = self._ramp
        self._used = 1
        self._row_of[0] = 0
        row_of = self._row_of
        for rank in graph.ranks:
            row = row_of[rank.before]
            alive = (row >= 0).nonzero()[0]
            if len(alive):
                nodes = alive + rank.first
                before = self._rows[row[alive]]
                reached = np.empty_like(before)
                self._spell(before, self._costs[graph.phone[nodes]], reached)
                self._keep(nodes, reached)
            row = row_of[rank.sources]
            alive = (row >= 0).nonzero()[0]
            if len(alive):
                owner = rank.owners[alive]
                begins = np.ones(len(owner), dtype=bool)
                np.not_equal(owner[1:], owner[:-1], out=begins[1:])
                firsts = begins.nonzero()[0]
                self._keep(owner[firsts], np.minimum.reduceat(self._rows[row[alive]], firsts, axis=0))

    def _spell(self, before: FloatArray, costs: FloatArray, reached: FloatArray) -> None:
        """Rows after one phoneme more, from the rows before it, into `reached`."""
        np.add(before, np.float32(DELETION), out=reached)
        np.minimum(reached[:, 1:], before[:, :-1] + costs, out=reached[:, 1:])
        reached -= self._ramp  # a running minimum less the ramp is any number of insertions
        np.minimum.accumulate(reached, axis=1, out=reached)
        reached += self._ramp

    def _keep(self, nodes: npt.NDArray[np.signedinteger], rows: FloatArray) -> None:
        np.minimum(self._best, rows.min(axis=0), out=self._best)
        above = (rows - self._best).min(axis=1)
        kept = above <= BEAM
        if np.count_nonzero(kept) > MOST_ROWS:
            kept &= above <= np.partition(above, MOST_ROWS)[MOST_ROWS]
        nodes, rows = nodes[kept], rows[kept]
        need = self._used + len(rows)
        if need > len(self._rows):
            grown = np.empty((max(need, 2 * len(self._rows)), self._rows.shape[1]), dtype=np.float32)
            grown[: self._used] = self._rows[: self._used]
            self._rows = grown
        self._rows[self._used : need] = rows
        self._row_of[nodes] = np.arange(self._used, need)
        self._used = need
