"""`auricle say --mqtt`: speech through the broker, told of when the daemon has it, or when it is over."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import uuid4

from auricle.adapters.requests import parse_say
from auricle.cli.broker import Broker, Message, until
from auricle.model.errors import AuricleError, NotConnected
from auricle.settings import Config

_ANSWER_S = 10.0
"""For the daemon to say that it is there, and that it has the request."""
_RETAINED_S = 3.0
LONGEST_S = 7 * 24 * 3600.0
_FINAL = ("finished", "cancelled", "expired", "failed")


@dataclass(frozen=True, slots=True)
class Said:
    id: str
    status: str
    """As in `T/speech`; `queued` is accepted."""
    reason: str | None = None

    @property
    def final(self) -> bool:
        return self.status in _FINAL


def say_over_mqtt(config: Config, text: str, options: Mapping[str, object], *, wait: bool) -> Said:
    """Return when the daemon has accepted the request, with `wait` when it has ended.

    options: fields of `T/say` beside the text; those that are None are left out. Raises BadRequest naming the field,
    NotConnected if the broker or the daemon is not there, AuricleError with the daemon's own words if it refuses.
    """
    id = str(options.get("id") or uuid4())
    fields = {name: value for name, value in options.items() if value is not None} | {"text": text, "id": id}
    payload = json.dumps(fields, ensure_ascii=False).encode()
    parse_say(payload)
    root = f"{config.mqtt.topic_prefix.rstrip('/')}/{config.site.id}"
    answers = f"{root}/response/{id}"
    with Broker(config.mqtt, [f"{root}/availability", f"{root}/speech", f"{root}/error", answers]) as broker:
        _check_online(broker, root)
        broker.publish(f"{root}/say", payload, response_topic=answers)
        by_s = time.monotonic() + _ANSWER_S
        accepted = False
        while (message := broker.next(until(by_s))) is not None:
            if message.topic == f"{root}/availability":
                # It goes on with what it has accepted when it is back.
                continue
            if (said := _told(message, id)) is None:
                continue
            if said.final or not wait:
                return said
            if not accepted:
                accepted, by_s = True, time.monotonic() + LONGEST_S
    raise NotConnected(
        f"the daemon of {root} was asked and did not answer in {_ANSWER_S:g} s; the broker keeps the request for it"
    )


def _check_online(broker: Broker, root: str) -> None:
    by_s = time.monotonic() + _RETAINED_S
    while (message := broker.next(until(by_s))) is not None:
        if message.topic == f"{root}/availability":
            if message.payload == b"online":
                return
            raise NotConnected(f"the daemon of {root} is offline: start it, or see why it does not reach the broker")
    raise NotConnected(f"the broker knows no daemon of {root}; check site.id and mqtt.topic_prefix, and start it")


def _told(message: Message, id: str) -> Said | None:
    """What a message says of the request; None if it is about another. Raises AuricleError if it was refused."""
    try:
        found = json.loads(message.payload)
    except ValueError:
        return None
    if not isinstance(found, dict) or found.get("id") != id:
        return None
    if "code" in found:
        raise AuricleError(str(found.get("message")), code=str(found["code"]))
    reason = found.get("reason")
    return Said(id, str(found.get("status")), None if reason is None else str(reason))
