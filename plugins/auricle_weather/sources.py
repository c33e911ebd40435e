"""The values that are known of the weather, each with its age, and how a sensor's message becomes one."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from auricle.api import AuricleError
from auricle_weather.settings import found

Value = str | float | int


class Away(AuricleError):
    """The service does not answer, or not with what was hoped for."""

    code = "weather"


@dataclass(frozen=True, slots=True)
class Reading:
    value: Value
    at_s: float


class Readings:
    """The newest of each value."""

    def __init__(self, stale_s: float, steady_s: Callable[[], float]) -> None:
        self._stale_s = stale_s
        self._steady_s = steady_s
        self._newest: dict[str, Reading] = {}

    def put(self, name: str, value: object) -> bool:
        """Keep a number or text; False for anything else, which is no reading."""
        if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
            return False
        self._newest[name] = Reading(value, self._steady_s())
        return True

    def values(self) -> Mapping[str, Value]:
        """Those that are not too old."""
        oldest_s = self._steady_s() - self._stale_s
        return {name: reading.value for name, reading in self._newest.items() if reading.at_s >= oldest_s}


def take(name: str, path: str, payload: bytes, readings: Readings, log: logging.Logger) -> None:
    """A sensor's message: plain text, or JSON where there is a path."""
    value: object = payload.decode(errors="replace").strip()
    if path:
        try:
            value = found(msgspec.json.decode(payload), path)
        except msgspec.DecodeError as error:
            log.warning("sensors.%s: the message is no JSON: %s", name, error)
            return
    if not readings.put(name, value):
        log.warning("sensors.%s: the message has no value%s", name, f" at {path}" if path else "")
