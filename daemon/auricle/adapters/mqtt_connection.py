"""One paho-mqtt client, driven from one thread: connect, subscribe, take, send, until the connection ends."""

import logging
import select
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, LogLevel, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from auricle.adapters import mqtt_faults as faults
from auricle.adapters.mqtt_credentials import read_password, tls_context
from auricle.adapters.mqtt_messages import Ack, Incoming, Outgoing
from auricle.settings import Mqtt

_LOG = logging.getLogger(__name__)
RECEIVE_MAXIMUM = 256
"""Unacknowledged QoS 1 messages that an MQTT 5 broker may send."""
_MAX_PACKET_BYTES = 11 * 1024 * 1024
_MAX_IN_FLIGHT = 256
"""Messages that the broker has not acknowledged yet, where it takes so many; the rest waits in the outbox."""
_MAX_IN_FLIGHT_V3 = 20
"""MQTT 3.1.1 has no word for how many a broker takes; Mosquitto's own limit."""
_PACKET_HEAD_BYTES = 256
"""More than a PUBLISH adds to topic, payload and correlation data."""
_CONNECT_TIMEOUT_S = 5.0
_READY_TIMEOUT_S = 10.0
_FLUSH_S = 1.0
_SESSION_EXPIRY_S = 3600
_POLL_MS = 500
_NO_ROOM_S = 0.01


