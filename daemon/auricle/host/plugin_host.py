"""The plugin host: loads plugins, asks them in order, and turns whatever goes wrong in them into their status."""

import asyncio
import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from pluggy import HookImpl, PluginManager

from auricle.api import (
    AuricleError,
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
from auricle.bus import Subscription
from auricle.host import checks
from auricle.host.lane import Lane
from auricle.host.loaded import Loaded, PluginState, PluginStatus
from auricle.settings import Plugins

GROUP = "auricle.plugins"
"""The entry point group that plugins are found in."""
EVENTS_WAITING = 128
"""Events that wait for a slow plugin; then it loses the oldest and gets `Lagged`."""
EVENT_FAULTS = 5
"""Failed `auricle_event` calls in a row after which a plugin is told of no more events."""

Answer = TypeVar("Answer", Intent, Reply)

_LOG = logging.getLogger("auricle.plugins")


def _log_fault(name: str, text: str) -> None:
    _LOG.warning("plugin %s: %s", name, text)


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
        on_fault: Callable[[str, str], None] = _log_fault,
    ) -> None:
        """options: `[plugins.NAME]` as written. context: makes what a plugin is given, by its name.

        timeout_s: limit of each hook call. load_timeout_s: of importing and making one plugin, and of its start and
        end. on_fault: takes a plugin's name and what went wrong, on the caller's thread.
        """
        self._settings = plugins
        self._options = options
        self._context = context
        self._timeout_s = timeout_s
        self._load_timeout_s = load_timeout_s
        self._on_fault = on_fault
        self._plugins: dict[str, Loaded] = {}
        self._manager = PluginManager(checks.HOOKS_PROJECT)
        self._manager.add_hookspecs(hookspecs)

    def load(self) -> None:
        """Load every installed plugin that is not disabled. Never raises: each plugin's failure is in its status."""
        found = sorted(entry_points(group=GROUP), key=lambda entry: self._place(entry.name))
        for entry in found:
            self._add(entry.name, entry.load, version=_version(entry), distribution=_distribution(entry))
        for key, names in (("disabled", self._settings.disabled), ("order", self._settings.order)):
            for name in names:
                if name not in self._plugins:
                    near = checks.nearest(name, list(self._plugins))
                    self._on_fault(name, f"[plugins] {key} names {name}, which is not installed{near}")

    def register(self, name: str, plugin: type) -> None:
        """Load a plugin that no entry point names, as `load` would."""
        self._add(name, lambda: plugin, version="", distribution="")

    def statuses(self) -> Sequence[PluginStatus]:
        """Every plugin found, in the order in which they are asked."""
        return [plugin.status() for plugin in self._in_order()]

    def config_types(self) -> Mapping[str, type[PluginConfig]]:
        """Plugin to the type of its `[plugins.NAME]`, where the plugin got far enough to have one."""
        return {plugin.name: plugin.config_type for plugin in self._in_order() if plugin.config_type is not None}

    def engines(self) -> Mapping[str, EngineSpec]:
        """Every engine by name; where two plugins bring one name, the first in order has it."""
        engines: dict[str, EngineSpec] = {}
        for plugin in self._in_order():
            for spec in plugin.engines if plugin.active else ():
                engines.setdefault(spec.name, spec)
        return engines

    def sentences(self, language: str) -> Mapping[str, Sentences]:
        """Plugin to its sentences in `language` (`de-AT` falls back to `de`), in the order of the plugins."""
        family = language.split("-")[0]
        return {
            plugin.name: plugin.sentences[code]
            for plugin in self._in_order()
            if plugin.active
            for code in (language, family)[: 1 if language in plugin.sentences else 2]
            if code in plugin.sentences
        }

    async def startup(self) -> None:
        """Start all plugins at once; one that fails or overruns is `failed` and is not asked any more."""
        await asyncio.gather(*(self._start(plugin) for plugin in self._walk("auricle_startup")))

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
        for plugin in sorted(walk, key=lambda plugin: plugin.name != intent.plugin):
            try:
                reply = await self._ask(plugin, "auricle_handle", Reply, intent=intent, turn=turn)
            except PluginError as error:
                self._fault(plugin, error)
                failure = failure or PluginError(f"{plugin.name}: {error.message}")
                continue
            if reply is not None:
                return replace(reply, handled_by=plugin.name)
        if failure is not None:
            raise failure
        return None

    async def event(self, event: Event) -> None:
        """Tell the plugins, each through a queue of its own: returns at once, however slow they are."""
        for plugin in self._walk("auricle_event"):
            if plugin.event_faults >= EVENT_FAULTS:
                continue
            if plugin.subscription is None:
                plugin.subscription = Subscription(EVENTS_WAITING)
                plugin.pump = asyncio.create_task(
                    self._tell(plugin, plugin.subscription), name=f"plugin-{plugin.name}-events"
                )
            plugin.subscription.put(event)

    async def shutdown(self) -> None:
        """Tell the plugins what is left to tell, end them all at once within the time limit, and end their threads."""
        pumps = [plugin.pump for plugin in self._plugins.values() if plugin.pump is not None]
        for plugin in self._plugins.values():
            if plugin.subscription is not None:
                plugin.subscription.close()
        if pumps:
            _, late = await asyncio.wait(pumps, timeout=min(1.0, self._timeout_s))
            for pump in late:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
        await asyncio.gather(*(self._end(plugin) for plugin in self._walk("auricle_shutdown")))
        for plugin in self._plugins.values():
            plugin.lane.close()

    def _add(self, name: str, find: Callable[[], object], *, version: str, distribution: str) -> None:
        plugin = Loaded(name, find, Lane(name), version, distribution)
        if name in self._plugins:
            first = self._plugins[name].distribution or "this program"
            self._on_fault(name, f"{distribution or 'this program'} brings it too; the one of {first} is used")
            return
        self._plugins[name] = plugin
        if name in self._settings.disabled:
            plugin.state, plugin.detail = PluginState.DISABLED, "[plugins] disabled names it"
            return
        try:
            self._load(plugin)
        except PluginError as error:
            plugin.engines, plugin.sentences = (), {}
            plugin.detail = error.message
            self._on_fault(name, error.message)
        if not plugin.active or not set(plugin.hooks) - set(checks.SYNC_HOOKS):
            plugin.lane.close()

    def _load(self, plugin: Loaded) -> None:
        run = functools.partial(plugin.lane.run, limit_s=self._load_timeout_s)
        found = checks.plugin_class(run("importing it", plugin.find))
        wanted = plugin.config_type = checks.config_type(found)
        given = self._options.get(plugin.name, {})
        config = run("checking its Config", lambda: checks.config(plugin.name, wanted, given))
        plugin.hooks = checks.hooks(found)
        instance = run(f"{found.__name__}(context, config)", lambda: found(self._plugin_context(plugin), config))
        run("registering its hooks", lambda: self._manager.register(instance, name=plugin.name))
        taken = self.engines()
        if "auricle_engines" in plugin.hooks:
            answer = run("auricle_engines", self._impls("auricle_engines")[plugin.name].function)
            plugin.engines = checks.engines(answer)
        if "auricle_sentences" in plugin.hooks:
            answer = run("auricle_sentences", self._impls("auricle_sentences")[plugin.name].function)
            plugin.sentences = checks.sentences(answer)
        plugin.state = PluginState.ACTIVE
        for spec in plugin.engines:
            if spec.name in taken:
                self._on_fault(
                    plugin.name, f"another plugin brings an engine {spec.name} too; the first in order is used"
                )

    def _plugin_context(self, plugin: Loaded) -> PluginContext:
        """The context, with a `publish` whose failures are faults that are told even where the plugin copes."""
        context = self._context(plugin.name)

        async def publish(topic: str, payload: str | bytes, qos: int, retain: bool) -> None:
            try:
                await context.publish(topic, payload, qos, retain)
            except AuricleError as error:
                self._fault(plugin, PluginError(error.message))
                raise

        return replace(context, publish=publish)

    def _walk(self, hook: str) -> list[Loaded]:
        """The active plugins that implement `hook`, in order."""
        impls = self._impls(hook)
        return [plugin for plugin in self._in_order() if plugin.active and plugin.name in impls]

    def _impls(self, hook: str) -> Mapping[str, HookImpl]:
        """Who implements `hook`. pluggy keeps it and calls nothing: `firstresult` would take the first coroutine."""
        return {impl.plugin_name: impl for impl in getattr(self._manager.hook, hook).get_hookimpls()}

    def _in_order(self) -> list[Loaded]:
        return sorted(self._plugins.values(), key=lambda plugin: self._place(plugin.name))

    def _place(self, name: str) -> tuple[int, str]:
        order = self._settings.order
        return (order.index(name) if name in order else len(order), name)

    async def _call(self, plugin: Loaded, hook: str, limit_s: float, **arguments: object) -> object:
        impl = self._impls(hook)[plugin.name]
        wanted = {name: arguments[name] for name in impl.argnames}
        return await plugin.lane.call(hook, functools.partial(impl.function, **wanted), limit_s)

    async def _ask(self, plugin: Loaded, hook: str, wanted: type[Answer], **arguments: object) -> Answer | None:
        answer = await self._call(plugin, hook, self._timeout_s, **arguments)
        if answer is None:
            return None
        if not isinstance(answer, wanted) or not _sound(answer):
            raise PluginError(f"{hook} answered with {_shown(answer)}, not with a {wanted.__name__} or None")
        return answer

    async def _start(self, plugin: Loaded) -> None:
        try:
            await self._call(plugin, "auricle_startup", self._load_timeout_s)
        except PluginError as error:
            self._fault(plugin, error)
            plugin.state = PluginState.FAILED

    async def _end(self, plugin: Loaded) -> None:
        try:
            await self._call(plugin, "auricle_shutdown", self._timeout_s)
        except PluginError as error:
            self._fault(plugin, error)

    async def _tell(self, plugin: Loaded, events: Subscription) -> None:
        async for event in events:
            try:
                await self._call(plugin, "auricle_event", self._timeout_s, event=event)
            except PluginError as error:
                plugin.event_faults += 1
                if plugin.event_faults < EVENT_FAULTS:
                    self._fault(plugin, error)
                    continue
                self._fault(plugin, PluginError(f"{error.message}; it is told of no more events"))
                return
            plugin.event_faults = 0

    def _fault(self, plugin: Loaded, error: PluginError) -> None:
        plugin.faults += 1
        plugin.detail = error.message
        _LOG.debug("plugin %s: %s", plugin.name, error.message, exc_info=error)
        self._on_fault(plugin.name, error.message)


def _sound(answer: Intent | Reply) -> bool:
    """Whether the fields are what their types promise; dataclasses do not check."""
    match answer:
        case Intent():
            return isinstance(answer.name, str) and bool(answer.name) and isinstance(answer.slots, Mapping)
        case Reply():
            return isinstance(answer.text, str)


def _shown(answer: object) -> str:
    """What kind of thing it is. Not the thing: it may hold the user's words, and its repr is the plugin's code."""
    return f"a {type(answer).__name__}{' with a wrong field' if isinstance(answer, Intent | Reply) else ''}"


def _distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else ""


def _version(entry: EntryPoint) -> str:
    return entry.dist.version if entry.dist is not None else ""
