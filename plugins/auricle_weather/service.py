"""An address that answers with JSON: asked when somebody wants to know the weather."""

import asyncio
from collections.abc import Callable

import aiohttp
import msgspec

from auricle_weather.settings import WeatherConfig, found
from auricle_weather.sources import Away, Readings

MOST_BYTES = 2_000_000


class Service:
    """Asked when somebody wants to know, at most every `fresh_s`."""

    def __init__(self, config: WeatherConfig, readings: Readings, steady_s: Callable[[], float]) -> None:
        self._config = config
        self._url = (config.url or "").replace("{key}", config.key or "")
        self._readings = readings
        self._steady_s = steady_s
        self._asked_s: float | None = None
        self._session: aiohttp.ClientSession | None = None
        self._one_at_a_time = asyncio.Lock()

    async def refresh(self) -> None:
        """Raises Away, with a sentence without the key."""
        async with self._one_at_a_time:
            if self._asked_s is not None and self._steady_s() - self._asked_s < self._config.fresh_s:
                return
            tree = await self._answer()
            sensed = self._config.sensors.keys() & self._readings.values().keys()
            missing = [
                f"{name} at {path}"
                for name, path in self._config.fields.items()
                if name not in sensed and not self._readings.put(name, found(tree, path))
            ]
            if missing and len(missing) == len(self._config.fields.keys() - sensed):
                raise Away(f"[plugins.weather] fields: the answer has no {', no '.join(missing)}")
            self._asked_s = self._steady_s()

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _answer(self) -> object:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        try:
            async with asyncio.timeout(self._config.timeout_s):
                async with self._session.get(self._url) as response:
                    if response.status != 200:
                        raise Away(f"{self._config.url} answered {response.status}")
                    body = await response.content.read(MOST_BYTES)
                    while not response.content.at_eof() and len(body) < MOST_BYTES:
                        body += await response.content.read(MOST_BYTES - len(body))
            return msgspec.json.decode(body)
        except TimeoutError:
            raise Away(f"{self._config.url} did not answer within {self._config.timeout_s:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            reason = str(error).replace(self._config.key, "…") if self._config.key else str(error)
            raise Away(f"{self._config.url}: {reason or type(error).__name__}") from None
        except msgspec.DecodeError as error:
            raise Away(f"{self._config.url} did not answer with JSON: {error}") from None
