"""The example configuration: every key with its meaning, unit, bounds and default, written from the types."""

import textwrap
import typing
from collections.abc import Collection, Iterator, Mapping
from types import MappingProxyType

import msgspec

from auricle import settings
from auricle.config.schema import Key, Table, alternatives, configuration, is_struct, table, unwrapped
from auricle.config.toml import Place, key_text, place_text, value_text
from auricle.config.wording import limits, wanted

_WIDTH = 100
_HEAD = """\
# Auricle: every key of the configuration with its default.
#
# What you want to change, uncomment by removing "# " in front of it; all else can go.
# The first file found counts: --config FILE, $AURICLE_CONFIG, ~/.config/auricle/config.toml,
# /etc/auricle/config.toml. A variable overrides a key: AURICLE__AUDIO__OUTPUT__VOLUME=60.
# `auricle config check` names every mistake, `auricle config show` tells what is in effect."""


def example_text(
    plugin_types: Mapping[str, type[msgspec.Struct]],
    engine_types: Mapping[str, type[msgspec.Struct]],
    *,
    in_daemon: Collection[str] = (),
    captions: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Return the example.

    Types: of each plugin's and engine's own keys; those without keys are left out. in_daemon: engines without a
    process of their own. captions: engine to what it is.

    Every key is commented: `# volume = 80  # from 0 to 100 %`; one that has no default is `# host = …`. As it is, and
    with every line that has a default uncommented, it loads as the defaults.
    """
    shared = table(settings.EngineProcess).entries
    lines = [*_HEAD.splitlines()]
    for name, entry in configuration(plugin_types, engine_types, in_daemon).entries.items():
        if not isinstance(entry, Table):
            continue
        if name == "engines":
            lines += ["", "", *_process_keys(shared)]
            for engine, keys in entry.entries.items():
                if isinstance(keys, Table):
                    own = {
                        key: value for key, value in keys.entries.items() if engine in in_daemon or key not in shared
                    }
                    if own or engine not in in_daemon:
                        caption = captions.get(engine, keys.description)
                        lines += _table(Table(own, None, caption), ("engines", engine), bare=True)
        elif name == "plugins":
            lines += _plugins(entry)
        else:
            lines += _table(entry, (name,))
    return "\n".join(lines) + "\n"


def _plugins(shape: Table) -> Iterator[str]:
    """Yield `[plugins]`, the keys that each plugin takes, and the plugins' own."""
    shared = table(settings.PluginProcess).entries
    keys = {name: entry for name, entry in shape.entries.items() if isinstance(entry, Key)}
    yield from _table(Table(keys, shape.struct, shape.description), ("plugins",))
    yield from ("", *_shared_keys("Plugins. Each takes these keys beside its own:", shared))
    for name, entry in shape.entries.items():
        if isinstance(entry, Table):
            own = {key: value for key, value in entry.entries.items() if key not in shared}
            yield from _table(Table(own, entry.struct, entry.description), ("plugins", name))


def _table(shape: Table, place: Place, *, bare: bool = False) -> Iterator[str]:
    """Yield a table and those below it. bare: it stands there without keys too."""
    keys = {name: entry for name, entry in shape.entries.items() if isinstance(entry, Key)}
    inner = {name: entry for name, entry in shape.entries.items() if isinstance(entry, Table)}
    if keys or bare:
        yield from ("", "")
        yield from _prose(shape.description)
        yield f"[{place_text(place)}]"
        for name, key in keys.items():
            yield from _key(name, key)
    for name, entry in inner.items():
        yield from _table(entry, (*place, name))


def _key(name: str, key: Key) -> Iterator[str]:
    yield ""
    yield from _prose(key.description)
    for struct in _listed(key):
        for inner, item in table(struct).entries.items():
            if isinstance(item, Key):
                yield from _prose(f"{inner}: {item.description}{_ending(item)}", "    ")
    default = default_value(key)
    note = limits(key)
    if default is None:
        reason = "must be set" if key.default is msgspec.NODEFAULT else "not set"
        words = "; ".join(word for word in (reason, note or wanted(key)) if word != "text")
        yield f"# {key_text(name)} = …  # {words}"
    else:
        yield f"# {key_text(name)} = {value_text(default)}{f'  # {note}' if note else ''}"


def _process_keys(shared: Mapping[str, Key | Table]) -> Iterator[str]:
    intro = "Engines. One that runs in a process of its own, for STT or TTS, takes these keys beside its own:"
    yield from _shared_keys(intro, shared)


def _shared_keys(intro: str, shared: Mapping[str, Key | Table]) -> Iterator[str]:
    yield f"# {intro}"
    for name, key in shared.items():
        if isinstance(key, Key):
            default = default_value(key)
            shown = "not set" if default is None else value_text(default)
            yield from _prose(f"{name}: {key.description}{_ending(key)} Default: {shown}.", "    ")


def default_value(key: Key) -> object:
    """Return a key's default as TOML has it; None if it has none, or if the default is to be not set."""
    return None if key.default is msgspec.NODEFAULT else present(msgspec.to_builtins(key.default))


def present(value: object) -> object:
    """Return a value without what is not set inside it; TOML has no null."""
    if isinstance(value, Mapping):
        return {key: present(inner) for key, inner in value.items() if inner is not None}
    return [present(inner) for inner in value] if isinstance(value, list | tuple) else value


def _listed(key: Key) -> Iterator[type[msgspec.Struct]]:
    """Yield the types of the tables that a key lists."""
    for member in alternatives(unwrapped(key.annotation)[0]):
        for argument in typing.get_args(unwrapped(member)[0]):
            plain = unwrapped(argument)[0]
            if is_struct(plain):
                yield plain


def _ending(key: Key) -> str:
    note = limits(key)
    return f" ({note})" if note else ""


def _prose(text: str, indent: str = "") -> Iterator[str]:
    for line in textwrap.wrap(text, _WIDTH - 2 - len(indent), break_long_words=False, break_on_hyphens=False):
        yield f"# {indent}{line}"
        indent = indent + "  " if indent == "    " else indent
