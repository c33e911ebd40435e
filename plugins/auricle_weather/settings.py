"""`[plugins.weather]`: where the weather comes from, and which of its fields is what."""

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, field

from auricle.api import PluginConfig

FIELDS = (
    "condition",
    "temperature",
    "feels_like",
    "humidity",
    "wind",
    "today_condition",
    "today_high",
    "today_low",
    "today_rain",
    "tomorrow_condition",
    "tomorrow_high",
    "tomorrow_low",
    "tomorrow_rain",
)
"""What is known of; `_rain` is a chance in percent."""


class Sensor(PluginConfig, frozen=True, kw_only=True):
    """Where one value comes from over MQTT."""

    topic: Annotated[str, Meta(min_length=1, max_length=1024, description="The sensor's topic, without wildcards.")]
    path: Annotated[str, Meta(description="Of a JSON payload: the value's place, as `fields` have it.")] = ""


class WeatherConfig(PluginConfig, frozen=True, kw_only=True):
    """The weather, from a JSON address or from sensors. Off until one of them is set."""

    url: Annotated[
        Annotated[str, Meta(pattern="^https?://[^/]+")] | None,
        Meta(description="Address that answers with JSON; {key} in it stands for the key. None asks nobody."),
    ] = None
    key: Annotated[str | None, Meta(description="Key of the service; better in a file.", extra={"secret": True})] = None
    key_file: Annotated[
        str | None, Meta(description="File with the key; a bare name is one of $CREDENTIALS_DIRECTORY.")
    ] = None
    fields: Annotated[
        dict[str, str],
        Meta(
            description=f"Place of each value in the JSON, such as daily.temperature_max.1 for the second of a list. "
            f"Known are {', '.join(FIELDS)}."
        ),
    ] = field(default_factory=dict)
    sensors: Annotated[
        dict[str, Sensor], Meta(description="The same values from MQTT topics; a sensor goes before the JSON.")
    ] = field(default_factory=dict)
    conditions: Annotated[
        dict[str, str],
        Meta(description="The service's words or codes to what is said. Codes of the WMO (Open-Meteo) are known."),
    ] = field(default_factory=dict)
    fresh_s: Annotated[float, Meta(ge=0, le=86_400, description="How long an answer is good.", extra={"unit": "s"})] = (
        600.0
    )
    stale_s: Annotated[
        float,
        Meta(ge=0, description="How old a value may be, if no newer one is to be had.", extra={"unit": "s"}),
    ] = 10_800.0
    timeout_s: Annotated[float, Meta(gt=0, le=60, description="Longest wait for the service.", extra={"unit": "s"})] = (
        4.0
    )
    wind_unit: Annotated[
        str | None, Meta(description="Unit of the wind, as it is said; none is kilometres per hour.")
    ] = None

    def __post_init__(self) -> None:
        for key, names in (("fields", self.fields), ("sensors", self.sensors)):
            for name in names:
                if name not in FIELDS:
                    raise ValueError(f"{key}.{name} is not known; known are {', '.join(FIELDS)}")
        for name, sensor in self.sensors.items():
            if set("+#\0") & set(sensor.topic):
                raise ValueError(f'sensors.{name}: "{sensor.topic}" has a wildcard; name one topic')
        if self.url is not None and not self.fields:
            raise ValueError("fields is empty: name the places of the values in the JSON of url")
        if self.url is not None and "{key}" in self.url and not (self.key or self.key_file):
            raise ValueError("url has {key}, but neither key nor key_file is set")

    @property
    def on(self) -> bool:
        return self.url is not None or bool(self.sensors)


def found(tree: object, path: str) -> object:
    """The value at a place such as `daily.max.1`; None where there is nothing."""
    for part in path.split(".") if path else ():
        match tree:
            case Mapping():
                tree = tree.get(part)
            case list() if part.isdecimal() and int(part) < len(tree):
                tree = tree[int(part)]
            case _:
                return None
    return tree
