"""The user's own sentences: what they publish and say, and what is told about wrong ones."""

import json
import tomllib
from collections.abc import AsyncIterator

import pytest

from auricle.api import NotConnected, PluginContext, Transcript, Turn
from auricle.host import PluginHost, PluginState
from auricle.pipeline.dispatch import Dispatcher
from auricle.settings import Plugins
from auricle_commands import Commands

HOME = """
ranges = {brightness = [0, 100]}
wildcards = ["item"]

[lists]
room = ["kitchen", "living room"]
state = {on = "ON", off = "OFF"}
scene = {"movie night" = 1, "the cinema" = 1, "bright" = 2}

[[command]]
name = "lamp"
sentences = ["(turn|switch) {state} the {room} (lamp|light)"]
topic = "home/{room}/lamp/set"
payload = "{state}"
reply = "Turning the {room} lamp {state}."

[[command]]
name = "dim"
sentences = ["dim the {room} light to {brightness} %"]
topic = "home/{room}/lamp/set"
payload = {state = "ON", brightness = "{brightness}", note = "to {brightness} percent", list = ["{room}", 5, true]}
reply = "{brightness} percent."
qos = 1
retain = true

[[command]]
name = "shop"
sentences = ["add {item} to the shopping list"]
topic = "shopping/{item}/add"
payload = '{"item": "{item}"}'

[[command]]
name = "scene"
sentences = ["set the scene [to] {scene}"]
topic = "home/scene"
payload = "{scene}"
reply = "It is {scene} now."

[[command]]
name = "joke"
sentences = ["tell me a joke"]
reply = "I know none."

[[command]]
name = "lampe"
language = "de"
sentences = ["Lampe an!"]
topic = "home/lampe"
payload = "AN"
reply = "Lampe ist an."
"""


class House:
    """The commands plugin in a host, with a broker that keeps what it gets."""

    def __init__(self, toml: str, *, language: str = "en", connected: bool = True) -> None:
        self.sent: list[tuple[str, str | bytes, int, bool]] = []
        self.faults: list[tuple[str, str]] = []

        async def publish(topic: str, payload: str | bytes, qos: int, retain: bool) -> None:
            if not connected:
                raise NotConnected(f"no broker to publish {topic} to")
            self.sent.append((topic, payload, qos, retain))

        self.host = PluginHost(
            plugins=Plugins(),
            options={"commands": tomllib.loads(toml)},
            context=lambda name: PluginContext(name=name, language=language, publish=publish),
            timeout_s=5,
            on_fault=lambda name, text: self.faults.append((name, text)),
        )
        self.host.register("commands", Commands)
        languages = {code: self.host.sentences(code) for code in ("en", "de")}
        self.dispatcher = Dispatcher(self.host, languages, near_miss=0.86, language=language)

    async def say(self, text: str, language: str | None = None) -> str:
        _, reply = await self.dispatcher.dispatch(Transcript(text, language=language), Turn(language=language))
        return reply.text


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House(HOME)
    yield house
    await house.host.shutdown()


def problem(toml: str) -> str:
    """Why the plugin refuses its configuration."""
    status = House(toml).host.statuses()[0]
    assert status.state is PluginState.FAILED
    return status.detail


async def test_value_is_published_and_words_are_spoken(house: House) -> None:
    assert await house.say("Turn on the Living Room light, please.") == "Turning the living room lamp on."
    assert house.sent == [("home/living_room/lamp/set", "ON", 0, False)]


async def test_table_becomes_json_and_keeps_numbers(house: House) -> None:
    assert await house.say("Dim the kitchen light to 20%.") == "20 percent."
    topic, payload, qos, retain = house.sent[0]
    assert (topic, qos, retain) == ("home/kitchen/lamp/set", 1, True)
    assert json.loads(payload) == {
        "state": "ON",
        "brightness": 20,
        "note": "to 20 percent",
        "list": ["kitchen", 5, True],
    }


async def test_spoken_word_is_the_one_that_was_said(house: House) -> None:
    assert await house.say("Set the scene to the cinema") == "It is the cinema now."
    assert await house.say("Set the scene movie night") == "It is movie night now."
    assert [payload for _, payload, _, _ in house.sent] == ["1", "1"]


async def test_words_in_a_topic_are_made_safe(house: House) -> None:
    assert await house.say("add Fish #1 / $oil+{state} to the shopping list") == ""
    assert house.sent == [("shopping/fish_1_$oil_{state}/add", '{"item": "Fish #1 / $oil+{state}"}', 0, False)]


