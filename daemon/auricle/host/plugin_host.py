"""The plugin host: loads plugins, asks them in order, and turns whatever goes wrong in them into their status."""

import asyncio
import functools
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from time import monotonic
from typing import Any, TypeVar

from pluggy import PluginManager

from auricle.api import (
    AuricleError,
    Command,
    EngineSpec,
    Event,
    Intent,
    PluginConfig,
    PluginContext,
    PluginError,
    Reply,
    Sentences,
    Transcript,
    Turn,
    hookspecs,
)
from auricle.host import checks, loading
from auricle.host.fresh import Seen, seen
from auricle.host.isolated.process import AWAY
from auricle.host.isolated.proxy import GRACE_S, isolated_plugin
from auricle.host.lane import Lane
from auricle.host.loaded import Loaded, PluginState, PluginStatus, log_fault
from auricle.host.running import Runner
from auricle.host.scheduler import PluginScheduler
from auricle.host.services import Broker, Desk, PluginAssistant
from auricle.model.secrets import read_secret
from auricle.ports import House
from auricle.settings import Plugins

PROCESS_KEYS = ("isolated", "python")
"""Keys of `[plugins.NAME]` that say how it is run; the rest is the plugin's."""

Answer = TypeVar("Answer", Intent, Reply)

_LOG = logging.getLogger("auricle.plugins")


