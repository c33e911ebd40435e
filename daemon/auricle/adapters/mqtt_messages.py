"""What passes between the event loop and the thread that speaks to the broker."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message as it came, with what its answer and its acknowledgement need."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    mid: int = 0
    connection: object = None
    """Stands for the connection that it came over: only there can it be acknowledged."""
    response_topic: str | None = None
    correlation: bytes | None = None
    again: bool = False
    """Whether the broker sends it another time, since the first was not acknowledged."""
    expires_s: float | None = None
    """MQTT 5's message expiry: so long it is of use, from its arrival on."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False
    correlation: bytes | None = None
    """Goes along with MQTT 5 only."""
    lasting: bool = False
    """Whether it is kept on disk while the broker is away, and sent when it is back."""
    kept: int | None = None
    """Its number in the ledger, if it is there until the broker has it."""


@dataclass(frozen=True, slots=True)
class Ack:
    """A QoS 1 message need not come again."""

    mid: int
    connection: object
