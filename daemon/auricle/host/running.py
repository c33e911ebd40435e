"""A plugin that runs: its start and end, its adapters, its scheduled calls, and the events it is told of."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Protocol

from auricle.api import Event, PluginError
from auricle.api.services import Call
from auricle.bus import Subscription
from auricle.host.loaded import Loaded

STREAM_PIECE_S = 60.0
"""Longest time that one piece of a streamed reply may take."""
_STREAM = "its streamed reply"
EVENTS_WAITING = 128
"""Events that wait for a slow plugin; then it loses the oldest and gets `Lagged`."""


class CallHook(Protocol):
    def __call__(self, plugin: Loaded, hook: str, limit_s: float, **arguments: object) -> Awaitable[object]: ...


class Runner:
    """All on the daemon's loop, but for `deliver`."""

    def __init__(
        self, call: CallHook, fault: Callable[[Loaded, PluginError], None], *, timeout_s: float, load_timeout_s: float
    ) -> None:
        """call: calls a hook; raises PluginError. fault: takes what went wrong."""
        self._call = call
        self._fault = fault
        self._timeout_s = timeout_s
        self._load_timeout_s = load_timeout_s
        self._delivering: set[asyncio.Task[None]] = set()

    async def start(self, plugin: Loaded, *, serving: bool) -> None:
        """Start a plugin, its adapters and its scheduler. serving: a daemon runs. Raises PluginError."""
        await self._call(plugin, "auricle_startup", self._load_timeout_s)
        plugin.started = True
        if not serving:
            return
        if plugin.scheduler is not None:
            plugin.scheduling = asyncio.create_task(plugin.scheduler.run(), name=f"plugin-{plugin.name}-scheduler")
        for adapter in plugin.adapters:
            await plugin.lane.call(f"{type(adapter).__name__}.start", adapter.start, self._load_timeout_s)

    async def end(self, plugin: Loaded, *, drain_s: float, told: bool = True) -> None:
        """Tell a plugin what is left to tell, for `drain_s` at most, and end it. told: it had a start."""
        if plugin.subscription is not None and plugin.pump is not None:
            plugin.subscription.close()
            await asyncio.wait({plugin.pump}, timeout=min(drain_s, self._timeout_s))
            plugin.pump.cancel()
            await asyncio.gather(plugin.pump, return_exceptions=True)
        plugin.subscription = plugin.pump = None
        if plugin.scheduling is not None:
            plugin.scheduling.cancel()
            await asyncio.gather(plugin.scheduling, return_exceptions=True)
            plugin.scheduling = None
        if plugin.scheduler is not None:
            plugin.scheduler.clear()
        if plugin.active and told:
            for adapter in reversed(plugin.adapters if plugin.started else ()):
                await self._safely(
                    plugin, plugin.lane.call(f"{type(adapter).__name__}.stop", adapter.stop, self._timeout_s)
                )
            await self._safely(plugin, self._call(plugin, "auricle_shutdown", self._timeout_s))
        plugin.started = False

    def tell(self, plugin: Loaded, event: Event) -> None:
        """Queue an event for a plugin."""
        if plugin.subscription is None:
            plugin.subscription = Subscription(EVENTS_WAITING)
            plugin.pump = asyncio.create_task(
                self._pump(plugin, plugin.subscription), name=f"plugin-{plugin.name}-events"
            )
        plugin.subscription.put(event)

    async def fire(self, plugin: Loaded, call: Call) -> None:
        """Make a scheduled call."""
        if plugin.active and not plugin.rests:
            await self._safely(plugin, plugin.lane.call(f"the scheduled {_name(call)}", call, self._timeout_s))

    def deliver(self, plugin: Loaded, what: str, call: Callable[[], object]) -> None:
        """Begin a call that nobody waits for, on the daemon's loop; one that waits too long is not made."""
        if not plugin.active or plugin.rests:
            return
        task = asyncio.create_task(self._safely(plugin, plugin.lane.call(what, call, self._timeout_s)), name=what)
        self._delivering.add(task)
        task.add_done_callback(self._delivering.discard)

    async def streamed(self, plugin: Loaded, stream: AsyncIterator[str]) -> AsyncGenerator[str, None]:
        """The pieces of a reply, each within the time limit. Raises PluginError, which is told already."""

        async def step() -> object:
            return await anext(stream, None)

        try:
            while (piece := await plugin.lane.call(_STREAM, step, STREAM_PIECE_S)) is not None:
                if not isinstance(piece, str):
                    raise PluginError(f"{_STREAM} gave a {type(piece).__name__}, not text")
                yield piece
        except PluginError as error:
            self._fault(plugin, error)
            raise
        finally:
            if isinstance(stream, AsyncGenerator):
                await self._safely(plugin, plugin.lane.call(f"closing {_STREAM}", stream.aclose, self._timeout_s))

    async def _pump(self, plugin: Loaded, events: Subscription) -> None:
        async for event in events:
            if not plugin.rests:
                await self._safely(plugin, self._call(plugin, "auricle_event", self._timeout_s, event=event))

    async def _safely(self, plugin: Loaded, call: Awaitable[object]) -> None:
        try:
            await call
        except PluginError as error:
            self._fault(plugin, error)


def _name(call: Call) -> str:
    return getattr(call, "__qualname__", None) or type(call).__name__
