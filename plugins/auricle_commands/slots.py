"""Slots in texts: `{room}` in a topic, a payload or a reply, and what stands there once a sentence was said."""

import re
from collections.abc import Mapping

import msgspec

_SLOT = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_NOT_IN_TOPICS = re.compile(r"[+#/\x00-\x1f\x7f]")


def slots_of(text: object) -> set[str]:
    """Names of the slots in a text, or in all texts of a table."""
    match text:
        case str():
            return set(_SLOT.findall(text))
        case dict():
            return set().union(*(slots_of(inner) for inner in text.values()))
        case list():
            return set().union(*(slots_of(inner) for inner in text))
        case _:
            return set()


def fill(text: str, slots: Mapping[str, object]) -> str:
    """Put each slot's value in its place; what a value brings along is not filled again."""
    return _SLOT.sub(lambda found: text_of(slots[found[1]]) if found[1] in slots else found[0], text)


def filled_payload(payload: object, slots: Mapping[str, object]) -> str | bytes:
    """A text with its slots filled. A table becomes JSON; a text in it that is one slot alone keeps the type."""
    return fill(payload, slots) if isinstance(payload, str) else msgspec.json.encode(_filled(payload, slots))


def topic_part(value: object) -> str:
    """A value as part of a topic: lower case, `_` for spaces, no characters that mean something in topics."""
    return "_".join(_NOT_IN_TOPICS.sub(" ", text_of(value).lower()).split())


def text_of(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _filled(payload: object, slots: Mapping[str, object]) -> object:
    match payload:
        case str():
            alone = _SLOT.fullmatch(payload)
            return slots[alone[1]] if alone and alone[1] in slots else fill(payload, slots)
        case dict():
            return {name: _filled(inner, slots) for name, inner in payload.items()}
        case list():
            return [_filled(inner, slots) for inner in payload]
        case _:
            return payload
