"""What plugs into the MQTT adapter beside its own topics: discovery by Home Assistant, Hermes."""

from collections.abc import Callable, Sequence
from typing import Protocol

from auricle.adapters.mqtt_messages import Incoming, Outgoing
from auricle.model.events import Event
from auricle.status import Status

Send = Callable[[Outgoing], bool]
"""Hands a message to the network; False, and it is lost, while the broker is away or too much waits."""


class MqttExtension(Protocol):
    """Called on the event loop; nothing here may block. What a call raises is logged and ends with the call."""

    @property
    def topics(self) -> Sequence[str]:
        """What is subscribed to: whole topics, without wildcards."""

    def attach(self, send: Send) -> None:
        """Called once, before all others."""

    def ready(self) -> None:
        """The connection stands (again), and this site's states were sent."""

    def take(self, incoming: Incoming) -> None:
        """A message on one of `topics`; it is acknowledged when this returns."""

    def observe(self, event: Event, status: Status) -> None:
        """A fact, and what it led to; the adapter has sent it on its own topics already."""

    async def stop(self) -> None:
        """The adapter ends; what is sent now goes out before its farewell."""
