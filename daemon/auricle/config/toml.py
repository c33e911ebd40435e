"""Places and values as TOML writes them."""

import datetime
import json
import re
from collections.abc import Mapping, Sequence

Place = tuple[str | int, ...]
"""Where a value stands: keys, and indices into lists: `("wake", "words", 0, "model")`."""

_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")


def key_text(key: str) -> str:
    """Return a key as TOML takes it: quoted only if it must be."""
    return key if _BARE.match(key) else string_text(key)


def place_text(place: Place) -> str:
    """Return `wake.words[0].model`."""
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{key_text(part)}" if text else key_text(part)
    return text


def string_text(value: str) -> str:
    """Return a basic string with what TOML wants escaped."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def value_text(value: object) -> str:
    """Return a value on one line, tables inline. TypeError for what TOML has not, such as None."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return repr(value)
        case str():
            return string_text(value)
        case datetime.datetime() | datetime.date() | datetime.time():
            return value.isoformat()
        case Mapping():
            pairs = ", ".join(f"{key_text(str(key))} = {value_text(inner)}" for key, inner in value.items())
            return f"{{ {pairs} }}" if pairs else "{}"
        case Sequence() | set() | frozenset():
            return f"[{', '.join(value_text(inner) for inner in value)}]"
    raise TypeError(f"TOML has no {type(value).__name__}")
