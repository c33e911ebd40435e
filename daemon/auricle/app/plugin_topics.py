"""The broker as plugins reach it: any topic to publish to, and their own below `T/plugin/`."""

from collections.abc import Callable

from auricle.adapters.mqtt import MqttAdapter
from auricle.adapters.mqtt_extension import Send
from auricle.adapters.mqtt_messages import Incoming
from auricle.model.errors import BadRequest, NotConnected
from auricle.model.events import Event
from auricle.settings import Mqtt, Site
from auricle.status import Status


class PluginTopics:
    """Implements `host.services.Broker`, and plugs into the adapter for what plugins subscribed to at their start."""

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

    def subscribe(self, topic: str, call: Callable[[bytes], None], *, whole: bool = False) -> None:
        """Call for each message on `T/<topic>`, or on `topic` as it stands where that is the whole.

        Raises BadRequest once the adapter has made its subscriptions.
        """
        if self._adapter() is not None:
            raise BadRequest(f"topic: {topic} is subscribed to too late: do it in auricle_startup", field="topic")
        self.calls.setdefault(topic if whole else f"{self._root}/{topic}", []).append(call)

    @property
    def topics(self) -> tuple[str, ...]:
        return tuple(self.calls)

    def attach(self, send: Send) -> None:
        pass

    def ready(self) -> None:
        pass

    def take(self, incoming: Incoming) -> None:
        for call in self.calls.get(incoming.topic, ()):
            call(incoming.payload)

    def observe(self, event: Event, status: Status) -> None:
        pass

    async def stop(self) -> None:
        pass
