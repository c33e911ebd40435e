"""MQTT: requests in, answers, facts and retained states out; `docs/mqtt.md` tells users all of it."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace

import msgspec

from auricle.adapters import payloads
from auricle.adapters.assistant import Assistant
from auricle.adapters.mqtt_extension import MqttExtension
from auricle.adapters.mqtt_link import Link
from auricle.adapters.mqtt_messages import Outgoing
from auricle.adapters.mqtt_pool import Pool
from auricle.adapters.mqtt_serving import ADAPTER, Requests, is_publishable
from auricle.bus import Subscription
from auricle.ledger import Ledger
from auricle.model.errors import AuricleError, BadRequest, ConfigError, NotConnected, QueueFull
from auricle.model.events import ComponentChanged, ErrorRaised, Event, Lagged, SpeechChanged
from auricle.settings import Mqtt, Site
from auricle.status import reduce

_LOG = logging.getLogger(__name__)
_EVENTS = 1024
_DRAIN_S = 1.0
_ROOM_S = 0.05
_UNREPEATED = ("state", "info")
"""Sent again only when they change."""
_BRIEF = ("partial",)
"""Sent at QoS 0: the next one makes up for a lost one."""
_AGAIN = 256
"""Passing messages that are sent again, at most, where the connection ended before the broker had them."""
_LASTING = ("transcript", "intent", "speech")
"""Kept while the broker is away; of speech only how it ended."""
_MIRRORED = ("wake", "partial", "transcript", "intent", "speech", "timer")
"""Sent on `event` too, as Home Assistant's event entity takes it."""


