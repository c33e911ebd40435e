"""From a transcript to the sentence that sounds like it: accepted, in doubt, or none."""

import math
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from auricle.api import Intent
from auricle.model.intent import Standing
from auricle.pipeline import wording
from auricle.pipeline.phonetic import numbers
from auricle.pipeline.phonetic.graph import Graph, Template, all_words, words
from auricle.pipeline.phonetic.guards import objection, telling_distance
from auricle.pipeline.phonetic.hearing import Candidate, Hearing, Option, Verdict
from auricle.pipeline.phonetic.phonemes import Phonemes, PhonemesUnavailable
from auricle.pipeline.phonetic.rule import SoundRule
from auricle.pipeline.phonetic.walk import Path as Way
from auricle.pipeline.phonetic.walk import Walk, nearest
from auricle.pipeline.phonetic.weighing import unclear

LONGEST = 150
"""Phonemes of a transcript; a longer one is no command."""
SHORTEST = 4
"""Phonemes; in fewer, one that is misheard is too much."""
LOOKED_AT = 0.5
"""Distance above which a sentence is not even told of; above what is worth a question it need not be the nearest."""
SURE = 0.4
"""Share of the threshold up to which sentences are looked for first: most are no farther, and that is quick."""
DOUBTFUL = 0.06
"""A sentence this much farther than the threshold is worth a question."""
TELLING = 0.92
"""Share of the threshold up to which the words that tell a sentence from others may be away, on their own."""
DOUBTFUL_TELLING = 1.3
"""The same for a question."""
SLACK = 0.7
"""Cost by which a whole command may fit worse than the beginning of a longer one, and still count as whole."""
EVIDENCE = 1.0
"""Cost at which a text speaks for a sentence 1/e as much as at none."""
ALTERNATIVE = 0.5
"""Weight of a text that may have been heard instead, beside that of the likeliest one."""
MOST_CANDIDATES = 8
_WITHIN = 0.06
"""How much farther than the best a candidate may be."""
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True, slots=True)
class _Reading:
    """One of the texts, and how it may be read."""

    hearing: Hearing
    ways: Sequence[tuple[Candidate, Way]] = ()
    words: Sequence[str] = ()
    """Heard."""
    sounds: Sequence[tuple[str, ...]] = ()
    """Of each word."""


