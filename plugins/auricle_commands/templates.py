"""What a sentence template asks for: its slots, and which of them every way of saying it fills."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Shape:
    """The slots of one template."""

    lists: Mapping[str, str]
    """Slot to the list, range or wildcard that it is filled from."""
    certain: frozenset[str]
    """Slots that are filled whichever way the sentence is said."""


@cache
def shape(template: str) -> Shape:
    """Raises ValueError for a template that cannot be read."""
    from hassil.expression import Alternative, Expression, Group, ListReference, RuleReference  # 8 MB, only if needed
    from hassil.parse_expression import parse_sentence
    from hassil.parser import ParseError

    lists: dict[str, str] = {}

    def certain(expression: Expression) -> frozenset[str]:
        match expression:
            case Alternative():
                ways = [certain(item) for item in expression.items]
                return frozenset.intersection(*ways) if ways else frozenset()
            case Group():
                return frozenset().union(*(certain(item) for item in expression.items))
            case ListReference():
                lists[expression.slot_name] = expression.list_name
                return frozenset((expression.slot_name,))
            case RuleReference():
                raise ValueError(f"<{expression.rule_name}>: rules are not for commands; write the words out")
            case _:
                return frozenset()

    try:
        filled = certain(parse_sentence(template).expression)
    except (ParseError, AssertionError, IndexError, RecursionError) as error:
        raise ValueError(f"its brackets cannot be read ({error or type(error).__name__})") from error
    return Shape(lists, filled)
