"""A real Mosquitto on a free loopback port, with a configuration of its own."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue

import pytest
from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

_PATIENCE_S = 15.0


def _program(name: str) -> str:
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    assert found, f"{name} is missing: apt install mosquitto mosquitto-clients openssl"
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Received:
    topic: str
    payload: bytes
    retain: bool
    qos: int
    correlation: bytes | None


class Collected:
    """What came on some topics, in order."""

    def __init__(self) -> None:
        self._queue: Queue[Received] = Queue()
        self.seen: list[Received] = []

    def put(self, message: Received) -> None:
        self._queue.put(message)

    def next(self, topic: str | None = None, timeout_s: float = _PATIENCE_S) -> Received:
        """The next message (on `topic`); what comes before it is passed over, and kept in `seen`."""
        until_s = time.monotonic() + timeout_s
        while True:
            try:
                message = self._queue.get(timeout=max(0.01, until_s - time.monotonic()))
            except Empty:
                raise AssertionError(f"nothing on {topic or 'any topic'}; seen: {self.seen}") from None
            self.seen.append(message)
            if topic is None or message.topic == topic:
                return message

    def until(self, count: int, timeout_s: float = _PATIENCE_S) -> list[Received]:
        """Exactly the next `count` messages."""
        return [self.next(timeout_s=timeout_s) for _ in range(count)]

    def rest(self, quiet_s: float = 0.3) -> list[Received]:
        """All that comes until it has been quiet for `quiet_s`."""
        found = []
        while True:
            try:
                found.append(self._queue.get(timeout=quiet_s))
            except Empty:
                self.seen += found
                return found


@dataclass
class Mosquitto:
    folder: Path
    port: int = field(default_factory=free_port)
    lines: list[str] = field(default_factory=list)
    """Of the configuration; the listener is written first."""
    process: "subprocess.Popen[bytes] | None" = None
    username: str | None = None
    password: str | None = None
    ca: Path | None = None
    persistent: bool = False
    """Whether it knows, after a clean restart, what it knew before."""

    def start(self) -> None:
        lines = [f"listener {self.port} 127.0.0.1", *self.lines]
        if not any(line.startswith(("allow_anonymous", "password_file")) for line in lines):
            lines.append("allow_anonymous true")
        # Started by root, it would become another user, who may not read the folder.
        lines += [
            "user root",
            "set_tcp_nodelay true",
            f"persistence {str(self.persistent).lower()}",
            f"persistence_location {self.folder}/",
            "log_type all",
            f"log_dest file {self.folder / 'mosquitto.log'}",
        ]
        config = self.folder / "mosquitto.conf"
        config.write_text("\n".join(lines) + "\n")
        for _ in range(3):
            self.process = subprocess.Popen(
                [_program("mosquitto"), "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            until_s = time.monotonic() + _PATIENCE_S
            while self.process.poll() is None and time.monotonic() < until_s:
                try:
                    socket.create_connection(("127.0.0.1", self.port), timeout=1.0).close()
                    return
                except OSError:
                    time.sleep(0.02)
            self.stop()
        raise AssertionError(f"mosquitto did not start:\n{self.log()}")

    def stop(self, how: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(_PATIENCE_S)
            self.process = None

    def kill(self) -> None:
        self.stop(signal.SIGKILL)

    def restart(self) -> None:
        """On the same port, with nothing remembered."""
        self.stop()
        self.start()

    def log(self) -> str:
        path = self.folder / "mosquitto.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def add_user(self, username: str, password: str) -> None:
        """From the next start on, nobody else gets in."""
        file = self.folder / "passwords"
        made = [] if file.exists() else ["-c"]
        subprocess.run([_program("mosquitto_passwd"), *made, "-b", str(file), username, password], check=True)
        if not self.username:
            self.username, self.password = username, password
            self.lines += [f"password_file {file}", "allow_anonymous false"]

    def use_acl(self, *lines: str) -> None:
        file = self.folder / "acl"
        file.write_text("\n".join(lines) + "\n")
        file.chmod(0o600)
        self.lines.append(f"acl_file {file}")

    def use_tls(self, *, name: str = "localhost", client_certificates: bool = False) -> None:
        """From the next start on only TLS is spoken, with a certificate for `name` by the CA at `ca`."""
        self.ca = make_ca(self.folder, "ca")
        certificate, key = make_certificate(self.folder, "ca", "server", name)
        self.lines += [f"cafile {self.ca}", f"certfile {certificate}", f"keyfile {key}"]
        if client_certificates:
            self.lines.append("require_certificate true")

    @contextmanager
    def client(self, *, subscribe: Sequence[str] = ()) -> Iterator[tuple[Client, Collected]]:
        """An MQTT 5 client, connected and subscribed."""
        collected = Collected()
        ready: Queue[str] = Queue()

        def on_connect(c: Client, _: object, flags: ConnectFlags, reason: ReasonCode, properties: object) -> None:
            if reason.is_failure or not subscribe:
                ready.put(str(reason))
            else:
                c.subscribe([(topic, SubscribeOptions(qos=1, retainAsPublished=True)) for topic in subscribe])

        def on_message(c: Client, _: object, message: MQTTMessage) -> None:
            collected.put(
                Received(
                    message.topic,
                    bytes(message.payload),
                    message.retain,
                    message.qos,
                    getattr(message.properties, "CorrelationData", None),
                )
            )

        client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        client.username_pw_set(self.username, self.password)
        if self.ca is not None:
            client.tls_set(str(self.ca))
        client.on_connect = on_connect
        client.on_subscribe = lambda *_: ready.put("Success")
        client.on_message = on_message
        client.on_socket_open = _hurry
        client.connect("localhost" if self.ca is not None else "127.0.0.1", self.port)
        client.loop_start()
        try:
            assert ready.get(timeout=_PATIENCE_S) == "Success"
            yield client, collected
        finally:
            client.disconnect()
            client.loop_stop()

    @contextmanager
    def collect(self, *topics: str) -> Iterator[Collected]:
        """Gather what comes on `topics` (filters), retained messages first."""
        with self.client(subscribe=topics) as (_, collected):
            yield collected

    def publish(
        self,
        topic: str,
        payload: str | bytes = b"",
        *,
        qos: int = 1,
        retain: bool = False,
        response_topic: str | None = None,
        correlation: bytes | None = None,
    ) -> None:
        """Returns when the broker has it."""
        self.publish_all([(topic, payload)], qos, retain, response_topic, correlation)

    def publish_all(
        self,
        messages: Sequence[tuple[str, str | bytes]],
        qos: int = 1,
        retain: bool = False,
        response_topic: str | None = None,
        correlation: bytes | None = None,
    ) -> None:
        properties = Properties(PacketTypes.PUBLISH)
        if response_topic is not None:
            properties.ResponseTopic = response_topic
        if correlation is not None:
            properties.CorrelationData = correlation
        with self.client() as (client, _):
            sent = [client.publish(topic, payload, qos, retain, properties) for topic, payload in messages]
            for message in sent:
                message.wait_for_publish(_PATIENCE_S)


def _hurry(client: Client, _: object, sock: object) -> None:
    """What is measured over this client must not be the 40 ms of a delayed acknowledgement."""
    assert isinstance(sock, socket.socket)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def make_ca(folder: Path, name: str) -> Path:
    """Return the certificate of a new authority."""
    certificate = folder / f"{name}.crt"
    subprocess.run(
        [_program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        + ["-days", "2", "-subj", f"/CN={name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign"]
        + ["-keyout", str(folder / f"{name}.key"), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    return certificate


def make_certificate(folder: Path, ca: str, stem: str, name: str) -> tuple[Path, Path]:
    """Return a certificate for the host `name`, signed by `ca`, and its key."""
    certificate, key, request, extensions = (folder / f"{stem}.{end}" for end in ("crt", "key", "csr", "ext"))
    extensions.write_text(f"subjectAltName=DNS:{name}\n")
    openssl = _program("openssl")
    subprocess.run(
        [openssl, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}"]
        + ["-keyout", str(key), "-out", str(request)],
        check=True,
        capture_output=True,
    )
    subprocess.run(
        [openssl, "x509", "-req", "-in", str(request), "-CA", str(folder / f"{ca}.crt")]
        + ["-CAkey", str(folder / f"{ca}.key"), "-CAcreateserial", "-days", "2", "-extfile", str(extensions)]
        + ["-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    return certificate, key


@pytest.fixture
def make_mosquitto(tmp_path: Path) -> Iterator[Callable[[], Mosquitto]]:
    """Brokers that are not started yet."""
    made: list[Mosquitto] = []

    def make() -> Mosquitto:
        folder = tmp_path / f"mosquitto{len(made)}"
        folder.mkdir()
        made.append(Mosquitto(folder))
        return made[-1]

    yield make
    for broker in made:
        broker.stop()


@pytest.fixture
def mosquitto(make_mosquitto: Callable[[], Mosquitto]) -> Mosquitto:
    """A broker that runs and lets everybody in."""
    broker = make_mosquitto()
    broker.start()
    return broker