class MqttAdapter:
    """One site at one broker. A broker that is away is waited for, for ever."""

    def __init__(
        self,
        assistant: Assistant,
        settings: Mqtt,
        site: Site,
        on_change: Callable[[ComponentChanged], None],
        extensions: Sequence[MqttExtension] = (),
    ) -> None:
        """on_change: told on the event loop when the broker comes, goes, or is away for another reason.

        Raises ConfigError without `mqtt.host`.
        """
        if not settings.host:
            raise ConfigError("mqtt.host: the name or address of the broker must be set")
        self._assistant = assistant
        self._on_change = on_change
        prefix = settings.topic_prefix.rstrip("/")
        self._root = f"{prefix}/{site.id}"
        self._requests = Requests(
            assistant, prefix, self._root, self._send_lasting, say_per_minute=settings.say_per_minute
        )
        self._link = Link(
            settings,
            client_id=settings.client_id or f"auricle-{site.id}",
            farewell=Outgoing(f"{self._root}/availability", payloads.OFFLINE.encode(), retain=True),
            topics=tuple(dict.fromkeys((*self._requests.topics, *(t for part in extensions for t in part.topics)))),
            listener=self,
        )
        self._extensions = tuple(extensions)
        for extension in extensions:
            extension.attach(self._link.send)
            for topic in extension.topics:
                self._requests.takers.setdefault(topic, []).append(extension.take)
        self._pool = Pool(assistant, settings, site) if settings.pool else None
        self._status = assistant.status
        self._sent: dict[str, bytes] = {}
        self._lost = 0
        self._behind = True
        """Whether kept messages go out before new ones of their kind."""
        self._kept = 0
        """Messages so far."""
        self._caught_up_to = 0
        """The number of the last kept message that was sent over this connection."""
        self._again: deque[Outgoing] = deque(maxlen=_AGAIN)
        self._catching_up: asyncio.Task[None] | None = None
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self._subscribed = ExitStack()
        self._subscription: Subscription | None = None

    @property
    def connected(self) -> bool:
        return self._link.ready

    @property
    def waiting(self) -> int:
        """Messages that wait to be sent."""
        return self._link.waiting

    def observe(self) -> Subscription:
        """From now on events are gathered, and sent once it has started."""
        if self._subscription is None:
            self._status = self._assistant.status
            self._subscription = self._subscribed.enter_context(self._assistant.bus.subscribe(_EVENTS, vouches=True))
        return self._subscription

    async def start(self) -> None:
        """Returns at once; the connection is made in the background."""
        subscription = self.observe()
        self._link.start()
        if self._pool is not None:
            await self._pool.start()
        self._tasks = (
            asyncio.create_task(self._send_events(subscription), name="mqtt events"),
            asyncio.create_task(self._requests.serve(self._link), name="mqtt requests"),
        )

    async def stop(self) -> None:
        """Send what has happened so far and `offline`, in two seconds or so; no task and no thread is left."""
        if self._subscription is None:
            return
        self._subscription.close()
        if self._pool is not None:
            await self._pool.stop()
        events, requests = self._tasks
        requests.cancel()
        await asyncio.wait({events, requests}, timeout=_DRAIN_S)
        events.cancel()
        if self._catching_up is not None:
            self._catching_up.cancel()
            await asyncio.gather(self._catching_up, return_exceptions=True)
        await asyncio.gather(events, requests, return_exceptions=True)
        for extension in self._extensions:
            try:
                async with asyncio.timeout(_DRAIN_S):
                    await extension.stop()
            except Exception:
                # This adapter's top: the farewell is said whatever an extension runs into.
                _LOG.exception("mqtt: %s did not end well", type(extension).__name__)
        self._subscribed.close()
        self._subscription = None
        await self._link.stop()

    async def publish(self, topic: str, payload: str | bytes, qos: int = 0, retain: bool = False) -> None:
        """Hand a plugin's message to the network.

        Raises NotConnected while the broker is away, QueueFull when too much waits to be sent, BadRequest for a topic
        or QoS that cannot be.
        """
        if not is_publishable(topic):
            raise BadRequest(f"topic: {topic!r} cannot be published to; no wildcards, no $ in front", field="topic")
        if qos not in (0, 1, 2):
            raise BadRequest(f"qos: 0, 1 or 2 fits, not {qos}", field="qos")
        body = payload.encode() if isinstance(payload, str) else payload
        if not self._link.ready:
            raise NotConnected(f"{topic} was not published: there is no connection to the broker at the moment")
        if not self._link.send(Outgoing(topic, body, qos, retain)):
            raise QueueFull(f"{topic} was not published: too many messages wait to be sent")

    def link_ready(self) -> None:
        if self._lost:
            _LOG.warning("mqtt: %d events happened while the broker was away and were not sent", self._lost)
            self._lost = 0
        self._sent.clear()
        while self._again:
            self._link.send(self._again.popleft())
        for message in payloads.retained(self._status):
            self._send(message)
        self._send_info()
        self._send(payloads.Message("availability", payloads.ONLINE, retain=True))
        if self._assistant.ledger is not None:
            self._stop_catching_up()
            self._start_catching_up(self._assistant.ledger)
        for extension in self._extensions:
            try:
                extension.ready()
            except Exception:
                # This adapter's top: an extension that cannot begin does not end the rest.
                _LOG.exception("mqtt: %s could not begin", type(extension).__name__)

    def link_unsent(self, messages: Sequence[Outgoing]) -> None:
        self._stop_catching_up()
        for message in messages:
            if message.kept is None and not (message.lasting and self._keep(message)) and message.qos:
                self._again.append(message)

    def link_delivered(self, kept: int) -> None:
        if self._assistant.ledger is not None:
            self._assistant.ledger.delivered(ADAPTER, kept)

    def link_changed(self, ok: bool, detail: str) -> None:
        self._on_change(ComponentChanged(component="broker", ok=ok, detail=detail, essential=False))

    def link_overflowed(self) -> None:
        message = "requests come over MQTT faster than they can be taken; some were dropped"
        self._assistant.bus.publish(ErrorRaised(code=QueueFull.code, message=message))

    async def _send_events(self, subscription: Subscription) -> None:
        async for event in subscription:
            try:
                self._send_event(event)
            except Exception:
                # This adapter's top: one event that cannot be sent must not end the rest.
                _LOG.exception("mqtt: a %s could not be sent", type(event).__name__)
            finally:
                subscription.confirm(event)

    def _send_event(self, event: Event) -> None:
        self._requests.observe(event)
        if isinstance(event, Lagged):
            _LOG.warning("mqtt: %d events came too fast and were not sent", event.count)
            self._status = self._assistant.status
        else:
            self._status = reduce(self._status, event)
        final = not isinstance(event, SpeechChanged) or event.status.final
        for message in payloads.encode(event, self._status):
            lasting = message.topic in _LASTING and final
            self._send(message, lasting=lasting)
            if message.topic in _MIRRORED:
                self._send(payloads.mirrored(message))
        if isinstance(event, ComponentChanged):
            self._send_info()
        for extension in self._extensions:
            extension.observe(event, self._status)

    async def _catch_up(self, ledger: Ledger) -> None:
        """Send what was kept while the broker was away, in its order, before anything new of that kind."""
        kept = -1
        while kept != self._kept:  # one may have been kept while there were no more
            kept = self._kept
            try:
                while waiting := await ledger.waiting(ADAPTER, after=self._caught_up_to):
                    for number, body in waiting:
                        if not await self._send_kept(number, body):
                            return  # the next connection begins again with the first that the broker has not got
                        self._caught_up_to = number
            except AuricleError as error:
                _LOG.error("mqtt: what was kept for the broker cannot be sent: %s", error.message)
        self._behind = False

    async def _send_kept(self, number: int, body: bytes) -> bool:
        """Wait for room; False when there is no connection any more."""
        try:
            message = replace(msgspec.json.decode(body, type=Outgoing), lasting=True, kept=number)
        except msgspec.DecodeError as error:
            _LOG.error("mqtt: a kept message cannot be read and is given up: %s", error)
            self.link_delivered(number)
            return True
        while not self._link.send(message):
            if not self._link.ready:
                return False
            await asyncio.sleep(_ROOM_S)
        return True

    def _start_catching_up(self, ledger: Ledger) -> None:
        self._behind = True
        self._catching_up = asyncio.create_task(self._catch_up(ledger), name="mqtt catch up")

    def _stop_catching_up(self) -> None:
        self._caught_up_to = 0
        if self._catching_up is not None:
            self._catching_up.cancel()

    def _keep(self, message: Outgoing) -> bool:
        ledger = self._assistant.ledger
        if ledger is None:
            return False
        self._behind = True
        self._kept += 1
        ledger.keep(ADAPTER, msgspec.json.encode(message))
        # With a connection it was for want of room, and no new connection will come to send it.
        if self._link.ready and (self._catching_up is None or self._catching_up.done()):
            self._start_catching_up(ledger)
        return True

    def _send_lasting(self, message: Outgoing) -> bool:
        """After what was kept, if anything was; False if it is lost."""
        if self._behind and self._keep(message):
            return True
        return self._link.send(message) or self._keep(message)

    def _send_info(self) -> None:
        self._send(payloads.Message("info", self._assistant.describe(), retain=True))

    def _send(self, message: payloads.Message, *, lasting: bool = False) -> None:
        payload = message.payload
        if message.topic in _UNREPEATED and self._sent.get(message.topic) == payload:
            return
        qos = 0 if message.topic in _BRIEF else 1
        outgoing = Outgoing(f"{self._root}/{message.topic}", payload, qos, message.retain, lasting=lasting)
        if self._send_lasting(outgoing) if lasting else self._link.send(outgoing):
            self._sent[message.topic] = payload
        elif not message.retain and message.topic != "event":
            self._lost += 1
