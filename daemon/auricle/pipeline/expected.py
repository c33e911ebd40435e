"""What is likely to be said, from the sentences that are known: a hint for speech to text."""

from collections.abc import Iterable, Iterator
from itertools import chain, zip_longest

from hassil.expression import Alternative, Expression, Group, ListReference, RuleReference, TextChunk
from hassil.intents import TextSlotList

from auricle.model.intent import LONGEST_PHRASE, MOST_PHRASES, Expected
from auricle.pipeline.phonetic.graph import Template

MOST_VALUES = 200
"""Of a list that is longer nothing is told: a hint that has some of its names would draw speech to those."""


def expected(language: str, templates: Iterable[Template]) -> Expected | None:
    """The values of the lists in turn, then the fixed words of the intents in turn; none where there are none.

    templates: in the order in which ties are decided. What everybody says alike ("the", "to") comes too: an engine that
    has room for some alone knows best which words it would get wrong.
    """
    lists: dict[tuple[str, str], dict[str, None]] = {}
    intents: dict[tuple[str, str], dict[str, None]] = {}
    for template in templates:
        bits = intents.setdefault((template.plugin, template.intent), {})
        for name, bit in _parts(template.sentence.expression, template, frozenset()):
            if name is None:
                bits[bit] = None
            else:
                lists.setdefault((template.plugin, name), {})[bit] = None
    short = (words for words in lists.values() if len(words) <= MOST_VALUES)
    phrases = dict.fromkeys(chain(_in_turn(short), _in_turn(intents.values())))
    told = tuple(phrase for phrase in phrases if 0 < len(phrase) <= LONGEST_PHRASE)[:MOST_PHRASES]
    return Expected(language, told) if told else None


def _parts(expression: Expression, template: Template, within: frozenset[str]) -> Iterator[tuple[str | None, str]]:
    """Yield the runs of fixed words, with no name, and the values of lists, with the list's."""
    match expression:
        case Alternative():
            for item in expression.items:
                yield from _parts(item, template, within)
        case Group():
            run = ""
            for item in expression.items:
                if isinstance(item, TextChunk):
                    run += item.text
                    continue
                yield None, " ".join(run.split())
                run = ""
                yield from _parts(item, template, within)
            yield None, " ".join(run.split())
        case TextChunk():
            yield None, " ".join(expression.text.split())
        case RuleReference() if expression.rule_name not in within:
            rule = template.rules[expression.rule_name].expression
            yield from _parts(rule, template, within | {expression.rule_name})
        case ListReference():
            words = template.lists.get(expression.list_name)
            if isinstance(words, TextSlotList):
                for value in words.values:
                    yield expression.list_name, " ".join(_first(value.text_in).split())


def _first(expression: Expression) -> str:
    """One spelling of a value."""
    match expression:
        case TextChunk():
            return str(expression.text)
        case Alternative():
            return _first(expression.items[0])
        case Group():
            return "".join(map(_first, expression.items))
        case _:
            return ""


def _in_turn(groups: Iterable[Iterable[str]]) -> Iterator[str]:
    """The first of each, then the second of each, and so on."""
    for row in zip_longest(*groups, fillvalue=""):
        yield from row
