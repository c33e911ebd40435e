"""The weather from a real web server and from sensors at a real broker."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from auricle.api import Intent, PluginContext, Turn
from auricle.app.plugin_topics import PluginTopics
from auricle.host import PluginHost
from auricle.settings import Mqtt, Plugins
from auricle.testing import Harness
from auricle.testing.house import ScriptedHouse
from auricle.testing.plugin_contract import PluginContract
from auricle_weather import Weather
from support.mosquitto import Mosquitto, free_port
from support.running_mqtt import SITE, off, running

House = Callable[..., Harness]

ANSWER = {
    "current": {"code": 61, "temperature": 12.4, "feels": -3.2, "humidity": "81", "wind": 18.6},
    "daily": {"code": [3, 0], "high": [14.6, -0.4], "low": [6.2, None], "rain": [80, 5]},
}
FIELDS = {
    "condition": "current.code",
    "temperature": "current.temperature",
    "feels_like": "current.feels",
    "humidity": "current.humidity",
    "wind": "current.wind",
    "today_condition": "daily.code.0",
    "today_high": "daily.high.0",
    "today_low": "daily.low.0",
    "today_rain": "daily.rain.0",
    "tomorrow_condition": "daily.code.1",
    "tomorrow_high": "daily.high.1",
    "tomorrow_low": "daily.low.1",
    "tomorrow_rain": "daily.rain.1",
}


class Service:
    """A web server that answers with `answer`; `asked` are the paths that it was asked for."""

    def __init__(self) -> None:
        self.answer: bytes = json.dumps(ANSWER).encode()
        self.status = 200
        self.asked: list[str] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                service.asked.append(self.path)
                self.send_response(service.status)
                self.send_header("Content-Length", str(len(service.answer)))
                self.end_headers()
                self.wfile.write(service.answer)

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/weather?key={{key}}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})

    def config(self, **more: object) -> dict[str, object]:
        return {"url": self.url, "key": "k-1234", "fields": FIELDS, **more}


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    service.thread.start()
    yield service
    service.server.shutdown()
    service.thread.join()
    service.server.server_close()


class TestContract(PluginContract):
    @pytest.fixture
    def plugin(self) -> type:
        return Weather

    @pytest.fixture(params=["off", "on"])
    def options(self, request: pytest.FixtureRequest) -> dict[str, object]:
        if request.param == "off":
            return {}
        return {"url": "http://127.0.0.1:1/", "fields": FIELDS}


def test_the_weather_is_said_as_the_service_has_it(auricle_house: House, service: Service) -> None:
    house = auricle_house(Weather, config=service.config(), near_miss=1.0)
    assert house.say("what's the weather like") == "It is rainy and 12 degrees. It feels like minus 3 degrees."
    assert house.say("how warm is it outside?") == "It is 12 degrees. It feels like minus 3 degrees."
    assert house.say("how humid is it") == "The humidity is 81 percent."
    assert house.say("how windy is it") == "The wind is 19 kilometers per hour."
    assert house.say("will it rain today") == "The chance of rain is 80 percent today."
    assert house.say("do I need an umbrella tomorrow") == "The chance of rain is 5 percent tomorrow."
    assert house.say("what's the forecast") == (
        "Today: cloudy, 6 to 15 degrees. The chance of rain is 80 percent today."
    )
    assert house.say("what will the weather be like tomorrow") == (
        "Tomorrow: clear, up to 0 degrees. The chance of rain is 5 percent tomorrow."
    )
    assert service.asked == ["/weather?key=k-1234"]
    assert house.faults == []


@pytest.mark.parametrize(
    ("language", "asked", "said"),
    [
        ("de", "Wie ist das Wetter?", "Es ist regnerisch bei 12 Grad. Gefühlt sind es minus 3 Grad."),
        ("de", "Brauche ich morgen einen Schirm?", "Die Regenwahrscheinlichkeit ist morgen 5 Prozent."),
        (
            "fr",
            "Quel temps fera-t-il demain ?",
            "Demain : dégagé, jusqu'à 0 degrés. Le risque de pluie est de 5 pour cent demain.",
        ),
        ("es", "¿Qué tiempo hace?", "Ahora: lluvia, 12 grados. La sensación es de menos 3 grados."),
    ],
)
def test_other_languages(auricle_house: House, service: Service, language: str, asked: str, said: str) -> None:
    house = auricle_house(Weather, config=service.config(), language=language, near_miss=1.0)
    assert house.say(asked, language=language) == said


def test_words_of_the_user_s_own(auricle_house: House, service: Service) -> None:
    config = service.config(conditions={"61": "cats and dogs"}, wind_unit="miles per hour")
    house = auricle_house(Weather, config=config, near_miss=1.0)
    assert "It is cats and dogs and 12" in house.say("weather")
    assert house.say("is it windy") == "The wind is 19 miles per hour."


def test_a_service_that_is_away_is_excused_and_the_last_answer_serves(auricle_house: House, service: Service) -> None:
    house = auricle_house(Weather, config=service.config(fresh_s=0), near_miss=1.0)
    service.status = 500
    assert house.say("weather") == "The weather service does not answer."
    service.status = 200
    assert "rainy" in house.say("weather")
    service.answer = b"<html>"
    assert "rainy" in house.say("weather")
    assert len(service.asked) == 3


@pytest.mark.parametrize("answer", [b"", b"[]", b"null", b'{"current": {"temperature": {}}}', b"\xff"])
def test_an_answer_without_the_fields_is_no_weather(auricle_house: House, service: Service, answer: bytes) -> None:
    service.answer = answer
    house = auricle_house(Weather, config=service.config(), near_miss=1.0)
    assert house.say("weather") == "The weather service does not answer."


def test_nobody_is_there(auricle_house: House) -> None:
    config = {"url": f"http://127.0.0.1:{free_port()}/", "fields": FIELDS}
    assert auricle_house(Weather, config=config, near_miss=1.0).say("weather") == "The weather service does not answer."


def test_old_values_are_not_told(auricle_house: House, service: Service) -> None:
    house = auricle_house(Weather, config=service.config(stale_s=0, fresh_s=3600), near_miss=1.0)
    house.say("weather")
    assert house.say("weather") == "I do not know that."


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"url": "http://x/"}, "fields is empty"),
        ({"url": "http://x/{key}", "fields": FIELDS}, "neither key nor key_file"),
        ({"fields": {"moon": "a"}}, "fields.moon is not known"),
        ({"sensors": {"wind": {"topic": "a/+"}}}, "has a wildcard"),
    ],
)
def test_wrong_keys_are_named(keys: Mapping[str, object], told: str) -> None:
    with Harness(Weather, config=keys, near_miss=1.0) as house:
        assert told in house.status().detail


@pytest.mark.broker
async def test_sensors_tell_it_over_mqtt(mosquitto: Mosquitto) -> None:
    sensors = {
        "temperature": {"topic": "zigbee2mqtt/garden", "path": "climate.temperature"},
        "humidity": {"topic": "home/outside/humidity"},
    }
    settings = Mqtt(host="127.0.0.1", port=mosquitto.port)
    topics = PluginTopics(settings, SITE, lambda: None)
    faults: list[str] = []
    host = PluginHost(
        plugins=Plugins(),
        options={"weather": {"sensors": sensors}},
        context=lambda name: PluginContext(name=name),
        timeout_s=5.0,
        on_fault=lambda name, text: faults.append(text),
    )
    host.register("weather", Weather)
    host.attach(ScriptedHouse(), topics)
    await host.startup()
    await off(mosquitto.publish, "zigbee2mqtt/garden", '{"climate": {"temperature": 7.6}}', retain=True)

    async def said(intent: str) -> str:
        reply = await host.handle(Intent(intent, plugin="weather"), Turn())
        assert reply is not None
        return reply.text

    async with running(mosquitto.port, extensions=lambda assistant, settings: (topics,)):
        await off(mosquitto.publish, "zigbee2mqtt/garden", "no JSON")
        await off(mosquitto.publish, "home/outside/humidity", "64.2")
        async with asyncio.timeout(15):
            while await said("humidity") == "I do not know that.":
                await asyncio.sleep(0.02)
        assert await said("humidity") == "The humidity is 64 percent."
        assert await said("now") == "It is 8 degrees."
    await host.shutdown()
    assert faults == []
