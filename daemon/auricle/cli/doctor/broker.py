"""The broker: reachable, lets us in, and lets us read and write our topics."""

import queue
from collections.abc import Iterator
from contextlib import contextmanager

from paho.mqtt.client import Client, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from auricle.adapters import mqtt_faults
from auricle.adapters.mqtt_credentials import read_password, tls_context
from auricle.cli.doctor.finding import Finding, failed, ok, skipped
from auricle.model.errors import ConfigError
from auricle.settings import Config, Mqtt

_BROKER, _RIGHTS = "broker", "broker rights"
_ANSWER_S = 5.0
_WHY = "requests, states and Home Assistant go through the broker"


class _Refused(Exception):
    """The broker said no; the text says why."""


def check(config: Config) -> Iterator[Finding]:
    mqtt = config.mqtt
    if mqtt.host is None:
        yield skipped(_BROKER, "[mqtt] host is not set")
        return
    where = f"{mqtt.host}:{mqtt.port}"
    client_id = f"{mqtt.client_id or f'auricle-{config.site.id}'}-doctor"
    try:
        with _connected(mqtt, client_id) as client:
            yield ok(_BROKER, f"{where} lets us in")
            yield _rights(client, config)
    except ConfigError as error:
        yield failed(_BROKER, error.message, _WHY, "mend that key or file; auricle config check")
    except _Refused as refused:
        yield failed(
            _BROKER, str(refused), _WHY, "mosquitto_passwd on the broker's machine, or: [mqtt] username, password_file"
        )
    except OSError as error:
        mend = ["on the broker's machine: sudo systemctl enable --now mosquitto", f"[mqtt] host and port: now {where}"]
        yield failed(_BROKER, mqtt_faults.of_error(error, mqtt), _WHY, *mend)


@contextmanager
def _connected(mqtt: Mqtt, client_id: str) -> Iterator[Client]:
    """Raises ConfigError, _Refused, OSError."""
    client = Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTProtocolVersion.MQTTv5)
    client.username_pw_set(mqtt.username, read_password(mqtt))
    client.connect_timeout = _ANSWER_S
    if (context := tls_context(mqtt.tls)) is not None:
        client.tls_set_context(context)
    answers: queue.Queue[ReasonCode] = queue.Queue(8)
    client.on_connect = lambda c, data, flags, reason, properties: answers.put_nowait(reason)
    client.connect(str(mqtt.host), mqtt.port, keepalive=mqtt.keepalive_s)
    client.loop_start()
    try:
        try:
            reason = answers.get(timeout=_ANSWER_S)
        except queue.Empty:
            raise _Refused(mqtt_faults.of_hang_up("", mqtt)) from None
        if reason.is_failure:
            raise _Refused(mqtt_faults.of_connack(reason, mqtt, client_id))
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


def _rights(client: Client, config: Config) -> Finding:
    """An empty message, not retained, goes to a topic of ours that nobody reads, and is to come back.

    Brokers grant a subscription to anybody and then deliver nothing: so only a message that comes back shows the right.
    """
    prefix, site = config.mqtt.topic_prefix.rstrip("/"), config.site.id
    own = f"{prefix}/{site}"
    refused = [] if _may_write(client, f"{own}/doctor") else [f"writing {own}/doctor"]
    if not refused and not _may_read(client, f"{own}/doctor"):
        refused.append(f"reading {own}/doctor")
    discovery = f"homeassistant/device/auricle_{site}"
    if config.mqtt.discovery != "off" and not _may_write(client, f"{discovery}/doctor"):
        refused.append(f"writing {discovery}/doctor")
    if not refused:
        return ok(_RIGHTS, f"may read and write below {own}")
    user = [f"user {config.mqtt.username}"] if config.mqtt.username else []
    return failed(
        _RIGHTS,
        f"the broker refuses {', '.join(refused)}",
        "requests would not arrive, or answers not go out, and nothing would say so",
        "to the broker's acl_file add, and then type: sudo systemctl reload mosquitto",
        *user,
        f"topic readwrite {own}/#",
        f"topic read {prefix}/all/#",
        f"topic write {discovery}/#",
    )


def _may_write(client: Client, topic: str) -> bool:
    answers: queue.Queue[ReasonCode] = queue.Queue(8)
    client.on_publish = lambda c, data, mid, reason, properties: answers.put_nowait(reason)
    sent: MQTTMessageInfo = client.publish(topic, b"", 1)
    try:
        return sent.rc == 0 and not answers.get(timeout=_ANSWER_S).is_failure
    except queue.Empty:
        return False


def _may_read(client: Client, topic: str) -> bool:
    granted: queue.Queue[bool] = queue.Queue(8)
    arrived: queue.Queue[str] = queue.Queue(8)
    client.on_subscribe = lambda c, data, mid, reasons, properties: granted.put_nowait(not reasons[0].is_failure)
    client.on_message = lambda c, data, message: arrived.put_nowait(message.topic)
    client.subscribe(topic, 1)
    try:
        if not granted.get(timeout=_ANSWER_S):
            return False
        client.publish(topic, b"", 1)
        arrived.get(timeout=_ANSWER_S)
    except queue.Empty:
        return False
    return True
