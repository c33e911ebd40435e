"""The walk through a graph of phonemes: what it leaves out is nothing that was wanted."""

import os
from collections.abc import Iterator, Sequence
from itertools import islice, product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from auricle.api import Sentences
from auricle.pipeline.phonetic.alphabet import DELETION, INSERTION, substitution
from auricle.pipeline.phonetic.graph import Graph
from auricle.pipeline.phonetic.heard import Heard
from auricle.pipeline.phonetic.matcher import BySound, Hearing
from auricle.pipeline.phonetic.rule import SoundRule
from auricle.pipeline.phonetic.walk import Walk, nearest
from auricle.pipeline.sentences import Grammar
from auricle_coffee import COFFEE

MOST_SENTENCES = 400
NO_ORDERS = Path(__file__).parent / "texts" / "no_orders.txt"

PARTS = st.recursive(
    st.sampled_from(["on", "of", "a", "tap", "s", "{room}", "{number}", "<rule>"]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(" ".join),
        st.lists(inner, min_size=1, max_size=2).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda some: f"({'|'.join(some)})"),
        st.lists(inner, min_size=2, max_size=2).map(lambda some: f"({';'.join(some)})"),
        inner.map(lambda one: f"[{one}]"),
    ),
    max_leaves=6,
)
SPOKEN = st.text(alphabet="aonftpskd", min_size=1, max_size=12)


def graph_of(templates: Sequence[str]) -> Graph:
    """Each letter is a phoneme."""
    own = Sentences(
        intents={"x": tuple(templates)},
        lists={"room": ("spa", "spot", "top[s]")},
        ranges={"number": (1, 3)},
        expansion_rules={"rule": "(at|an) [{room}]"},
    )
    grammar = Grammar("en", {"p": own}, lambda plugin, text: None)
    return Graph(grammar.templates(), tuple, lambda template, why: None)


def sentences(graph: Graph) -> Iterator[tuple[int, tuple[int, ...], str]]:
    """Yield all that a graph can say: template, marks and phonemes."""
    for final, template in graph.finals:
        for marks, said in said_at(graph, final):
            yield template, marks, said


def said_at(graph: Graph, node: int) -> Iterator[tuple[tuple[int, ...], str]]:
    if node == 0:
        yield (), ""
    elif graph.phone[node] >= 0:
        for marks, said in said_at(graph, int(graph.before[node])):
            yield marks, said + graph.phones[graph.phone[node]]
    else:
        for source, mark in graph.ways[node].tolist():
            for marks, said in said_at(graph, source):
                yield (marks if mark < 0 else (*marks, mark)), said


def aligned(said: str, heard: str) -> float:
    """The cost of the best alignment of two strings, by the textbook (Wagner and Fischer 1974)."""
    row = [INSERTION * position for position in range(len(heard) + 1)]
    for phone in said:
        before, row = row, [row[0] + DELETION]
        for position, other in enumerate(heard):
            costs = before[position + 1] + DELETION, before[position] + substitution(phone, other)
            row.append(min(*costs, row[position] + INSERTION))
    return row[-1]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(st.lists(PARTS, min_size=1, max_size=3), st.lists(SPOKEN, min_size=1, max_size=4), st.sampled_from([0, 1000]))
