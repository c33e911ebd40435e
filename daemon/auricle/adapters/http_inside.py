"""What the HTTP door is told of the daemon beside what the Assistant tells."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Health:
    """How the daemon is, as systemd is told it too."""

    status: Literal["ok", "starting", "degraded", "stopping"]
    """`ok`: a wake word would be heard and requests are taken."""
    detail: str
    """The same in words, with the reason where it is not well."""


@dataclass(frozen=True, slots=True)
class Inside:
    """Figures that no event tells, asked for when they are wanted; on the event loop."""

    health: Callable[[], Health]
    since_arrival_s: Callable[[int], float]
    """Seconds since a sample of inbound audio came in."""
    microphone_overflows: Callable[[], int]
    """How often sound was lost before anybody took it."""
    second_looks: Callable[[], int]
    second_looks_confirmed: Callable[[], int]
    wake_words_refused: Callable[[], int]
    """How many did not wake, since nobody who is enrolled said them."""
    mqtt_waiting: Callable[[], int]
    """Messages for the broker that wait to be sent."""
    speech_waiting: Callable[[], int]
    """Requests to speak that wait or are being spoken."""