async def test_nothing_is_published_where_nothing_fits_into_the_topic(house: House) -> None:
    assert await house.say("add ## to the shopping list") == "Something went wrong with that."
    assert house.sent == []
    assert house.faults == [
        ("commands", "command shop: nothing of what was said for {item} fits into a topic"),
    ]


async def test_command_without_topic_only_speaks(house: House) -> None:
    assert await house.say("Tell me a joke!") == "I know none."
    assert house.sent == []


async def test_command_of_another_language_waits_for_it(house: House) -> None:
    assert await house.say("Lampe an!") == "Sorry, I did not understand."
    assert await house.say("Lampe an!", language="de") == "Lampe ist an."
    assert house.sent == [("home/lampe", "AN", 0, False)]


@pytest.mark.parametrize(
    ("language", "text", "reply"),
    [
        ("en", "turn on the kitchen lamp", "The message broker is not reachable."),
        ("de", "Lampe an", "Der Nachrichten-Broker ist nicht erreichbar."),
    ],
)
async def test_missing_broker_is_spoken_and_told(language: str, text: str, reply: str) -> None:
    house = House(HOME, language=language, connected=False)
    assert await house.say(text) == reply
    assert [name for name, _ in house.faults] == ["commands"]
    assert house.faults[0][1].startswith("no broker to publish home/")
    await house.host.shutdown()


def test_without_commands_there_are_no_sentences() -> None:
    house = House("")
    assert house.host.statuses()[0].state is PluginState.ACTIVE
    assert house.host.sentences("en") == {}


ONE = '[[command]]\nname = "x"\nsentences = ["do {what}"]\nreply = "ok"\n'


@pytest.mark.parametrize(
    ("toml", "told"),
    [
        (ONE, 'command x: sentences: "do {what}" has {what}, which is not in lists, ranges or wildcards'),
        (
            'wildcards = ["what"]\n' + ONE + 'topic = "home/{room}"\n',
            "command x: topic has {room}, which no sentence fills",
        ),
        (
            'wildcards = ["what"]\n' + ONE + 'topic = "home"\npayload = {a = {b = "{c}"}}\n',
            "command x: payload has {c}, which no sentence fills",
        ),
        (
            'wildcards = ["what"]\n' + ONE.replace('"ok"', '"{why}"'),
            "command x: reply has {why}, which no sentence fills",
        ),
        (
            'wildcards = ["what"]\n' + ONE.replace('"do {what}"', '"do [{what}]"').replace('"ok"', '"{what}"'),
            "command x: reply has {what}, which a sentence can be said without",
        ),
        (
            'wildcards = ["what"]\n' + ONE + 'topic = "home/+/set"\n',
            'command x: topic "home/+/set" has a +, # or NUL, which cannot be published to',
        ),
        ('wildcards = ["what"]\n' + ONE + ONE, "2 commands have the name x"),
        ('wildcards = ["what"]\n' + ONE + 'payload = "x"\n', "command x: payload has no topic to go to"),
        (ONE.replace('["do {what}"]', '["do (it"]'), 'command x: sentences: "do (it": its brackets cannot be read'),
        (ONE.replace('["do {what}"]', '["do <it>"]'), 'command x: sentences: "do <it>": <it>: rules are not for'),
        (ONE.replace('["do {what}"]', '["it", " "]'), "command x: sentences has an empty one"),
        (ONE.replace('["do {what}"]', "[]"), "Expected `array` of length >= 1"),
        (ONE.replace('reply = "ok"', "").replace(" {what}", ""), "command x: has neither topic nor reply"),
        (ONE + "qos = 3\n", "[plugins.commands] command[0].qos: Invalid enum value 3"),
        (ONE + 'topik = "a"\n', "[plugins.commands] command[0]: Object contains unknown field `topik`"),
        ("lists = {a = []}\n", "lists.a is empty"),
        ('lists = {a = ["b (c)"]}\n', 'lists.a: "b (c)" is no plain word'),
        ('lists = {a = ["b"]}\nwildcards = ["a"]\n', "{a} is named 2 times among lists, ranges and wildcards"),
        ("ranges = {a = [5, 1]}\n", "ranges.a is [5, 1]: lowest first"),
    ],
)
def test_wrong_command_is_told_by_name_and_key(toml: str, told: str) -> None:
    assert told in problem(toml)


def test_all_problems_are_told_at_once() -> None:
    detail = problem(ONE + 'topic = "#"\n' + ONE.replace('"x"', '"y"') + 'topic = "{z}"\n')
    for part in ("command x: sentences", "command x: topic", "command y: sentences", "command y: topic has {z}"):
        assert part in detail
