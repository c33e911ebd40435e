"""The broker as plugins reach it: any topic to publish to, and their own below `T/plugin/`."""

from collections.abc import Callable

from auricle.adapters.mqtt import MqttAdapter
from auricle.model.errors import NotConnected
from auricle.settings import Mqtt, Site


class PluginTopics:
    """Implements `host.services.Broker`."""

    def __init__(self, mqtt: Mqtt, site: Site, adapter: Callable[[], MqttAdapter | None]) -> None:
        """adapter: none while there is no broker to talk to."""
        self._root = f"{mqtt.topic_prefix.rstrip('/')}/{site.id}"
        self._adapter = adapter
        self.calls: dict[str, list[Callable[[bytes], None]]] = {}
        """Whole topic to who wants its messages."""

    async def send(self, topic: str, payload: str | bytes, qos: int, retain: bool) -> None:
        """Publish anywhere. Raises NotConnected, QueueFull, BadRequest."""
        adapter = self._adapter()
        if adapter is None:
            raise NotConnected(f"no broker to publish {topic} to: set [mqtt] host")
        await adapter.publish(topic, payload, qos, retain)

    async def publish(self, topic: str, payload: str | bytes, qos: int, retain: bool) -> None:
        """Publish below `T/`. Raises as `send` does."""
        await self.send(f"{self._root}/{topic}", payload, qos, retain)

    def subscribe(self, topic: str, call: Callable[[bytes], None]) -> None:
        """Call for each message on `T/<topic>`."""
        self.calls.setdefault(f"{self._root}/{topic}", []).append(call)
