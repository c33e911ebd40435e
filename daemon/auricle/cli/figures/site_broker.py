"""A Mosquitto that measurements start for themselves, and a client of it that keeps when each message came."""

import asyncio
import contextlib
import os
import queue
import shutil
import socket
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from auricle.model.errors import AuricleError, NotConnected

PATIENCE_S = 60.0
_START_S = 15.0
_UNREAD = 65_536


@dataclass(frozen=True, slots=True)
class Arrived:
    topic: str
    payload: bytes
    correlation: bytes | None
    at_s: float
    """As of `time.monotonic`."""


@contextlib.asynccontextmanager
async def mosquitto(folder: Path) -> AsyncIterator[int]:
    """A broker of its own on a free loopback port, which is yielded. Raises AuricleError if it is not installed."""
    program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        raise AuricleError("mosquitto: not found; this measurement starts a broker of its own: apt install mosquitto")
    port = _free_port()
    lines = [f"listener {port} 127.0.0.1", "allow_anonymous true", "set_tcp_nodelay true", "persistence false"]
    lines += ["max_queued_messages 0", "log_dest none"]
    file = folder / "mosquitto.conf"
    file.write_text("\n".join(lines) + "\n")
    nowhere = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(program, "-c", str(file), stdout=nowhere, stderr=nowhere)
    try:
        await _listening(process, port)
        yield port
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


def at_broker(port: int, site: str, **keys: str) -> Mapping[str, str]:
    """Environment of a daemon at that broker that is `site`, speaks as often as asked and tells nobody else."""
    mqtt = {"host": "127.0.0.1", "port": str(port), "client_id": "", "say_per_minute": "0", "discovery": "off", **keys}
    return {"AURICLE__SITE__ID": site} | {f"AURICLE__MQTT__{key.upper()}": value for key, value in mqtt.items()}


class TimingClient:
    """Publishes at QoS 1 and takes what comes, with the time at which it came. Blocking: for a thread."""

    def __init__(self, client: Client, arrived: "queue.Queue[Arrived]") -> None:
        self._client = client
        self._arrived = arrived

    def publish(self, topic: str, payload: str, *, answer: str | None = None, correlation: bytes = b"") -> float:
        """Return when it was given to the network."""
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if answer is not None:
            properties.ResponseTopic, properties.CorrelationData = answer, correlation
        at_s = time.monotonic()
        self._client.publish(topic, payload.encode(), 1, False, properties)
        return at_s

    def next(self, *topics: str) -> Arrived:
        """The next message on one of `topics`; others are passed over. Raises NotConnected after a minute."""
        by_s = time.monotonic() + PATIENCE_S
        while True:
            try:
                message = self._arrived.get(timeout=max(0.01, by_s - time.monotonic()))
            except queue.Empty:
                raise NotConnected(f"nothing came on {topics[0]} in {PATIENCE_S:g} s") from None
            if message.topic in topics:
                return message


@contextlib.contextmanager
def timing_client(port: int, topics: Sequence[str]) -> Iterator[TimingClient]:
    """Raises NotConnected if the broker does not take the subscription."""
    arrived: queue.Queue[Arrived] = queue.Queue(_UNREAD)
    ready: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def on_connect(client: Client, _: object, flags: ConnectFlags, reason: ReasonCode, properties: object) -> None:
        client.subscribe([(topic, SubscribeOptions(qos=1)) for topic in topics])

    def on_message(client: Client, _: object, message: MQTTMessage) -> None:
        at_s = time.monotonic()
        correlation = getattr(message.properties, "CorrelationData", None)
        with contextlib.suppress(queue.Full):
            arrived.put_nowait(Arrived(message.topic, bytes(message.payload), correlation, at_s))

    def on_socket_open(client: Client, _: object, sock: object) -> None:
        # What is measured must not be the 40 ms of a delayed acknowledgement.
        if isinstance(sock, socket.socket):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.on_connect, client.on_message, client.on_socket_open = on_connect, on_message, on_socket_open
    client.on_subscribe = lambda *_: ready.put(True)
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        try:
            ready.get(timeout=PATIENCE_S)
        except queue.Empty:
            raise NotConnected("mosquitto did not take the subscription") from None
        yield TimingClient(client, arrived)
    finally:
        client.disconnect()
        client.loop_stop()


async def _listening(process: asyncio.subprocess.Process, port: int) -> None:
    by_s = time.monotonic() + _START_S
    while process.returncode is None and time.monotonic() < by_s:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.02)
            continue
        writer.close()
        await writer.wait_closed()
        return
    raise AuricleError(f"mosquitto did not start on port {port}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
