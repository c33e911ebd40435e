"""From a file, the environment and the types to a configuration, or to all of its faults."""

import copy
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from auricle.config.check import Checker
from auricle.config.crosscheck import crosscheck
from auricle.config.installed import (
    Types,
    disabled_plugins,
    isolated_plugins,
    not_loaded,
    remote_engines,
    unknown_engines,
)
from auricle.config.overrides import apply
from auricle.config.schema import Table, configuration, table
from auricle.config.toml import Place, place_text
from auricle.config.written import Written, problems_error, read
from auricle.model.errors import ConfigError
from auricle.model.secrets import read_secret
from auricle.settings import Config, Plugins


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A configuration without faults."""

    config: Config
    path: Path | None
    """The file that it came from; None: there is none."""
    sources: Mapping[str, str]
    """Key (`audio.output.volume`) that is set to where: `FILE:LINE`, or the variable's name. Others are defaults."""
    written: Written = field(repr=False)

    def with_types(
        self, plugin_types: Types, engine_types: Types, *, in_daemon: Collection[str] = ()
    ) -> "LoadedConfig":
        """Return the same with the tables of plugins and engines judged too. Raises ConfigError."""
        return _judged(self.written, plugin_types, engine_types, in_daemon)


def load_config(
    path: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    *,
    plugin_types: Types | None = None,
    engine_types: Types | None = None,
    in_daemon: Collection[str] = (),
) -> LoadedConfig:
    """Return the configuration of `path`, else of the first file found, else the defaults; the environment overrides.

    plugin_types, engine_types, in_daemon: see `check_options`; without them these tables are taken as they are.
    Raises ConfigError that names every wrong key.
    """
    return _judged(read(path, environ), plugin_types, engine_types, in_daemon)


def check_options(
    config: Config | LoadedConfig,
    plugin_config_types: Types,
    engine_config_types: Types,
    *,
    in_daemon: Collection[str] = (),
) -> tuple[str, ...]:
    """Return what is wrong in the tables of plugins and engines, and in the names of engines; lines if it was loaded.

    Types: each plugin's and engine's own. in_daemon: engines (wake words, voice activity) without a process of their
    own, whose tables have no `settings.EngineProcess` keys.
    """
    if isinstance(config, LoadedConfig):
        try:
            config.with_types(plugin_config_types, engine_config_types, in_daemon=in_daemon)
        except ConfigError as error:
            return error.problems
        return ()
    engine_types = {**remote_engines(config.engines), **engine_config_types}
    apart = isolated_plugins(config.plugin_options)
    unjudged = not_loaded(plugin_config_types, [*config.plugins.disabled, *apart])
    checker = Checker(configuration(plugin_config_types, engine_types, in_daemon, unjudged))
    checker.table({"plugins": config.plugin_options, "engines": config.engines}, checker.root, ())
    faults = [*checker.faults, *unknown_engines(config, [*engine_types, *unjudged])]
    return tuple(text for _, text in faults)


def _judged(
    written: Written, plugin_types: Types | None, engine_types: Types | None, in_daemon: Collection[str]
) -> LoadedConfig:
    root = configuration(plugin_types, engine_types, in_daemon)
    tables = copy.deepcopy(dict(written.tables))
    problems: list[str] = []
    for override in written.overrides:
        wrong = apply(tables, override, root)
        if wrong is not None:
            problems.append(f"{override.variable}: {wrong}")
    unjudged: Collection[str] = ()
    if plugin_types is not None and engine_types is not None:
        engine_types = {**remote_engines(tables.get("engines")), **engine_types}
        apart = isolated_plugins(tables.get("plugins"))
        plugin_types = {name: plugin_types[name] for name in plugin_types if name not in apart}
        unjudged = not_loaded(plugin_types, [*disabled_plugins(tables), *apart])
        root = configuration(plugin_types, engine_types, in_daemon, unjudged)
    beside = written.path.parent if written.path is not None else None
    checker = Checker(root, lambda name: read_secret(name, written.environ, beside))
    try:
        right = checker.table(tables, root, ())
        faults = list(checker.faults)
        config = _config(right, root)
    except RecursionError as error:
        raise problems_error(written.path, ["the configuration is nested too deep"]) from error
    # A section with a fault is at its default from here on, so that the others are still looked at.
    wrong_sections = {place[0] for place, _ in faults if place}
    found = list(crosscheck(config))
    if engine_types is not None:
        found += unknown_engines(config, [*engine_types, *unjudged])
    faults += [fault for fault in found if fault[0][0] not in wrong_sections]
    faults.sort(key=lambda fault: written.line(fault[0]))
    problems += [written.located(place, text) for place, text in faults]
    if problems:
        raise problems_error(written.path, problems)
    sources = dict(_sources(written, tables, root, ()))
    sources.update({place_text(place): written.source((*place[:-1], f"{place[-1]}_file")) for place in checker.secrets})
    return LoadedConfig(config, written.path, sources, written)


def _config(right: dict[str, Any], root: Table) -> Config:
    """Convert what is right, section by section: the caller goes on with the rest when one is wrong."""
    plugins = right.get("plugins", {})
    own = table(Plugins).entries
    sections: dict[str, Any] = {"engines": _filled(right.get("engines", {}))}
    sections["plugin_options"] = _filled({name: keys for name, keys in plugins.items() if name not in own})
    for name, section in table(Config).entries.items():
        if isinstance(section, Table) and section.struct is not None and name in right:
            keys = {key: value for key, value in plugins.items() if key in own} if name == "plugins" else right[name]
            try:
                sections[name] = msgspec.convert(keys, section.struct, strict=True)
            except msgspec.ValidationError:
                continue
    return Config(**sections)


def _filled(named: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the named tables that say something: an empty one says no more than none."""
    return {name: keys for name, keys in named.items() if keys}


def _sources(written: Written, tables: Mapping[str, Any], root: Table, place: Place) -> Iterator[tuple[str, str]]:
    for name, value in tables.items():
        here = (*place, name)
        entry = root.entries.get(name)
        if isinstance(value, dict) and (isinstance(entry, Table) or not root.known):
            yield from _sources(written, value, entry if isinstance(entry, Table) else Table(known=False), here)
        else:
            yield place_text(here), written.source(here)
