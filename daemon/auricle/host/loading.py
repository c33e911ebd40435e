"""How one plugin comes to be: imported, its Config checked, made, and asked what it brings."""

import functools
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from importlib.metadata import EntryPoint
from typing import Any

from pluggy import HookImpl, PluginManager

from auricle.api import PluginContext, hookspecs
from auricle.host import checks
from auricle.host.fresh import unimported
from auricle.host.loaded import Loaded, PluginState

GROUP = "auricle.plugins"
"""The entry point group that plugins are found in."""


def load(
    plugin: Loaded,
    manager: PluginManager,
    options: Mapping[str, Any],
    context: Callable[[Loaded], PluginContext],
    limit_s: float,
    secret: Callable[[str], str],
) -> None:
    """Bring a plugin to `active`. Raises PluginError that says which step failed; the plugin is then not registered."""
    run = functools.partial(plugin.lane.run, limit_s=limit_s)
    found = checks.plugin_class(run("importing it", plugin.find))
    wanted = plugin.config_type = checks.config_type(found)
    config = run("checking its Config", lambda: checks.config(plugin.name, wanted, options, secret))
    plugin.hooks = checks.hooks(found)
    instance = run(f"{found.__name__}(context, config)", lambda: found(context(plugin), config))
    run("registering its hooks", lambda: manager.register(instance, name=plugin.name))
    plugin.instance = instance

    def asked(hook: str) -> object:
        return run(hook, impls(manager, hook)[plugin.name].function)

    if "auricle_engines" in plugin.hooks:
        plugin.engines = checks.engines(asked("auricle_engines"))
    if "auricle_sentences" in plugin.hooks:
        plugin.sentences = checks.sentences(asked("auricle_sentences"))
    if "auricle_adapters" in plugin.hooks:
        plugin.adapters = checks.adapters(asked("auricle_adapters"))
    if "auricle_commands" in plugin.hooks:
        plugin.commands = checks.commands(asked("auricle_commands"))
    plugin.state, plugin.detail = PluginState.ACTIVE, ""


def unload(plugin: Loaded, manager: PluginManager) -> None:
    """Forget what a plugin brought."""
    plugin.engines, plugin.sentences, plugin.adapters, plugin.commands = (), {}, (), ()
    unregister(plugin, manager)
    plugin.instance = None


def unregister(plugin: Loaded, manager: PluginManager) -> None:
    """Ask it no more."""
    if plugin.instance is not None and manager.is_registered(plugin.instance):
        manager.unregister(plugin.instance)


def beside(fresh: Loaded, load: Callable[[Loaded, PluginManager], None]) -> None:
    """Load a plugin's code anew while another one stands for it. Raises PluginError; all is as before then."""
    apart = PluginManager(checks.HOOKS_PROJECT)
    apart.add_hookspecs(hookspecs)
    with nullcontext() if fresh.isolated else unimported(fresh.module):
        load(fresh, apart)


def impls(manager: PluginManager, hook: str) -> Mapping[str, HookImpl]:
    """Who implements `hook`. pluggy keeps it and calls nothing: `firstresult` would take the first coroutine."""
    return {impl.plugin_name: impl for impl in getattr(manager.hook, hook).get_hookimpls()}


def distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else ""


def version(entry: EntryPoint) -> str:
    return entry.dist.version if entry.dist is not None else ""