class PluginHost:
    """All plugins. Belongs to one event loop once `startup` ran; implements `ports.Understanding`."""

    def __init__(
        self,
        *,
        plugins: Plugins,
        options: Mapping[str, dict[str, Any]],
        context: Callable[[str], PluginContext],
        timeout_s: float,
        load_timeout_s: float = 30.0,
        on_fault: Callable[[str, str], None] = log_fault,
        secret: Callable[[str], str] = lambda name: read_secret(name, os.environ, None),
    ) -> None:
        """options: `[plugins.NAME]` as written. context: makes what a plugin is given, by its name.

        timeout_s: limit of each hook call. load_timeout_s: of importing and making one plugin, and of its start and
        end. on_fault: takes a plugin's name and what went wrong, on the caller's thread. secret: reads the file that a
        key such as `token_file` names; ValueError with a sentence if it cannot.
        """
        self._settings = plugins
        self._options = dict(options)
        self._context = context
        self._timeout_s = timeout_s
        self._load_timeout_s = load_timeout_s
        self._on_fault = on_fault
        self._secret = secret
        self._plugins: dict[str, Loaded] = {}
        self._manager = PluginManager(checks.HOOKS_PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._desk = Desk()
        self._runner = Runner(self._call, self._fault, timeout_s=timeout_s, load_timeout_s=load_timeout_s)

    def load(self) -> None:
        """Load every installed plugin that is not disabled. Never raises: each plugin's failure is in its status."""
        for entry in sorted(entry_points(group=loading.GROUP), key=lambda entry: self._place(entry.name)):
            self.add(entry)
        for name, options in self._options.items():
            if name not in self._plugins and options.get("isolated"):  # installed in an environment of its own
                self._add(name, lambda: None)
        for key, names in (("disabled", self._settings.disabled), ("order", self._settings.order)):
            for name in names:
                if name not in self._plugins:
                    near = checks.nearest(name, list(self._plugins))
                    self._on_fault(name, f"[plugins] {key} names {name}, which is not installed{near}")

    def add(self, entry: EntryPoint) -> None:
        """Load the plugin of an entry point."""
        named = {"version": loading.version(entry), "distribution": loading.distribution(entry)}
        self._add(entry.name, entry.load, module=entry.module, **named)

    def register(self, name: str, plugin: type) -> None:
        """Load a plugin that no entry point names, as `load` would."""
        self._add(name, lambda: plugin)

    def attach(self, house: House, broker: Broker) -> None:
        """Give plugins the running daemon; called on its loop, before `startup`."""
        self._desk.house, self._desk.broker, self._desk.loop = house, broker, asyncio.get_running_loop()

    def statuses(self) -> Sequence[PluginStatus]:
        """Every plugin found, in the order in which they are asked."""
        return [plugin.status() for plugin in self._in_order()]

    def config_types(self) -> Mapping[str, type[PluginConfig]]:
        """Plugin to the type of its `[plugins.NAME]`, where the plugin got far enough to have one."""
        return {
            plugin.name: plugin.config_type
            for plugin in self._in_order()
            if plugin.config_type is not None and not plugin.isolated
        }

    def engines(self) -> Mapping[str, EngineSpec]:
        """Every engine by name; where two plugins bring one name, the first in order has it."""
        engines: dict[str, EngineSpec] = {}
        for plugin in self._in_order():
            for spec in plugin.engines if plugin.active else ():
                engines.setdefault(spec.name, spec)
        return engines

    def commands(self) -> Mapping[str, tuple[str, Command]]:
        """Sub-command to the plugin that brings it, and itself."""
        found: dict[str, tuple[str, Command]] = {}
        for plugin in self._in_order():
            for command in plugin.commands if plugin.active else ():
                found.setdefault(command.name, (plugin.name, command))
        return found

    def sentences(self, language: str) -> Mapping[str, Sentences]:
        """Plugin to its sentences in `language` (`de-AT` falls back to `de`), in the order of the plugins."""
        found = {plugin.name: plugin.spoken(language) for plugin in self._in_order() if plugin.active}
        return {name: own for name, own in found.items() if own is not None}

    def all_sentences(self, name: str) -> Mapping[str, Sentences]:
        """A plugin's sentences by language."""
        return self._known(name).sentences

    async def startup(self) -> None:
        """Start all plugins at once; one that fails or overruns is `failed` and is not asked any more."""
        await asyncio.gather(*(self._start(plugin) for plugin in self._in_order() if plugin.active))

    async def enable(self, name: str) -> None:
        """Load and start a plugin that is disabled or failed. Raises PluginError if that does not go well."""
        plugin = self._known(name)
        if plugin.active and plugin.started:
            plugin.breaker.reset()
            return
        plugin.lane.close()
        plugin.lane = self._lane(plugin.name)
        plugin.state, plugin.detail = PluginState.FAILED, ""
        plugin.breaker.reset()
        await asyncio.to_thread(self._try_load, plugin)
        if plugin.active:
            await self._start(plugin)
        if not plugin.active:
            raise PluginError(f"{name}: {plugin.detail}")

    async def disable(self, name: str, detail: str = "disabled while running") -> None:
        """End a plugin; it is not asked any more until `enable`. Raises PluginError for a name that there is not."""
        plugin = self._known(name)
        await self._runner.end(plugin, drain_s=0.5)
        loading.unload(plugin, self._manager)
        plugin.lane.close()
        plugin.state, plugin.detail = PluginState.DISABLED, detail

    async def reload(self, name: str) -> None:
        """Read a plugin's code anew and start it in place of the one that runs; its engines stay as they are.

        Raises PluginError if the new one does not load or start: the old one goes on then.
        """
        old = self._known(name)
        fresh = Loaded(name, old.find, self._lane(name), old.version, old.distribution, old.module)
        if old.isolated:
            fresh.find, fresh.isolated = functools.partial(self._isolated, fresh), True
        try:
            await asyncio.to_thread(loading.beside, fresh, self._load)
        except PluginError as error:
            fresh.lane.close()
            self._fault(old, PluginError(f"not reloaded: {error.message}"))
            raise
        await self._replace(old, fresh)
        if not fresh.active:
            failure = PluginError(f"not reloaded: {fresh.detail}")
            await self._replace(fresh, old)
            self._fault(old, failure)
            raise failure

    def files(self, name: str) -> Seen:
        """The files of a plugin's code as they are now. Raises PluginError."""
        return seen(self._known(name).module)

    async def _replace(self, old: Loaded, fresh: Loaded) -> None:
        """End one and start the other under its name."""
        await self._runner.end(old, drain_s=0.5)
        loading.unregister(old, self._manager)
        old.lane.close()
        self._plugins[fresh.name] = fresh
        if fresh.instance is not None:
            self._manager.register(fresh.instance, name=fresh.name)
            await self._start(fresh)

    async def renew_sentences(self, name: str) -> None:
        """Ask a plugin for its sentences anew. Raises PluginError; the old ones stay then."""
        plugin = self._known(name)
        if plugin.active and "auricle_sentences" in plugin.hooks:
            plugin.sentences = checks.sentences(await self._call(plugin, "auricle_sentences", self._timeout_s))

    async def configure(self, name: str, options: dict[str, Any]) -> None:
        """Start a plugin anew with another `[plugins.NAME]`, if it runs. Raises PluginError."""
        plugin = self._known(name)
        self._options[name] = options
        if plugin.state is not PluginState.DISABLED:
            await self.disable(name)
            await self.enable(name)

    async def recognize(self, transcript: Transcript, turn: Turn) -> Intent | None:
        """Return the first plugin's understanding of what no sentence matched."""
        for plugin in self._walk("auricle_recognize"):
            try:
                intent = await self._ask(plugin, "auricle_recognize", Intent, transcript=transcript, turn=turn)
            except PluginError as error:
                self._fault(plugin, error)
                continue
            if intent is not None:
                return intent if intent.plugin else replace(intent, plugin=plugin.name)
        return None

    async def handle(self, intent: Intent, turn: Turn) -> Reply | None:
        """Return the first answer; the plugin that the intent belongs to is asked before the others.

        Raises PluginError if none answered and at least one failed.
        """
        failure: PluginError | None = None
        walk = self._walk("auricle_handle")
        if (own := self._plugins.get(intent.plugin)) is not None and own.active and own.rests:
            failure = PluginError(f"{own.name} rests: {own.detail}")
        for plugin in sorted(walk, key=lambda plugin: plugin.name != intent.plugin):
            try:
                reply = await self._ask(plugin, "auricle_handle", Reply, intent=intent, turn=turn)
            except PluginError as error:
                self._fault(plugin, error)
                failure = failure or PluginError(f"{plugin.name}: {error.message}")
                continue
            if reply is not None:
                stream = None if reply.stream is None else self._runner.streamed(plugin, reply.stream)
                return replace(reply, handled_by=plugin.name, stream=stream)
        if failure is not None:
            raise failure
        return None

    async def event(self, event: Event) -> None:
        """Tell the plugins, each through a queue of its own: returns at once, however slow they are."""
        for plugin in self._walk("auricle_event"):
            self._runner.tell(plugin, event)

    async def shutdown(self) -> None:
        """Tell the plugins what is left to tell, end them all at once within the time limit, and end their threads."""
        await asyncio.gather(*(self._runner.end(plugin, drain_s=1.0) for plugin in self._plugins.values()))
        for plugin in self._plugins.values():
            await asyncio.to_thread(plugin.lane.close)

    def _add(
        self, name: str, find: Callable[[], object], *, version: str = "", distribution: str = "", module: str = ""
    ) -> None:
        plugin = Loaded(name, find, self._lane(name), version, distribution, module)
        if self._options.get(name, {}).get("isolated"):
            plugin.find, plugin.isolated = functools.partial(self._isolated, plugin), True
        if name in self._plugins:
            first = self._plugins[name].distribution or "this program"
            self._on_fault(name, f"{distribution or 'this program'} brings it too; the one of {first} is used")
            return
        self._plugins[name] = plugin
        if name in self._settings.disabled:
            plugin.state, plugin.detail = PluginState.DISABLED, "[plugins] disabled names it"
            return
        self._try_load(plugin)

    def _isolated(self, plugin: Loaded) -> type:
        def fault(text: str) -> None:
            if (loop := self._desk.loop) is None or loop.is_closed():
                self._fault(plugin, PluginError(text))
            else:
                loop.call_soon_threadsafe(self._fault, plugin, PluginError(text))

        return isolated_plugin(
            self._context(plugin.name),
            self._options[plugin.name],
            timeout_s=self._timeout_s,
            load_timeout_s=self._load_timeout_s,
            fault=fault,
        )

    def _lane(self, name: str) -> Lane:
        return Lane(name, lambda text: self._fault(self._plugins[name], PluginError(text)))

    def _try_load(self, plugin: Loaded) -> None:
        taken = self.engines()
        try:
            self._load(plugin, self._manager)
        except PluginError as error:
            loading.unload(plugin, self._manager)
            plugin.state, plugin.detail = PluginState.FAILED, error.message
            self._on_fault(plugin.name, error.message)
        for spec in plugin.engines:
            if spec.name in taken:
                self._on_fault(
                    plugin.name, f"another plugin brings an engine {spec.name} too; the first in order is used"
                )
        if not plugin.active or not set(plugin.hooks) - set(checks.SYNC_HOOKS):
            plugin.lane.close()

    def _load(self, plugin: Loaded, manager: PluginManager) -> None:
        own = self._options.get(plugin.name, {})
        given = {} if plugin.isolated else {key: own[key] for key in own if key not in PROCESS_KEYS}
        loading.load(plugin, manager, given, self._plugin_context, self._load_timeout_s, self._secret)

    def _plugin_context(self, plugin: Loaded) -> PluginContext:
        """The context; failures to `publish` are faults that are told even where the plugin copes."""
        context = self._context(plugin.name)
        assistant = PluginAssistant(
            plugin.name,
            self._desk,
            deliver=functools.partial(self._runner.deliver, plugin),
            on_flood=lambda text: self._fault(plugin, PluginError(text)),
        )
        plugin.scheduler = PluginScheduler(functools.partial(self._runner.fire, plugin), context.now)

        async def publish(topic: str, payload: str | bytes, qos: int, retain: bool) -> None:
            async def sent() -> None:
                await context.publish(topic, payload, qos, retain)

            try:
                await assistant.elsewhere(sent())
            except AuricleError as error:
                self._fault(plugin, PluginError(error.message))
                raise

        return replace(context, publish=publish, assistant=assistant, scheduler=plugin.scheduler)

    def _walk(self, hook: str) -> list[Loaded]:
        """The active plugins that implement `hook` and do not rest, in order."""
        impls = loading.impls(self._manager, hook)
        return [plugin for plugin in self._in_order() if plugin.active and plugin.name in impls and not plugin.rests]

    def _known(self, name: str) -> Loaded:
        if name not in self._plugins:
            near = checks.nearest(name, list(self._plugins))
            raise PluginError(f"there is no plugin {name}{near}")
        return self._plugins[name]

    def _in_order(self) -> list[Loaded]:
        return sorted(self._plugins.values(), key=lambda plugin: self._place(plugin.name))

    def _place(self, name: str) -> tuple[int, str]:
        order = self._settings.order
        return (order.index(name) if name in order else len(order), name)

    async def _call(self, plugin: Loaded, hook: str, limit_s: float, **arguments: object) -> object:
        """Call a hook if the plugin has it."""
        impl = loading.impls(self._manager, hook).get(plugin.name)
        if impl is None:
            return None
        wanted = {name: arguments[name] for name in impl.argnames}
        if plugin.isolated:
            limit_s += 2 * GRACE_S
        return await plugin.lane.call(hook, functools.partial(impl.function, **wanted), limit_s)

    async def _ask(self, plugin: Loaded, hook: str, wanted: type[Answer], **arguments: object) -> Answer | None:
        answer = await self._call(plugin, hook, self._timeout_s, **arguments)
        if answer is not None and not (isinstance(answer, wanted) and checks.sound(answer)):
            raise PluginError(f"{hook} answered with {checks.shown(answer)}, not with a {wanted.__name__} or None")
        plugin.breaker.succeeded(monotonic())
        return answer if isinstance(answer, wanted) else None

    async def _start(self, plugin: Loaded) -> None:
        try:
            await self._runner.start(plugin, serving=self._desk.house is not None)
        except PluginError as error:
            self._fault(plugin, error)
            await self._runner.end(plugin, drain_s=0, told=False)
            plugin.state = PluginState.FAILED

    def _fault(self, plugin: Loaded, error: PluginError) -> None:
        if error.code == AWAY:
            return
        plugin.faults += 1
        plugin.detail = error.message
        rested = plugin.active and plugin.breaker.failed(monotonic())
        message = f"{error.message}; it failed often and is rested" if rested else error.message
        _LOG.debug("plugin %s: %s", plugin.name, message, exc_info=error)
        self._on_fault(plugin.name, message)
