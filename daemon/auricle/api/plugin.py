"""What a plugin gets and gives: its settings, its context, its sentences."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import msgspec

from auricle.model.errors import NotConnected


class PluginConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a plugin or an engine; subclass it, one annotated field a key.

    Write fields as `Annotated[float, msgspec.Meta(ge=0, description="…", extra={"unit": "s"})] = 1.0`: the
    configuration is checked, shown and documented from that.
    """


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

    def ensure_data_dir(self) -> Path:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        return self.data_dir


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
