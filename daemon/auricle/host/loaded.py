"""What the host knows of a plugin: where it came from, its state, its calls and its faults."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from time import monotonic

from auricle.api import Adapter, Command, EngineSpec, PluginConfig, Sentences
from auricle.bus import Subscription
from auricle.host.breaker import Breaker
from auricle.host.lane import Lane
from auricle.host.scheduler import PluginScheduler

_LOG = logging.getLogger("auricle.plugins")


def log_fault(name: str, text: str) -> None:
    """What became of a plugin's fault where nobody else is told."""
    _LOG.warning("plugin %s: %s", name, text, extra={"AURICLE_PLUGIN": name})


class PluginState(StrEnum):
    ACTIVE = "active"
    RESTING = "resting"
    """It failed often, and is asked again after a while."""
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
    module: str = ""
    """Where its class is."""
    state: PluginState = PluginState.FAILED
    detail: str = ""
    config_type: type[PluginConfig] | None = None
    hooks: tuple[str, ...] = ()
    engines: Sequence[EngineSpec] = ()
    sentences: Mapping[str, Sentences] = field(default_factory=dict)
    adapters: Sequence[Adapter] = ()
    commands: Sequence[Command] = ()
    instance: object = None
    scheduler: PluginScheduler | None = None
    scheduling: "asyncio.Task[None] | None" = None
    breaker: Breaker = field(default_factory=Breaker)
    started: bool = False
    isolated: bool = False
    """It lives in a process of its own; `instance` stands for it."""
    faults: int = 0
    subscription: Subscription | None = None
    pump: "asyncio.Task[None] | None" = None

    @property
    def active(self) -> bool:
        return self.state is PluginState.ACTIVE

    @property
    def rests(self) -> bool:
        return self.breaker.rests(monotonic())

    def spoken(self, language: str) -> Sentences | None:
        """Its sentences in a language; `de-AT` falls back to `de`."""
        return self.sentences.get(language) or self.sentences.get(language.split("-")[0])

    def status(self) -> PluginStatus:
        state, detail = self.state, self.detail
        if stuck := self.lane.stuck_in:
            detail = f"{stuck} has not returned yet; the plugin is not asked until it does"
        elif self.active and (left_s := self.breaker.left_s(monotonic())):
            state = PluginState.RESTING
            detail = f"it failed often and is asked again in {left_s:.0f} s; the last failure: {detail}"
        return PluginStatus(self.name, state, detail, self.version, self.distribution, self.hooks, self.faults)