class Connection:
    """May be served again once it has ended. Everything runs on the calling thread."""

    def __init__(
        self,
        settings: Mqtt,
        *,
        client_id: str,
        v5: bool,
        farewell: Outgoing,
        topics: Sequence[str],
        drops: Sequence[str] = (),
        on_open: Callable[[], None],
        on_ready: Callable[[str], None],
        on_message: Callable[[Incoming], None],
        on_delivered: Callable[[Outgoing], None] = lambda message: None,
        has_room: Callable[[], bool] = lambda: True,
        on_refused: Callable[[str], None],
    ) -> None:
        """farewell: the last will, also sent at a clean end. drops: what an earlier session subscribed to and this one
        does not. on_open: called when the broker has said yes; messages that it kept come from then on.
        on_ready: called when it has taken the subscriptions, with the broker in words. on_delivered: called when it
        has a message of ours. has_room: whether another message can be taken; until then nothing is read.
        on_refused: called once a connection when its access list forbids what is sent.

        Raises ConfigError if the TLS files cannot be used.
        """
        self._settings = settings
        self._client_id = client_id
        self._v5 = v5
        self._farewell = farewell
        self._topics = tuple(topics)
        self._drops = list(drops)
        self._on_open = on_open
        self._on_ready = on_ready
        self._deliver = on_message
        self._on_delivered = on_delivered
        self._has_room = has_room
        self._on_refused = on_refused
        self._present = object()
        self._open = False
        self._ready = False
        self.opened = False
        """Whether the network connection was made in the present or last attempt."""
        self.answered = False
        """Whether the broker has said anything in the present or last attempt."""
        self.version_refused = False
        self._trouble: str | None = None
        self._network_error = ""
        self._refusal_logged = False
        self._farewell_mid: int | None = None
        self._farewell_done = False
        self._in_flight: dict[int, Outgoing] = {}
        """By the library's number, in the order in which they were sent."""
        self._window = _MAX_IN_FLIGHT_V3
        self._most_bytes: int | None = None
        self._client = self._make_client()

    def serve(self, outbox: deque[Outgoing | Ack], wake: socket.socket, stopping: threading.Event) -> str:
        """Connect, then send what is in `outbox` until the connection ends; return why it did.

        wake: becomes readable when there is something new to look at. Once `stopping` is set, `outbox` is sent to its
        end, for a second at most, and then the farewell. Raises OSError if no connection can be made, and ConfigError.
        """
        self._trouble, self._network_error = None, ""
        self.opened = self.answered = self._open = self._ready = self._refusal_logged = False
        self._client.username_pw_set(self._settings.username, read_password(self._settings))
        try:
            self._client.reconnect()
            self.opened = True
            self._run(outbox, wake, stopping)
        finally:
            self._open = self._ready = False
            if (left := self._client.socket()) is not None:
                left.close()
        if self._trouble is not None:
            return self._trouble
        if not self.answered:
            return faults.of_hang_up(self._network_error, self._settings)
        return faults.of_loss(self._network_error, self._settings, self._client_id)

    def take_back(self) -> list[Outgoing]:
        """What was sent and not acknowledged as the connection ended, in its order; it is up to the caller again.

        Nothing while one at QoS 2 is among it: the library finishes its handshake by itself, and sends all of it again.
        """
        if any(message.qos == 2 for message in self._in_flight.values()):
            return []
        left = list(self._in_flight.values())
        self._in_flight.clear()
        self._client = self._make_client()
        return left

    def _run(self, outbox: deque[Outgoing | Ack], wake: socket.socket, stopping: threading.Event) -> None:
        client = self._client
        ready_by_s = time.monotonic() + _READY_TIMEOUT_S
        leave_by_s: float | None = None
        while self._ready or time.monotonic() < ready_by_s:
            if self._open:
                self._send_all(outbox)
            if stopping.is_set():
                leave_by_s = leave_by_s or time.monotonic() + _FLUSH_S
                if self._said_farewell(outbox) or not self._ready:
                    client.disconnect()
                    return
                if time.monotonic() > leave_by_s:
                    return  # Hanging up without a word makes the broker send the last will.
            sock = client.socket()
            if sock is None:
                return
            readable, writable = _wait(sock, wake, client.want_write(), 50 if leave_by_s else _POLL_MS)
            if readable and self._has_room():
                client.loop_read()
            elif readable:
                time.sleep(_NO_ROOM_S)  # The network holds it back, and so the broker keeps it.
            if writable and client.socket() is not None:
                client.loop_write()
            if client.socket() is None:
                return
            client.loop_misc()
        self._trouble = f"{self._settings.host}:{self._settings.port} took the connection but did not answer"

    def _send_all(self, outbox: deque[Outgoing | Ack]) -> None:
        """In order: an acknowledgement never overtakes the answer that was sent before it."""
        while outbox and len(self._in_flight) < self._window and not self._is_choked():
            match outbox.popleft():
                case Outgoing() as message:
                    self._publish(message)
                case Ack(mid, connection):
                    if connection is self._present:
                        self._client.ack(mid, 1)

    def _is_choked(self) -> bool:
        """Whether the network takes nothing more at the moment, or is gone."""
        return self._client.socket() is None or self._client.want_write()

    def _publish(self, message: Outgoing) -> int | None:
        length = len(message.topic.encode()) + len(message.payload) + len(message.correlation or b"")
        if self._most_bytes is not None and length + _PACKET_HEAD_BYTES > self._most_bytes:
            # The broker would hang up, and again each time that it is sent again.
            _LOG.error("mqtt: %d bytes for %s are more than the broker takes; dropped", length, message.topic)
            self._on_delivered(message)
            return None
        properties = None
        if self._v5 and message.correlation is not None:
            properties = _properties(PacketTypes.PUBLISH, CorrelationData=message.correlation)
        sent = self._client.publish(message.topic, message.payload, message.qos, message.retain, properties)
        if message.qos:
            self._in_flight[sent.mid] = message  # also when the connection just ends: then it is taken back
        return sent.mid

    def _said_farewell(self, outbox: deque[Outgoing | Ack]) -> bool:
        if self._farewell_mid is None and self._ready and not outbox and not self._is_choked():
            self._farewell_mid = self._publish(self._farewell)
        return self._farewell_done

    def _make_client(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            clean_session=None if self._v5 else False,
            protocol=MQTTProtocolVersion.MQTTv5 if self._v5 else MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.connect_timeout = _CONNECT_TIMEOUT_S
        client.max_inflight_messages_set(0)  # The limit is this class's: what the library held back would be overtaken.
        client.will_set(self._farewell.topic, self._farewell.payload, self._farewell.qos, self._farewell.retain)
        if (context := tls_context(self._settings.tls)) is not None:
            client.tls_set_context(context)
        client.on_socket_open = _hurry
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_disconnect = self._on_disconnect
        client.on_log = self._on_log
        host, port, keepalive_s = self._settings.host or "localhost", self._settings.port, self._settings.keepalive_s
        if self._v5:
            properties = _properties(
                PacketTypes.CONNECT,
                SessionExpiryInterval=_SESSION_EXPIRY_S,
                ReceiveMaximum=RECEIVE_MAXIMUM,
                MaximumPacketSize=_MAX_PACKET_BYTES,
            )
            client.connect_async(host, port, keepalive_s, clean_start=False, properties=properties)
        else:
            client.connect_async(host, port, keepalive_s)
        return client

    def _on_connect(
        self, client: Client, _: object, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        self.answered = True
        if reason.is_failure:
            self.version_refused = reason.value == faults.UNSUPPORTED_PROTOCOL
            self._trouble = faults.of_connack(reason, self._settings, self._client_id)
            return
        self._present = object()
        self._window = _MAX_IN_FLIGHT_V3
        if self._v5:
            self._window = min(_MAX_IN_FLIGHT, getattr(properties, "ReceiveMaximum", _MAX_IN_FLIGHT))
        self._most_bytes = getattr(properties, "MaximumPacketSize", None)
        self._open = True
        self._on_open()
        if self._drops:
            client.unsubscribe(self._drops)
        if self._v5:
            # Retained requests are refused, so the flag must be seen on those that come live too.
            options = SubscribeOptions(qos=1, retainAsPublished=True)
            client.subscribe([(topic, options) for topic in self._topics])
        else:
            client.subscribe([(topic, 1) for topic in self._topics])

    def _on_subscribe(
        self, client: Client, _: object, mid: int, reasons: list[ReasonCode], properties: Properties | None
    ) -> None:
        refused = [topic for topic, reason in zip(self._topics, reasons, strict=False) if reason.is_failure]
        self._ready = True
        broker = f"{self._settings.host}:{self._settings.port}, MQTT {'5' if self._v5 else '3.1.1'}"
        if refused:
            broker += f"; the broker refuses the subscription to {', '.join(refused)}: check its access list"
        self._on_ready(broker)

    def _on_message(self, client: Client, _: object, message: MQTTMessage) -> None:
        properties = message.properties
        self._deliver(
            Incoming(
                topic=message.topic,
                payload=bytes(message.payload),
                qos=message.qos,
                retain=message.retain,
                mid=message.mid,
                connection=self._present,
                response_topic=getattr(properties, "ResponseTopic", None),
                correlation=getattr(properties, "CorrelationData", None),
                again=message.dup,
                expires_s=getattr(properties, "MessageExpiryInterval", None),
            )
        )

    def _on_publish(
        self, client: Client, _: object, mid: int, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if (message := self._in_flight.pop(mid, None)) is not None:
            self._on_delivered(message)
        if mid == self._farewell_mid:
            self._farewell_done = True
        if reason.is_failure and not self._refusal_logged:
            self._refusal_logged = True
            self._on_refused(f"the broker refuses what is sent ({reason.getName()}); check its access list")

    def _on_disconnect(
        self, client: Client, _: object, flags: DisconnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if self._trouble is None and flags.is_disconnect_packet_from_server:
            self._trouble = faults.of_disconnect(reason, self._client_id)

    def _on_log(self, client: Client, _: object, level: int, text: str) -> None:
        if level == LogLevel.MQTT_LOG_ERR:
            self._network_error = text.rpartition("socket: ")[2]


def _hurry(client: Client, _: object, sock: object) -> None:
    """An answer that follows an acknowledgement must not wait 40 ms for the peer's (Nagle and delayed ACK)."""
    if isinstance(sock, socket.socket):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _properties(packet: int, **values: int | bytes) -> Properties:
    properties = Properties(packet)  # type: ignore[no-untyped-call]
    for name, value in values.items():
        setattr(properties, name, value)
    return properties


class _Descriptor(Protocol):
    def fileno(self) -> int: ...


def _wait(sock: _Descriptor, wake: socket.socket, want_write: bool, timeout_ms: int) -> tuple[bool, bool]:
    """Return whether `sock` can be read and whether it is to be written; empties `wake`."""
    if isinstance(sock, ssl.SSLSocket) and sock.pending():
        timeout_ms = 0
    poll = select.poll()
    poll.register(sock, select.POLLIN | (select.POLLOUT if want_write else 0))
    poll.register(wake, select.POLLIN)
    events = dict(poll.poll(timeout_ms))
    if wake.fileno() in events:
        with suppress(BlockingIOError):
            wake.recv(4096)
    found = events.get(sock.fileno(), 0)
    return bool(found & ~select.POLLOUT) or timeout_ms == 0, bool(found & select.POLLOUT)
