"""The configuration's shape as a tree of tables and keys, read from the msgspec types."""

import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
from msgspec import Meta

from auricle import settings
from auricle.config.toml import Place


@dataclass(frozen=True, slots=True)
class Key:
    """A key with a value."""

    annotation: typing.Any
    """The field's type with its bounds, as `msgspec.convert` takes it."""
    default: object
    """`msgspec.NODEFAULT` if the key must be given."""
    description: str = ""
    unit: str = ""
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table of named keys and tables."""

    entries: Mapping[str, "Key | Table"] = field(default_factory=dict)
    struct: type[msgspec.Struct] | None = None
    """What the entries of it convert to, once they are without faults; there may be entries beside them."""
    description: str = ""
    known: bool = True
    """False: the entries are not known yet and anything passes."""
    holds: str = ""
    """What the tables in this one are called, if they carry names: `plugin` or `engine`."""


UNKNOWN = Table(known=False)


def configuration(
    plugin_types: Mapping[str, type[msgspec.Struct]] | None = None,
    engine_types: Mapping[str, type[msgspec.Struct]] | None = None,
    in_daemon: typing.Collection[str] = (),
    unjudged: typing.Collection[str] = (),
) -> Table:
    """Return the shape of the whole file.

    plugin_types, engine_types: type of each `[plugins.NAME]` and `[engines.NAME]`; None: not known, all names pass.
    in_daemon: engines without a process of their own, whose tables have no `settings.EngineProcess` keys.
    unjudged: plugins that are installed but did not load: whatever is said of them, or of engines so named, passes.
    """
    entries = dict(table(settings.Config).entries)
    del entries["plugin_options"]
    plugins: dict[str, Key | Table] = dict(table(settings.Plugins).entries)
    for name, plugin in (plugin_types or {}).items():
        own = table(plugin)
        plugins.setdefault(
            name, Table({**own.entries, **table(settings.PluginProcess).entries}, plugin, own.description)
        )
    entries["plugins"] = Table(plugins, None, _first_line(settings.Plugins), plugin_types is not None, "plugin")
    process = table(settings.EngineProcess).entries
    engines: dict[str, Key | Table] = {}
    for name, engine in (engine_types or {}).items():
        own = table(engine)
        engines[name] = own if name in in_daemon else Table({**own.entries, **process}, engine, own.description)
    entries["engines"] = Table(engines, None, "Engines.", engine_types is not None, "engine")
    for name in unjudged:
        plugins.setdefault(name, UNKNOWN)
        engines.setdefault(name, UNKNOWN)
    return Table(entries)


def table(struct: type[msgspec.Struct]) -> Table:
    """Return the shape of one type."""
    annotations = typing.get_type_hints(struct, include_extras=True)
    entries: dict[str, Key | Table] = {}
    for found in msgspec.structs.fields(struct):
        annotation = annotations[found.name]
        plain, meta = unwrapped(annotation)
        if is_struct(plain):
            entries[found.encode_name] = table(plain)
            continue
        extra = meta.extra or {}
        entries[found.encode_name] = Key(
            annotation,
            found.default_factory() if found.default_factory is not msgspec.NODEFAULT else found.default,
            meta.description or "",
            str(extra.get("unit", "")),
            bool(extra.get("secret", False)),
        )
    return Table(entries, struct, _first_line(struct))


def find(root: Table, place: Place) -> "Key | Table | None":
    """Return what stands at a place of tables and keys; None if nothing may, UNKNOWN if that is not known."""
    here: Key | Table = root
    for part in place:
        if isinstance(here, Key):
            return None
        entry = here.entries.get(str(part))
        if entry is None:
            return None if here.known else UNKNOWN
        here = entry
    return here


def unwrapped(annotation: typing.Any) -> tuple[typing.Any, Meta]:
    """Return the type without `Annotated`, and all its `Meta` as one; the outermost wins."""
    if typing.get_origin(annotation) is not typing.Annotated:
        return annotation, Meta()
    plain, *notes = typing.get_args(annotation)
    merged: dict[str, typing.Any] = {}
    extra: dict[str, typing.Any] = {}
    for note in notes:
        if isinstance(note, Meta):
            merged.update({name: value for name, value in note.__rich_repr__() if value is not None})
            extra.update(note.extra or {})
    if extra:
        merged["extra"] = extra
    return plain, Meta(**merged)


def alternatives(plain: typing.Any) -> tuple[typing.Any, ...]:
    """Return the members of a union, None left out; of any other type, that type."""
    if typing.get_origin(plain) in (typing.Union, types.UnionType):
        return tuple(member for member in typing.get_args(plain) if member is not types.NoneType)
    return (plain,)


def is_struct(plain: typing.Any) -> typing.TypeGuard[type[msgspec.Struct]]:
    return isinstance(plain, type) and issubclass(plain, msgspec.Struct)


def _first_line(struct: type[msgspec.Struct]) -> str:
    return (struct.__doc__ or "").strip().partition("\n")[0] if struct.__doc__ is not msgspec.Struct.__doc__ else ""
