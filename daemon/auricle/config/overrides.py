"""Keys set by environment variables: `AURICLE__AUDIO__INPUT__DEVICE=2`."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from auricle.config.schema import Key, Table, find
from auricle.config.toml import place_text
from auricle.config.wording import fits

PREFIX = "AURICLE__"


@dataclass(frozen=True, slots=True)
class Override:
    variable: str
    place: tuple[str, ...]
    text: str


def overrides(environ: Mapping[str, str]) -> tuple[Override, ...]:
    """Return what the environment sets, by name of variable; keys are lower case."""
    names = sorted(name for name in environ if name.startswith(PREFIX))
    return tuple(Override(name, tuple(name[len(PREFIX) :].lower().split("__")), environ[name]) for name in names)


def apply(tables: dict[str, Any], override: Override, root: Table) -> str | None:
    """Set the key in `tables`, in place; return what is wrong if it cannot be set."""
    if not all(override.place):
        return f"not of the form {PREFIX}SECTION__KEY"
    here = tables
    for depth, part in enumerate(override.place[:-1], 1):
        below = here.setdefault(part, {})
        if not isinstance(below, dict):
            return f"{place_text(override.place[:depth])} is no table, so nothing below it can be set"
        here = below
    here[override.place[-1]] = _value(override.text, find(root, override.place))
    return None


def _value(text: str, entry: Key | Table | None) -> object:
    """Return the text as the TOML value that it is, or as text where that is what the key takes."""
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    if parsed.keys() != {"value"}:
        return text
    if isinstance(entry, Key) and not fits(parsed["value"], entry.annotation) and fits(text, entry.annotation):
        return text
    return parsed["value"]
