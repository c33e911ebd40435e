"""What the loaded sentences can ask for, one by one: for those who choose an intent by name instead of saying it."""

import re
from collections.abc import Iterator, Mapping

from auricle.api import BadRequest, Intent, KnownIntent, KnownSlot, Sentences

_REFERENCE = re.compile(r"\{([^{}:]+)(?::([^{}]+))?\}|<([^<>]+)>")


def known_intents(sentences: Mapping[str, Sentences]) -> tuple[KnownIntent, ...]:
    """sentences: by plugin."""
    return tuple(
        KnownIntent(plugin, name, templates, {slot: _slot(own, name, slot, words) for slot, words in _slots(own, name)})
        for plugin, own in sentences.items()
        for name, templates in own.intents.items()
    )


def known_intent(sentences: Mapping[str, Sentences], plugin: str, name: str, slots: Mapping[str, object]) -> Intent:
    """The intent, its slots filled with what the given words stand for. Raises BadRequest that names what is wrong."""
    own = sentences.get(plugin)
    if own is None or name not in own.intents:
        raise BadRequest(f"there is no intent {name} of a plugin {plugin}", field="intent")
    lists = dict(_slots(own, name))
    filled = {}
    for slot, given in slots.items():
        if slot not in lists:
            known = ", ".join(lists) or "none"
            raise BadRequest(f"{name} has no slot {slot}; it has {known}", field=slot)
        filled[slot] = _value(own, lists[slot], slot, given)
    return Intent(name, filled, plugin=plugin)


def _slots(own: Sentences, intent: str) -> Iterator[tuple[str, str]]:
    """Yield each slot of an intent once, with the list, range or wildcard that fills it."""
    seen: set[str] = set()
    rules: set[str] = set()
    texts = list(own.intents[intent])
    while texts:
        for words, slot, rule in _REFERENCE.findall(texts.pop()):
            if rule:
                if rule not in rules and rule in own.expansion_rules:
                    rules.add(rule)
                    texts.append(own.expansion_rules[rule])
            elif (name := slot or words) not in seen:
                seen.add(name)
                yield name, words


def _slot(own: Sentences, intent: str, slot: str, words: str) -> KnownSlot:
    required = slot in own.required.get(intent, {})
    if words in own.ranges:
        low, high = own.ranges[words]
        return KnownSlot(lowest=low, highest=high, required=required)
    return KnownSlot(tuple(_choices(own, words)), required=required)


def _choices(own: Sentences, words: str) -> dict[str, object]:
    """What may be said for a list, in one spelling each, to its value."""
    from auricle.pipeline.sentences import spellings  # 12 MB that commands without plugins need not load

    found: dict[str, object] = {}
    values = own.lists.get(words, ())
    pairs = values.items() if isinstance(values, Mapping) else ((word, word) for word in values)
    for template, value in pairs:
        found.setdefault(spellings(template)[0], value)
    return found


def _value(own: Sentences, words: str, slot: str, given: object) -> object:
    if words in own.ranges:
        low, high = own.ranges[words]
        try:
            number = int(str(given))
        except ValueError:
            raise BadRequest(f"{slot}: {given!r} is no whole number", field=slot) from None
        if not low <= number <= high:
            raise BadRequest(f"{slot}: {number} is not from {low} to {high}", field=slot)
        return number
    if words not in own.lists:
        return str(given)
    return _listed(own, words, slot, given)


def _listed(own: Sentences, words: str, slot: str, given: object) -> object:
    from auricle.pipeline.sentences import spellings  # as above

    values = own.lists[words]
    pairs = list(values.items() if isinstance(values, Mapping) else ((word, word) for word in values))
    said = str(given).casefold().strip()
    for template, value in pairs:
        if said in (text.casefold() for text in spellings(template)):
            return value
    for _, value in pairs:
        if said == str(value).casefold():
            return value
    known = ", ".join(list(_choices(own, words))[:20])
    raise BadRequest(f"{slot}: there is no {given!r}; there are {known}", field=slot)