@dataclass
class BySound:
    """The sentences of a grammar by their sound. Safe to use from several threads."""

    language: str
    templates: Sequence[Template]
    rule: SoundRule
    on_fault: Callable[[str, str], None]
    """Takes a plugin's name and what is wrong with its sentences."""
    _phonemes: Phonemes = field(init=False)
    _graph: Graph = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Raises PhonemesUnavailable."""
        self._phonemes = Phonemes(self.language, self.rule.folder)
        self._phonemes.of_sentences(all_words(self.templates))
        self._graph = Graph(self.templates, self._pronounce, self._left_out)

    def __len__(self) -> int:
        """Nodes of the graph."""
        return len(self._graph)

    def close(self) -> None:
        self._phonemes.close()

    def hear(self, texts: Sequence[str]) -> Hearing:
        """Find what sounds like the transcript.

        texts: what the engine heard, the likeliest first; of what sounds like them, what most of them come near is
        taken. Raises PhonemesUnavailable.
        """
        weights = _readings(texts, self.language)
        readings = list(zip(self._read(list(weights), texts[0]), weights.values(), strict=True))
        told = [reading.hearing for reading, _ in readings if reading.hearing.candidates]
        if not told:
            return readings[-1][0].hearing if readings else Hearing(Verdict.NONE, "it sounds like no sentence")
        evidence: dict[tuple[str, str, str], float] = {}
        for reading, weight in readings:
            for candidate in reading.hearing.candidates:
                meaning = candidate.intent.meaning
                likely = weight * math.exp(-candidate.distance * reading.hearing.phonemes / EVIDENCE)
                evidence[meaning] = evidence.get(meaning, 0.0) + likely
        best = min(told, key=lambda hearing: (*_rank(hearing, evidence), hearing.candidates[0].distance))
        if best.verdict is Verdict.NONE:
            return best
        options = self._options([reading for reading, _ in readings], evidence)
        return replace(best, options=options) if unclear(options) else best

    def standing(self, text: str) -> Standing:
        """How far `text` has come, taking sounds as `hear` does. Raises PhonemesUnavailable."""
        heard = self._heard(wording.spoken(text, self.language))
        if not heard or len(heard) > LONGEST or not self._graph.finals:
            return Standing.UNKNOWN
        most = self.rule.distance * len(heard)
        walk = Walk(self._graph, [heard], [most])
        ends = [node for node, _ in self._graph.finals if walk.cost(node) <= most]
        least = min((walk.cost(node) for node in ends), default=math.inf)
        alive = walk.alive()
        if alive > most:
            return Standing.UNKNOWN
        if least > alive + SLACK:
            return Standing.UNFINISHED
        return Standing.OPEN if walk.least(self._graph.onward) <= least + 1e-3 else Standing.WHOLE

    def _read(self, texts: Sequence[str], whole: str) -> list[_Reading]:
        spoken = [words(text) for text in texts]
        sounds = [self._phonemes.of(heard) for heard in spoken]
        phones = [[phone for sound in own for phone in sound] for own in sounds]
        known = [
            index for index, heard in enumerate(phones) if self._graph.finals and SHORTEST <= len(heard) <= LONGEST
        ]
        limits = [SURE * self.rule.distance, self.rule.distance + DOUBTFUL]
        heard = [phones[index] for index in known]
        ways = nearest(self._graph, heard, limits=limits, roughly=LOOKED_AT, within=_WITHIN)
        found = dict(zip(known, ways, strict=True))
        return [
            self._best(found[index], whole, spoken[index], sounds[index])
            if index in found
            else self._unfit(phones[index])
            for index in range(len(texts))
        ]

    def _unfit(self, heard: Sequence[str]) -> _Reading:
        if len(heard) < SHORTEST:
            return _Reading(Hearing(Verdict.NONE, "it is too short to be known by its sound"))
        if len(heard) > LONGEST:
            return _Reading(Hearing(Verdict.NONE, "it is too long for a command"))
        return _Reading(Hearing(Verdict.NONE, "there are no sentences without free slots"))

    def _best(
        self, found: Iterable[Way], whole: str, heard: Sequence[str], sounds: Sequence[tuple[str, ...]]
    ) -> _Reading:
        count = sum(map(len, sounds))
        ways: list[tuple[Candidate, Way]] = []
        for way in found:
            candidate = self._candidate(way, whole, count)
            if not any(candidate.intent.meaning == known.intent.meaning for known, _ in ways):
                ways.append((candidate, way))
                if len(ways) == MOST_CANDIDATES:
                    break
        if not ways:
            return _Reading(Hearing(Verdict.NONE, "it sounds like no sentence"))
        candidates = tuple(candidate for candidate, _ in ways)
        verdict, reason = self._judged(*ways[0], heard, sounds)
        best, *others = candidates
        if verdict is Verdict.TAKEN and others and others[0].distance - best.distance < self.rule.margin:
            verdict, reason = Verdict.ASK, f'"{others[0].sentence}" sounds as much like it'
        return _Reading(Hearing(verdict, reason, candidates, count), ways, heard, sounds)

    def _options(
        self, readings: Sequence[_Reading], evidence: Mapping[tuple[str, str, str], float]
    ) -> tuple[Option, ...]:
        """What may be meant, by all texts, each meaning where it is nearest; the nearest few."""
        by_meaning: dict[tuple[str, str, str], tuple[Candidate, Way, _Reading]] = {}
        for reading in readings:
            for candidate, way in reading.ways:
                known = by_meaning.get(candidate.intent.meaning)
                if known is None or candidate.distance < known[0].distance:
                    by_meaning[candidate.intent.meaning] = candidate, way, reading
        found = sorted(by_meaning.values(), key=lambda one: one[0].distance)
        options = []
        for candidate, way, reading in found[:MOST_CANDIDATES]:
            if candidate.distance <= found[0][0].distance + _WITHIN:
                verdict, reason = self._judged(candidate, way, reading.words, reading.sounds)
                cost = -math.log(max(evidence[candidate.intent.meaning], 1e-300))
                if verdict is not Verdict.NONE:
                    options.append(Option(candidate, cost, verdict, reason))
        return tuple(options)

    def _judged(
        self, best: Candidate, way: Way, heard: Sequence[str], sounds: Sequence[tuple[str, ...]]
    ) -> tuple[Verdict, str]:
        """Of a sentence as if there were no other."""
        distance = self.rule.distance
        if best.distance > distance:
            near = best.distance <= distance + DOUBTFUL
            said = f"the nearest sentence is {best.distance:.3f} away, farther than {distance:g}"
            return (Verdict.ASK if near else Verdict.NONE), said
        filled = frozenset(str(value) for value in best.intent.slots.values() if type(value) is int)
        said_sounds = self._phonemes.of(way.words)
        family = wording.family(self.language)
        telling = telling_distance(way.words, said_sounds, way.costs, family)
        if telling is not None and telling > TELLING * distance:
            near = telling <= DOUBTFUL_TELLING * distance
            said = f"what tells it from other sentences is {telling:.3f} away, farther than {TELLING * distance:g}"
            return (Verdict.ASK if near else Verdict.NONE), said
        against = objection(heard, sounds, way.words, said_sounds, filled & set(way.words), family)
        if against is not None:
            return Verdict.ASK, against
        return Verdict.TAKEN, f"{best.distance:.3f} away, within {distance:g}"

    def _candidate(self, way: Way, text: str, count: int) -> Candidate:
        template = self._graph.templates[way.template]
        slots = numbers.slots(self._graph.marks[mark] for mark in way.marks)
        distance = way.cost / count
        score = min(0.999, max(0.0, round(1.0 - distance, 3)))
        intent = Intent(template.intent, slots, text, score=score, plugin=template.plugin)
        return Candidate(intent, " ".join(way.words), round(distance, 4))

    def _heard(self, text: str) -> list[str]:
        return [phone for sound in self._phonemes.of(words(text)) for phone in sound]

    def _pronounce(self, word: str) -> tuple[str, ...]:
        return self._phonemes.of([word])[0]

    def _left_out(self, template: Template, why: str) -> None:
        text = template.sentence.text or template.intent
        self.on_fault(template.plugin, f'the sentence "{text}" of {template.intent} is not known by sound: {why}')


def _readings(texts: Sequence[str], language: str) -> dict[str, float]:
    """The texts, less politeness, and one that was said or written twice, once; each with its weight as evidence."""
    found: dict[str, float] = {}
    for index, text in enumerate(texts):
        parts = _SENTENCE_END.split(text.strip())
        whole = [parts[0], text] if len(parts) > 1 and _again(parts[0], parts[1]) else [text]
        for said in whole:
            plain = wording.without_politeness(wording.spoken(said, language), language)
            if plain:
                found[plain] = found.get(plain, 0.0) + (ALTERNATIVE if index else 1.0)
    return found


def _again(first: str, second: str) -> bool:
    """Whether the second begins as the first does: Whisper writes what it heard in noise twice."""
    one, other = words(first), words(second)
    return len(other) > 2 and one[: min(len(one), len(other), 4)] == other[:4][: len(one)]


def _rank(hearing: Hearing, evidence: Mapping[tuple[str, str, str], float]) -> tuple[int, float]:
    order = [Verdict.TAKEN, Verdict.ASK, Verdict.NONE].index(hearing.verdict)
    return order, -evidence[hearing.candidates[0].intent.meaning]


__all__ = [
    "BySound",
    "Candidate",
    "Hearing",
    "PhonemesUnavailable",
    "SoundRule",
    "Verdict",
]
