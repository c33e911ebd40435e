"""What the host knows of a plugin: where it came from, its state, its calls and its faults."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from auricle.api import EngineSpec, PluginConfig, Sentences
from auricle.bus import Subscription
from auricle.host.lane import Lane


class PluginState(StrEnum):
    ACTIVE = "active"
    FAILED = "failed"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class PluginStatus:
    """A plugin as users are told of it."""

    name: str
    state: PluginState
    detail: str
    """Why it failed or is disabled; for an active one its last fault, or what it is stuck in; else empty."""
    version: str
    distribution: str
    """The package that brings it; empty for one that was registered by hand."""
    hooks: tuple[str, ...]
    faults: int
    """Calls that raised, overran or answered nonsense."""


@dataclass(slots=True)
class Loaded:
    """One plugin in the host."""

    name: str
    find: Callable[[], object]
    """Imports the plugin and returns what its entry point names."""
    lane: Lane
    version: str = ""
    distribution: str = ""
    state: PluginState = PluginState.FAILED
    detail: str = ""
    config_type: type[PluginConfig] | None = None
    hooks: tuple[str, ...] = ()
    engines: Sequence[EngineSpec] = ()
    sentences: Mapping[str, Sentences] = field(default_factory=dict)
    faults: int = 0
    event_faults: int = 0
    """Failed `auricle_event` calls in a row."""
    subscription: Subscription | None = None
    pump: "asyncio.Task[None] | None" = None

    @property
    def active(self) -> bool:
        return self.state is PluginState.ACTIVE

    def status(self) -> PluginStatus:
        stuck = self.lane.stuck_in
        detail = f"{stuck} has not returned yet; the plugin is not asked until it does" if stuck else self.detail
        return PluginStatus(self.name, self.state, detail, self.version, self.distribution, self.hooks, self.faults)
