"""What a plugin gets and gives: its settings, its context, its sentences."""

import argparse
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from auricle.api.services import Assistant, NoAssistant, NoScheduler, Scheduler
from auricle.model.errors import NotConnected


class PluginConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a plugin or an engine; subclass it, one annotated field a key.

    Write fields as `Annotated[float, msgspec.Meta(ge=0, description="…", extra={"unit": "s"})] = 1.0`: the
    configuration is checked, shown and documented from that.
    """


T = TypeVar("T")
Publish = Callable[[str, str | bytes, int, bool], Awaitable[None]]


async def _no_broker(topic: str, payload: str | bytes, qos: int, retain: bool) -> None:
    raise NotConnected(f"no broker to publish {topic} to: set [mqtt] host")


@dataclass(frozen=True, slots=True)
class PluginContext:
    """What the daemon gives a plugin."""

    name: str
    language: str = "en"
    site: str = "default"
    data_dir: Path = Path()
    """A folder of the plugin's own, made when first asked for by `ensure_data_dir`."""
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("auricle.plugin"))
    now: Callable[[], datetime] = lambda: datetime.now().astimezone()
    """Local time with its zone; tests give another."""
    publish: Publish = _no_broker
    """Send an MQTT message: topic, payload, QoS, retain. Raises NotConnected while there is no broker."""
    topic_prefix: str = "auricle"
    """First part of every site's topics."""
    assistant: Assistant = field(default_factory=NoAssistant)
    """The running daemon: say, ask, listen, publish and subscribe below the plugin's own topic."""
    scheduler: Scheduler = field(default_factory=NoScheduler)
    """Calls to come."""

    def ensure_data_dir(self) -> Path:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        return self.data_dir

    def translated(self, texts: Mapping[str, T], language: str | None = None) -> T:
        """Pick from texts (or anything) by language: `language`, else the site's, else English, else the first."""
        wanted = language or self.language
        for code in (wanted, wanted.split("-")[0], self.language, self.language.split("-")[0], "en"):
            if code in texts:
                return texts[code]
        return next(iter(texts.values()))


class Adapter(Protocol):
    """Something that runs beside the pipeline: started once the daemon listens, stopped with it. Plain or async."""

    def start(self) -> Awaitable[None] | None: ...

    def stop(self) -> Awaitable[None] | None: ...


@dataclass(frozen=True, slots=True)
class Command:
    """A sub-command of `auricle`."""

    name: str
    """One word that no other command has."""
    line: str
    """What it does, for the help."""
    run: Callable[[argparse.Namespace], int]
    """Returns the exit status: 0 done, 1 failed, 2 wrong usage."""
    arguments: Callable[[argparse.ArgumentParser], None] = lambda parser: None
    """Adds its arguments."""


@dataclass(frozen=True, slots=True)
class Sentences:
    """Sentence templates of one language, in hassil's syntax: `what time is it`, `turn [the] {lamp} (on|off)`."""

    intents: Mapping[str, tuple[str, ...]]
    """Intent name to its templates. A name is unique among the plugin's own."""
    lists: Mapping[str, tuple[str, ...] | Mapping[str, object]] = field(default_factory=dict)
    """Slot name to what it may be: a tuple of words, or words to the values that they stand for."""
    ranges: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Slot name to the lowest and highest number that it may be."""
    wildcards: tuple[str, ...] = ()
    """Slots that take any words."""
    expansion_rules: Mapping[str, str] = field(default_factory=dict)
    """`<name>` in a template to the template it stands for."""
    required: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Intent to the slots that it needs, each with the question that is asked when it was not said."""
    risky: Mapping[str, str] = field(default_factory=dict)
    """Intent to the question that must be answered with yes before it is handled; `{slot}` stands for its value."""
