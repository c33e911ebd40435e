"""A short-lived client of the configured broker, for commands: publishes and takes, or says what is wrong."""

import queue
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from uuid import uuid4

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from auricle.adapters import mqtt_faults as faults
from auricle.adapters.mqtt_credentials import read_password, tls_context
from auricle.model.errors import ConfigError, NotConnected
from auricle.settings import Mqtt

_PATIENCE_S = 10.0
_UNREAD = 4096
"""Messages that wait to be read; more are dropped."""


@dataclass(frozen=True, slots=True)
class Message:
    topic: str
    payload: bytes
    retain: bool = False
    """Whether the broker had kept it from before."""


class Broker:
    """`with Broker(…) as broker` connects and subscribes; a connection that breaks later is made again by itself."""

    def __init__(self, settings: Mqtt, filters: Sequence[str]) -> None:
        """Raises ConfigError if no broker is configured, or its TLS files or password cannot be read."""
        if not settings.host:
            raise ConfigError("mqtt.host: the name or address of the broker must be set")
        self._settings = settings
        self._host = settings.host
        self._filters = tuple(filters)
        self._client_id = f"auricle-command-{uuid4().hex[:12]}"
        self._messages: queue.Queue[Message] = queue.Queue(_UNREAD)
        self._subscribed: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._version_refused = False
        self.dropped = 0
        """Messages that came faster than they were read."""
        self.connected = False
        self._v5 = True
        self._client = self._make()

    def __enter__(self) -> "Broker":
        """Raises NotConnected with what is wrong, and what to do."""
        trouble = self._connect()
        if self._version_refused:
            self._v5 = False
            self._client = self._make()
            trouble = self._connect()
        if trouble:
            self._leave()
            raise NotConnected(trouble)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def publish(self, topic: str, payload: bytes, *, response_topic: str | None = None) -> None:
        """At QoS 1; returns when the broker has it. Raises NotConnected if it does not take it in ten seconds."""
        properties = None
        if self._v5 and response_topic is not None:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.ResponseTopic = response_topic
        sent = self._client.publish(topic, payload, 1, False, properties)
        with suppress(ValueError, RuntimeError):
            sent.wait_for_publish(_PATIENCE_S)
        if sent.rc != MQTTErrorCode.MQTT_ERR_SUCCESS or not sent.is_published():
            raise NotConnected(f"{self._host}:{self._settings.port} did not take the message to {topic}")

    def next(self, timeout_s: float) -> Message | None:
        """The next message; None if none comes in `timeout_s`."""
        try:
            return self._messages.get(timeout=max(0.0, timeout_s))
        except queue.Empty:
            return None

    def _connect(self) -> str:
        """Return what went wrong; empty is well."""
        try:
            self._client.connect_async(self._host, self._settings.port, self._settings.keepalive_s)
            self._client.reconnect()
        except OSError as error:
            return faults.of_error(error, self._settings)
        self._client.loop_start()
        try:
            return self._subscribed.get(timeout=_PATIENCE_S)
        except queue.Empty:
            return f"{self._host}:{self._settings.port} took the connection but did not answer; is it an MQTT broker?"

    def _leave(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _make(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            protocol=MQTTProtocolVersion.MQTTv5 if self._v5 else MQTTProtocolVersion.MQTTv311,
        )
        client.connect_timeout = 5.0
        client.reconnect_delay_set(1, 8)
        client.username_pw_set(self._settings.username, read_password(self._settings))
        if (context := tls_context(self._settings.tls)) is not None:
            client.tls_set_context(context)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        return client

    # From here on everything runs on paho's thread.

    def _on_connect(
        self, client: Client, _: object, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if reason.is_failure:
            self._version_refused = self._v5 and reason.value == faults.UNSUPPORTED_PROTOCOL
            self._subscribed.put(faults.of_connack(reason, self._settings, self._client_id))
            return
        self.connected = True
        if self._v5:
            options = SubscribeOptions(qos=1)
            client.subscribe([(filter, options) for filter in self._filters])
        else:
            client.subscribe([(filter, 1) for filter in self._filters])

    def _on_disconnect(
        self, client: Client, _: object, flags: DisconnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if not self.connected:
            self._subscribed.put(faults.of_hang_up("", self._settings))
        self.connected = False

    def _on_subscribe(
        self, client: Client, _: object, mid: int, reasons: list[ReasonCode], properties: Properties | None
    ) -> None:
        refused = [filter for filter, reason in zip(self._filters, reasons, strict=False) if reason.is_failure]
        said = f"the broker refuses the subscription to {', '.join(refused)}: check its access list" if refused else ""
        self._subscribed.put(said)

    def _on_message(self, client: Client, _: object, message: MQTTMessage) -> None:
        try:
            self._messages.put_nowait(Message(message.topic, bytes(message.payload), message.retain))
        except queue.Full:
            self.dropped += 1


def until(deadline_s: float) -> float:
    """Seconds left to a time of `time.monotonic`."""
    return max(0.0, deadline_s - time.monotonic())
