"""The weather: from any address that answers with JSON, or from sensors over MQTT."""

import functools
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from auricle.api import Intent, PluginContext, Reply, Sentences, Turn, hookimpl
from auricle_weather.sentences import SENTENCES
from auricle_weather.settings import WeatherConfig
from auricle_weather.sources import Away, Readings, take
from auricle_weather.wording import WORDS, Wording

if TYPE_CHECKING:
    from auricle_weather.service import Service


class Weather:
    """Says what is known; of a service that does not answer, what it said last, if that is not too old."""

    Config = WeatherConfig

    def __init__(self, context: PluginContext, config: WeatherConfig) -> None:
        self._context = context
        self._config = config
        self._readings = Readings(config.stale_s, time.monotonic)
        self._service = _service(config, self._readings) if config.url is not None else None

    @hookimpl
    def auricle_sentences(self) -> Mapping[str, Sentences]:
        return SENTENCES if self._config.on else {}

    @hookimpl
    async def auricle_startup(self) -> None:
        for name, sensor in self._config.sensors.items():
            heard = functools.partial(self._heard, name, sensor.path)
            await self._context.assistant.subscribe_to(sensor.topic, heard)

    @hookimpl
    async def auricle_handle(self, intent: Intent, turn: Turn) -> Reply | None:
        if intent.plugin != self._context.name:
            return None
        language = turn.language or self._context.language
        words = self._context.translated(WORDS, language)
        wording = Wording(language, words, self._config.conditions, self._config.wind_unit)
        try:
            if self._service is not None:
                await self._service.refresh()
        except Away as error:
            self._context.log.warning("%s", error)
            if not self._readings.values():
                return Reply(wording.away())
        values = self._readings.values()
        day = 1 if intent.slots.get("day") == 1 else 0
        match intent.name:
            case "now":
                return Reply(wording.now(values))
            case "temperature":
                return Reply(wording.temperature(values))
            case "humidity":
                return Reply(wording.humidity(values))
            case "wind":
                return Reply(wording.wind(values))
            case "rain":
                return Reply(wording.rain(values, day))
            case "forecast":
                return Reply(wording.forecast(values, day))
        return None

    @hookimpl
    async def auricle_shutdown(self) -> None:
        if self._service is not None:
            await self._service.close()

    def _heard(self, name: str, path: str, topic: str, payload: bytes) -> None:
        take(name, path, payload, self._readings, self._context.log)


def _service(config: WeatherConfig, readings: Readings) -> "Service":
    from auricle_weather.service import Service  # 15 MB and 0.4 s that a daemon without one need not have

    return Service(config, readings, time.monotonic)
