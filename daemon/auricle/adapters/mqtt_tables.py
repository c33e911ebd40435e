"""The tables of `docs/mqtt.md`, made from the types of the payloads."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args, get_type_hints

import msgspec

from auricle.adapters import payloads, requests
from auricle.adapters.mqtt_pool import Member

_REQUESTS = (requests.Say, requests.Ask, requests.Listen, requests.Stop)
_ANSWERS = (
    payloads.SpeechAnswer,
    payloads.ReplyAnswer,
    payloads.ListenAnswer,
    payloads.TranscriptAnswer,
    payloads.StopAnswer,
    payloads.SetAnswer,
)
_FACTS = (
    payloads.State,
    payloads.Wake,
    payloads.Partial,
    payloads.TranscriptHeard,
    payloads.IntentFound,
    payloads.Speech,
    payloads.Timer,
    payloads.Quality,
    payloads.Error,
    Member,
)


def tables() -> Mapping[str, str]:
    """Markdown by the name of its place in the page."""
    return {
        **{kind.__name__.lower(): _of_request(kind) for kind in _REQUESTS},
        "answers": _of_sent(_ANSWERS),
        "facts": _of_sent(_FACTS),
    }


def filled(page: str) -> str:
    """The page with each `<!-- table: NAME -->` … `<!-- end of table -->` filled anew. Raises KeyError for a name."""
    made = tables()
    return re.sub(
        r"(<!-- table: (\w+) -->\n).*?(<!-- end of table -->)",
        lambda found: f"{found[1]}{made[found[2]]}{found[3]}",
        page,
        flags=re.DOTALL,
    )


def _of_request(kind: type[requests.Request]) -> str:
    rows = []
    hints = get_type_hints(kind, include_extras=True)
    for field in msgspec.structs.fields(kind):
        if field.required:
            absent = "must be given"
        else:
            default = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
            absent = "" if default is None else f"`{msgspec.json.encode(default).decode()}`"
        fits, means = (_found(hints[field.name], part) for part in ("description", "extra"))
        rows.append((f"`{field.name}`", fits, absent, means))
    return _table(("field", "takes", "without it", "is"), rows)


def _of_sent(kinds: tuple[type[msgspec.Struct], ...]) -> str:
    rows = []
    for kind in kinds:
        place = " ".join((kind.__doc__ or "").split()).rstrip(".").removeprefix("The answer to ")
        for name, hint in get_type_hints(kind, include_extras=True).items():
            rows.append((place, f"`{name}`", _found(hint, "description")))
            place = ""
    return _table(("topic", "field", "is"), rows)


def _found(hint: Any, part: str) -> str:
    """The first description, or the first meaning, of a type. Raises StopIteration if it has none."""
    return next(_all_found(hint, part))


def _all_found(hint: Any, part: str) -> Iterator[str]:
    for meta in getattr(hint, "__metadata__", ()):
        if part == "description" and meta.description:
            yield meta.description
        elif part == "extra" and meta.extra:
            yield meta.extra["means"]
    for below in get_args(hint)[:1]:
        yield from _all_found(below, part)


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines).replace("|  |", "| |").replace("|  |", "| |")