def test_walk_finds_what_comparing_with_every_sentence_finds(templates: list[str], texts: list[str], thin: int) -> None:
    graph = graph_of(templates)
    every = list(islice(sentences(graph), MOST_SENTENCES + 1))
    assume(graph.finals and len(every) <= MOST_SENTENCES)
    limits, roughly, within = (0.1, 0.3), 2.0, 0.06
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("auricle.pipeline.phonetic.walk.THIN", thin)
        nearby = nearest(graph, texts, limits=limits, roughly=roughly, within=within)
    for text, ways in zip(texts, nearby, strict=True):
        costs: dict[tuple[int, tuple[int, ...]], float] = {}
        least = float("inf")
        for template, marks, said in every:
            cost = aligned(said, text)
            least = min(least, cost)
            if said:  # to say nothing is no sentence
                costs[template, marks] = min(cost, costs.get((template, marks), cost))
        found: dict[tuple[int, tuple[int, ...]], float] = {}
        for way in ways:
            found.setdefault((way.template, way.marks), way.cost)
            assert sum(way.costs) == pytest.approx(way.cost, abs=1e-3)
        most = least + within * len(text)
        wanted = {key for key, cost in costs.items() if cost < most - 1e-3 and least <= roughly * len(text)}
        allowed = {key for key, cost in costs.items() if cost < most + 1e-3}
        assert wanted <= found.keys() <= allowed
        assert all(cost == pytest.approx(costs[key], abs=1e-3) for key, cost in found.items())
        assert list(found.values()) == pytest.approx(sorted(found.values()), abs=1e-4)


@given(st.lists(st.text(alphabet="abc", max_size=6), min_size=1, max_size=6))
def test_texts_heard_together_share_their_beginnings(texts: list[str]) -> None:
    heard = Heard(texts)
    assert len(heard) == len({text[:length] for text in texts for length in range(len(text) + 1)})
    for text, end in zip(texts, heard.ends, strict=True):
        read, at = "", end
        while at > 0:
            assert heard.depth[at] == len(text) - len(read)
            read, at = heard.phones[at] + read, heard.befores[at]
        assert read == text
    assert list(heard.depth) == sorted(heard.depth)
    counts = [float(len(text)) for text in texts]
    assert heard.spread(counts)[0] == max(counts)


def test_costs_above_the_bound_are_not_looked_at() -> None:
    graph = graph_of(["on tap", "a spot"])
    ends = [node for node, _ in graph.finals]
    for text, most, costs in (
        ("ontap", 0.0, [0.0, float("inf")]),
        ("aspod", 1.0, [float("inf"), pytest.approx(substitution("t", "d"))]),
    ):
        walk = Walk(graph, [text], [most])
        assert [walk.cost(node) for node in ends] == costs
        assert walk.alive() == pytest.approx(min(walk.cost(node) for node in ends))
    assert Walk(graph, ["kkkkkkkk"], [1.0]).alive() == float("inf")


def test_pruning_changes_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line for line in NO_ORDERS.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    grammar = Grammar("en", {"coffee": COFFEE}, lambda *fault: pytest.fail(str(fault)))
    sound = BySound("en", list(grammar.templates()), SoundRule(), lambda *fault: pytest.fail(str(fault)))
    texts = [*lines[::9], "Can I get a light rose 8-dounds ice mocha?", "give me a copy", "Brew a latte with skin milk"]

    def answers() -> list[Hearing]:
        return [sound.hear([text, f"{text} please", f"so {text}"]) for text in texts]

    try:
        pruned = answers()
        monkeypatch.setattr("auricle.pipeline.phonetic.walk.THIN", 0)
        in_steps = answers()
        assert in_steps == pruned
        monkeypatch.setattr("auricle.pipeline.phonetic.walk.THIN", len(sound))
        monkeypatch.setattr("auricle.pipeline.phonetic.walk.BEAM", float("inf"))
        monkeypatch.setattr("auricle.pipeline.phonetic.walk.MOST_ROWS", len(sound))
        assert answers() == pruned
    finally:
        sound.close()


def test_memory_of_a_walk_goes_back_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auricle.pipeline.phonetic.walk.BEAM", float("inf"))
    graph = graph_of([f"({'|'.join(map(''.join, product('aontps', repeat=5)))})"])
    texts = ["".join(letters) for letters in product("aon", repeat=5)]

    def resident_mb() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    before_mb = resident_mb()
    walk = Walk(graph, texts, [99.0] * len(texts), most_rows=len(graph))
    rows_mb = resident_mb() - before_mb
    assert rows_mb > 8
    del walk
    assert resident_mb() - before_mb < rows_mb / 2
