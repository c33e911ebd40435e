"""Types, bounds and found values in plain words, for messages and for the example."""

import enum
import types
import typing

import msgspec
from msgspec import Meta

from auricle.config.schema import Key, alternatives, is_struct, unwrapped
from auricle.config.toml import value_text

_LONGEST_SHOWN = 60


def wanted(key: Key) -> str:
    """Return what a key takes: `a whole number from 0 to 100 %`."""
    return type_words(key.annotation, key.unit)


def limits(key: Key) -> str:
    """Return what a key's value alone does not show, for the example: bounds, choices, form; empty if nothing."""
    plain, meta = unwrapped(key.annotation)
    words = [_limit_words(member, meta, key.unit) for member in alternatives(plain)]
    return " or ".join(word for word in words if word)


def key_words(key: Key) -> str:
    """Return all about a key in a line: meaning, what it takes, default."""
    if key.default is msgspec.NODEFAULT:
        default = "must be set"
    elif key.default is None:
        default = "not set by default"
    else:
        default = f"default {value_text(msgspec.to_builtins(key.default))}"
    return f"{key.description} ({wanted(key)}; {default})".strip()


def found(value: object) -> str:
    """Return a value as the user wrote it, cut if it is long."""
    try:
        text = value_text(value)
    except TypeError:
        text = str(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def kind(value: object) -> str:
    """Return what a value is, without the value: `text`, `a table`."""
    match value:
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case dict():
            return "a table"
        case list():
            return "a list"
    return "a date or time"


def type_words(annotation: typing.Any, unit: str = "") -> str:
    """Return what a type takes, in words."""
    plain, meta = unwrapped(annotation)
    return " or ".join(dict.fromkeys(_words(member, meta, unit) for member in alternatives(plain)))


def _words(annotation: typing.Any, outer: Meta, unit: str) -> str:
    plain, own = unwrapped(annotation)
    meta = own if annotation is not plain else outer
    origin = typing.get_origin(plain) or plain
    if plain is bool:
        return "true or false"
    if plain is int or plain is float:
        return f"a {'whole ' if plain is int else ''}number{_bounds(meta)}{f' {unit}' if unit else ''}"
    if plain is str:
        return _form(meta) or "text"
    if origin is typing.Literal:
        return _choices(typing.get_args(plain))
    if isinstance(plain, type) and issubclass(plain, enum.Enum):
        return _choices([member.value for member in plain])
    if is_struct(plain) or origin is dict:
        return "a table"
    if origin in (tuple, list, set, frozenset):
        items = typing.get_args(plain)
        many = f"a list of at most {meta.max_length}" if meta.max_length is not None else "a list"
        inner = type_words(items[0]) if items else "anything"
        return f"{many}, each {inner}" if items and inner != "text" else f"{many} of texts"
    if plain is types.NoneType:
        return "nothing"
    return f"a {getattr(plain, '__name__', 'value')}"


def _limit_words(annotation: typing.Any, outer: Meta, unit: str) -> str:
    plain, own = unwrapped(annotation)
    meta = own if annotation is not plain else outer
    if plain is int or plain is float:
        bounds = _bounds(meta).strip()
        return f"{bounds} {unit}".strip() if bounds else unit
    if plain is str:
        return _form(meta)
    if typing.get_origin(plain) is typing.Literal:
        return _choices(typing.get_args(plain))
    if isinstance(plain, type) and issubclass(plain, enum.Enum):
        return _choices([member.value for member in plain])
    if meta.max_length is not None:
        return f"at most {meta.max_length}"
    return ""


def _bounds(meta: Meta) -> str:
    low = f"{meta.ge:g}" if meta.ge is not None else None
    over = f"{meta.gt:g}" if meta.gt is not None else None
    high = f"{meta.le:g}" if meta.le is not None else None
    under = f"{meta.lt:g}" if meta.lt is not None else None
    if low and high:
        return f" from {low} to {high}"
    words = [
        f"{low} or more" if low else f"above {over}" if over else "",
        f"at most {high}" if high else f"below {under}" if under else "",
    ]
    text = " and ".join(word for word in words if word)
    return f" {text}" if text else ""


def _form(meta: Meta) -> str:
    form = (meta.extra or {}).get("form")
    if form:
        return str(form)
    if meta.pattern is not None:
        return f"text that matches {meta.pattern}"
    least, most = meta.min_length, meta.max_length
    if least and most is not None:
        return f"text of {least} to {most} characters"
    if most is not None:
        return f"text of at most {most} characters"
    return ("text that is not empty" if least == 1 else f"text of at least {least} characters") if least else ""


def _choices(values: typing.Iterable[object]) -> str:
    *most, last = [value_text(value) for value in values]
    return f"{', '.join(most)} or {last}" if most else last


def fits(value: object, annotation: typing.Any) -> bool:
    """Whether a value as TOML has it may stand where `annotation` is asked for."""
    try:
        msgspec.convert(value, annotation, strict=True)
    except (msgspec.ValidationError, RecursionError):
        return False
    except TypeError:
        return True  # msgspec refuses the type itself: the plugin's fault, and its table says so
    return True
