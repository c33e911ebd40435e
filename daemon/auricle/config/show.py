"""The configuration in effect: every key with its value and where it came from; secrets masked."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import msgspec

from auricle.config.example import default_value, present
from auricle.config.installed import Types
from auricle.config.load import LoadedConfig
from auricle.config.schema import Key, Table, configuration
from auricle.config.toml import Place, key_text, place_text, value_text
from auricle.settings import Config

MASK = "********"

_SECRET_NAME = re.compile(r"(password|passphrase|secret|token|api_?key)\Z", re.IGNORECASE)
"""Keys taken for secrets even where no type says so: in tables of plugins that are not known, in lists of tables."""
_COMMENT_COLUMN = 48


def effective(
    loaded: LoadedConfig, plugin_types: Types, engine_types: Types, *, in_daemon: Collection[str] = ()
) -> dict[str, Any]:
    """Return every key's value as TOML or JSON has it; None for what is not set, MASK for secrets.

    A secret that came from a file is left out: the file's name stands for it.
    """
    return _table(_tree(loaded.config), configuration(plugin_types, engine_types, in_daemon))


def show_text(
    loaded: LoadedConfig, plugin_types: Types, engine_types: Types, *, in_daemon: Collection[str] = ()
) -> str:
    """Return the same as TOML, each key with a comment that says where it was set. Without secrets it loads again."""
    root = configuration(plugin_types, engine_types, in_daemon)
    values = effective(loaded, plugin_types, engine_types, in_daemon=in_daemon)
    origin = str(loaded.path) if loaded.path is not None else "no file: defaults"
    return "\n".join((f"# {origin}", *_lines(values, root, (), loaded.sources))) + "\n"


def _tree(config: Config) -> dict[str, Any]:
    tree: dict[str, Any] = msgspec.to_builtins(config)
    tree["plugins"] |= tree.pop("plugin_options")
    return tree


def _table(values: Mapping[str, Any], shape: Table) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name, entry in shape.entries.items():
        if isinstance(entry, Table):
            shown[name] = _table(values.get(name, {}), entry)
            continue
        value = values.get(name, default_value(entry))
        if value is not None and entry.secret:
            if values.get(f"{name}_file") is not None:
                continue
            value = MASK
        shown[name] = _masked(name, present(value))
    for name, value in values.items():
        if name not in shape.entries:
            shown[name] = _masked(name, value)
    return shown


def _masked(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return {inner: _masked(str(inner), item) for inner, item in value.items()}
    if isinstance(value, list):
        return [_masked(name, item) for item in value]
    return MASK if value is not None and _SECRET_NAME.search(name) else value


def _lines(values: Mapping[str, Any], shape: Table, place: Place, sources: Mapping[str, str]) -> Iterator[str]:
    tables = {name for name, value in values.items() if _is_table(shape.entries.get(name), value)}
    keys = {name: value for name, value in values.items() if name not in tables}
    if place and (keys or not (tables or shape.holds)):
        yield from ("", f"[{place_text(place)}]")
    for name, value in keys.items():
        source = sources.get(place_text((*place, name)), "default")
        if value is None:
            yield f"# {key_text(name)} is not set"
        else:
            yield f"{key_text(name)} = {value_text(value)}".ljust(_COMMENT_COLUMN) + f"  # {source}"
    for name in sorted(tables, key=list(values).index):
        entry = shape.entries.get(name)
        yield from _lines(values[name], entry if isinstance(entry, Table) else Table(), (*place, name), sources)


def _is_table(entry: Key | Table | None, value: object) -> bool:
    return isinstance(entry, Table) or (entry is None and isinstance(value, Mapping))
