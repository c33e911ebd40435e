"""What the configuration asks of plugins and engines, against what is installed."""

from collections.abc import Collection, Iterator, Mapping
from importlib.metadata import entry_points
from typing import Any

import msgspec

from auricle.config.nearest import nearest
from auricle.config.toml import Place, place_text
from auricle.settings import Config, EngineProcess

Types = Mapping[str, type[msgspec.Struct]]
"""Name of a plugin or an engine to the type of its own keys."""


def remote_engines(engines: object) -> Types:
    """Return the engines that have a URI: they need no plugin, so any name will do."""
    named = engines.items() if isinstance(engines, Mapping) else ()
    return {name: EngineProcess for name, keys in named if isinstance(keys, Mapping) and keys.get("uri")}


def not_loaded(plugin_types: Types, disabled: Collection[str]) -> Collection[str]:
    """Return the plugins that are installed, or named as disabled, and did not come so far as to have a type."""
    installed = {entry.name for entry in entry_points(group="auricle.plugins")}
    return sorted((installed | set(disabled)) - set(plugin_types))


def disabled_plugins(tables: Mapping[str, Any]) -> list[str]:
    """Return what `[plugins] disabled` names, as far as it is right."""
    plugins = tables.get("plugins")
    names = plugins.get("disabled") if isinstance(plugins, Mapping) else None
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def isolated_plugins(plugins: object) -> list[str]:
    """Return the plugins that run in processes of their own: only those know what their tables take."""
    named = plugins.items() if isinstance(plugins, Mapping) else ()
    return [name for name, keys in named if isinstance(keys, Mapping) and keys.get("isolated") is True]


def unknown_engines(config: Config, known: Collection[str]) -> Iterator[tuple[Place, str]]:
    """Yield each engine that is asked for and that there is not."""
    asked: list[tuple[Place, str]] = []
    for part, section in (("stt", config.stt), ("tts", config.tts)):
        if section.uri is None:
            asked.append(((part, "engine"), section.engine))
        asked += [((part, "fallback"), name) for name in section.fallback]
    asked += [(("wake", "words", index, "engine"), word.engine) for index, word in enumerate(config.wake.words)]
    for place, name in asked:
        if name not in known:
            right = nearest(name, known)
            advice = f"did you mean {right}?" if right else f"there are: {', '.join(known) or 'none'}"
            yield place, f'{place_text(place)}: no engine is called "{name}"; {advice}'
