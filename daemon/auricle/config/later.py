"""Keys that the configuration takes and this version does not act on."""

from collections.abc import Iterator
from typing import get_type_hints

import msgspec


def unused_keys(section: msgspec.Struct, at: str = "") -> Iterator[str]:
    """Yield the path of every such key that is not left at its default."""
    default = type(section)()
    for name, hint in get_type_hints(type(section), include_extras=True).items():
        value = getattr(section, name)
        if any(isinstance(meta, msgspec.Meta) and (meta.extra or {}).get("later") for meta in _metas(hint)):
            if value != getattr(default, name):
                yield f"{at}{name}"
        elif isinstance(value, msgspec.Struct):
            yield from unused_keys(value, f"{at}{name}.")


def _metas(hint: object) -> tuple[object, ...]:
    return getattr(hint, "__metadata__", ())
