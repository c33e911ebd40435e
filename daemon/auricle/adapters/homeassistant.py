"""Discovery by Home Assistant: announces this site's device and its entities, again when Home Assistant starts.

The messages are those of https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

from auricle.adapters.assistant import Observed
from auricle.adapters.homeassistant_entities import Component, device_message, entities, entity_message
from auricle.adapters.mqtt_extension import Send
from auricle.adapters.mqtt_link import Link
from auricle.adapters.mqtt_messages import Incoming, Outgoing
from auricle.adapters.payloads import to_json
from auricle.model.events import ComponentChanged, Event, VoiceSet
from auricle.ports import Store
from auricle.settings import Mqtt, Site
from auricle.status import Status

_PREFIX = "homeassistant"
_KEPT = "homeassistant"
_REMOVAL_S = 10.0


class Described(Observed, Protocol):
    def describe(self) -> dict[str, object]: ...


class Discovery:
    """An `MqttExtension`. What was announced is kept, so that what is no more can be taken back."""

    topics: Sequence[str] = (f"{_PREFIX}/status",)

    def __init__(self, assistant: Described, settings: Mqtt, site: Site, store: Store) -> None:
        self._assistant = assistant
        self._settings = settings
        self._site = site
        self._store = store
        self._send: Send = _nowhere
        self._sent: dict[str, bytes] = {}

    def attach(self, send: Send) -> None:
        self._send = send

    def ready(self) -> None:
        self._sent.clear()
        self._announce()

    def take(self, incoming: Incoming) -> None:
        if incoming.payload == b"online" and self._settings.discovery != "off":
            self._sent.clear()
            self._announce()

    def observe(self, event: Event, status: Status) -> None:
        if self._sent and isinstance(event, ComponentChanged | VoiceSet):
            self._announce()

    async def stop(self) -> None:
        """The messages stay: the entities are unavailable until the site is back."""

    def _announce(self) -> None:
        """Send what is not at the broker yet, and take back what an earlier run or configuration announced."""
        before = _kept(self._store)
        now: dict[str, dict[str, str]] = {}
        messages: dict[str, bytes] = {}
        parts = entities(self._settings, self._site, self._assistant.describe(), self._assistant.status)
        match self._settings.discovery:
            case "device":
                topic = device_topic(self._site)
                gone = {id: kind for id, kind in before.get(topic, {}).items() if id not in parts}
                messages[topic] = to_json(device_message(self._site, self._assistant.describe(), parts, gone))
                now[topic] = {id: part.platform for id, part in parts.items()}
            case "legacy":
                for id, part in parts.items():
                    topic = entity_topic(self._site, id, part)
                    messages[topic] = to_json(entity_message(self._site, self._assistant.describe(), part))
                    now[topic] = {}
        for topic in (*before, device_topic(self._site)):
            if topic not in now:
                self._publish(topic, b"")
        for topic, payload in messages.items():
            self._publish(topic, payload)
        if now != before:
            self._store.save(_KEPT, now)

    def _publish(self, topic: str, payload: bytes) -> None:
        if self._sent.get(topic) != payload and self._send(Outgoing(topic, payload, retain=True)):
            self._sent[topic] = payload


def device_topic(site: Site) -> str:
    return f"{_PREFIX}/device/auricle_{site.id}/config"


def entity_topic(site: Site, id: str, part: Component) -> str:
    return f"{_PREFIX}/{part.platform}/auricle_{site.id}/{id}/config"


async def remove(settings: Mqtt, site: Site, store: Store) -> str | None:
    """Take this site out of Home Assistant, with no daemon running; return why that could not be done, if so.

    Everything that was announced is emptied, `T/availability` too. Raises nothing for a broker that is away.
    """
    root = f"{settings.topic_prefix.rstrip('/')}/{site.id}"
    waiting = _Waiting()
    link = Link(
        settings,
        client_id=f"{settings.client_id or f'auricle-{site.id}'}-remove",
        farewell=Outgoing(f"{root}/availability", b"", retain=True),
        topics=Discovery.topics,
        listener=waiting,
    )
    link.start()
    try:
        async with asyncio.timeout(_REMOVAL_S):
            await waiting.connected.wait()
        for topic in {device_topic(site): None, **dict.fromkeys(_kept(store))}:
            link.send(Outgoing(topic, b"", retain=True))
    except TimeoutError:
        return waiting.trouble or f"{settings.host}:{settings.port} did not answer"
    finally:
        await link.stop()
    store.save(_KEPT, {})
    return None


class _Waiting:
    """A `Listener` that waits for the connection."""

    def __init__(self) -> None:
        self.connected = asyncio.Event()
        self.trouble = ""

    def link_ready(self) -> None:
        self.connected.set()

    def link_changed(self, ok: bool, detail: str) -> None:
        self.trouble = "" if ok else detail

    def link_unsent(self, messages: Sequence[Outgoing]) -> None:
        self.trouble = "the connection broke off"

    def link_delivered(self, kept: int) -> None:
        """Nothing is kept here."""

    def link_overflowed(self) -> None:
        """Nothing is taken."""


def _kept(store: Store) -> dict[str, dict[str, str]]:
    """Topic to the components of its message: id to platform."""
    found = store.load().get(_KEPT)
    if not isinstance(found, Mapping):
        return {}
    return {
        str(topic): {str(id): str(kind) for id, kind in parts.items()}
        for topic, parts in found.items()
        if isinstance(parts, Mapping)
    }


def _nowhere(message: Outgoing) -> bool:
    return False
