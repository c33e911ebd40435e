"""What was meant by a name that there is not."""

from collections.abc import Iterable, Iterator

from rapidfuzz import fuzz, process

from auricle.config.schema import Table
from auricle.config.toml import Place, place_text

_ALIKE = 65
"""Similarity, 0 to 100, from which a name in the same table is taken to be meant."""
_ALIKE_ELSEWHERE = 84
_MOST_LISTED = 12


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return the right name that is most like `name`, if one is like it at all."""
    choices = {choice: _plain(choice) for choice in names}
    best = process.extractOne(_plain(name), choices, scorer=fuzz.ratio, score_cutoff=_ALIKE)
    return str(best[2]) if best is not None else None


def meant(place: Place, root: Table, parent: Table) -> str:
    """Return the sentence after "is not a key": what was meant, else what there is. Empty if nothing helps.

    place: of the unknown key; parent: the table that it stands in.
    """
    name = str(place[-1])
    same = nearest(name, parent.entries)
    if same is not None:
        return f"did you mean {place_text((*place[:-1], same))}?"
    elsewhere = _elsewhere(name, root)
    if elsewhere:
        return f"did you mean {' or '.join(place_text(found) for found in elsewhere)}?"
    if not parent.entries:
        return f"there is no {parent.holds} with settings here" if parent.holds else "this table takes no keys"
    listed = ", ".join(list(parent.entries)[:_MOST_LISTED])
    return (
        f"{'known' if len(place) == 1 else 'known here'}: {listed}{', …' if len(parent.entries) > _MOST_LISTED else ''}"
    )


def _elsewhere(name: str, root: Table) -> list[Place]:
    leaves = list(_places(root, ()))
    exact = [place for place in leaves if place[-1] == name]
    if exact:
        return exact[:3]
    best = process.extractOne(
        _plain(name), [_plain(str(place[-1])) for place in leaves], scorer=fuzz.ratio, score_cutoff=_ALIKE_ELSEWHERE
    )
    return [leaves[best[2]]] if best is not None else []


def _places(table: Table, place: Place) -> Iterator[Place]:
    """Yield what stands where; the keys of plugins and engines are nobody else's."""
    for name, entry in table.entries.items():
        yield (*place, name)
        if isinstance(entry, Table) and not entry.holds:
            yield from _places(entry, (*place, name))


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")
