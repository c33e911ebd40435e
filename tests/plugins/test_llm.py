"""The plugin `llm` against the real server of llama.cpp, with a model made by the test."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from auricle.api import (
    BadRequest,
    Intent,
    KnownIntent,
    KnownSlot,
    PluginConfig,
    PluginContext,
    Reply,
    Transcript,
    Turn,
    hookimpl,
)
from auricle.api import Sentences as SpokenSentences
from auricle.testing import Harness
from auricle.testing.plugin_contract import PluginContract
from auricle_lists import Lists
from auricle_llm import Llm
from auricle_llm.aloud import Sentences, plain
from auricle_llm.tools import Tools
from auricle_timers import Timers
from support.mosquitto import free_port
from support.tiny_llm import KEY, MODEL, serving, write_model

xllamacpp = pytest.importorskip("xllamacpp", reason="the server of llama.cpp is not installed: pip install xllamacpp")
House = Callable[..., Harness]

TEMPLATE = """
{%- for tool in tools or [] %}<tool>{{ tool.function.name }}</tool>{%- endfor %}
{%- for message in messages %}
{%- if message.role == 'tool' %}<tool_response>{{ message.content }}</tool_response>
{%- elif message.role == 'assistant' %}<assistant>{{ message.content }}
{%- for call in message.tool_calls or [] %}<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments if call.function.arguments is string
  else call.function.arguments | tojson }}}
</tool_call>{%- endfor %}</s>
{%- else %}<{{ message.role }}>{{ message.content }}</s>{%- endif %}
{%- endfor %}
{%- set last = messages[-1] %}
{%- set said = messages | map(attribute='content') | join(' ') %}
{%- if not add_generation_prompt %}
{%- elif last.role == 'tool' and 'the end' in last.content %}<|told|>
{%- elif last.role == 'tool' %}<|done|>
{%- elif 'fable' in last.content %}<|fable|>
{%- elif 'timer' in last.content %}<|timer|>
{%- elif 'empty my list' in last.content %}<|clear|>
{%- elif 'forever' in last.content %}<|forever|>
{%- elif 'again' in last.content and 'weather' in messages[1:-1] | map(attribute='content') | join(' ') %}<|again|>
{%- else %}<|chat|>{%- endif %}"""
ANSWERS = {
    "<|chat|>": "<think>Let me see.</think>It **rained** all night. The garden is wet now. Nothing else happened.",
    "<|again|>": "As I said: rain, rain and more rain.",
    "<|timer|>": '<tool_call>\n{"name": "timers__set_timer", "arguments": {"minutes": 5, "name": "eggs"}}'
    "\n</tool_call>",
    "<|clear|>": '<tool_call>\n{"name": "lists__clear", "arguments": {"list": "shopping"}}\n</tool_call>\n',
    "<|done|>": "Your eggs are timed.",
    "<|fable|>": '<tool_call>\n{"name": "teller__tell", "arguments": {}}\n</tool_call>',
    "<|told|>": "That was all of it.",
    "<|forever|>": " ".join(f"A long story has a line {number}." for number in range(200)),
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    model = tmp_path_factory.mktemp("llm") / "tiny.gguf"
    write_model(model, ANSWERS, TEMPLATE)
    with serving(model) as address:
        yield address


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    return file


class TestContract(PluginContract):
    @pytest.fixture
    def plugin(self) -> type:
        return Llm


def test_without_a_url_nothing_is_asked(auricle_house: House) -> None:
    assert not auricle_house(Llm, near_miss=1.0).say("how are you").understood


def test_what_no_sentence_matches_is_answered_in_plain_words(auricle_house: House, url: str, key_file: Path) -> None:
    house = auricle_house(Llm, config={"url": url, "model": MODEL, "key_file": str(key_file)}, near_miss=1.0)
    heard = house.say("what was the weather like")
    assert heard == "It rained all night. The garden is wet now. Nothing else happened."
    assert (heard.intent, heard.handled_by) == ("chat", "llm")
    assert house.say("tell me again") == "As I said: rain, rain and more rain."
    assert house.faults == []


def test_what_was_said_is_forgotten(auricle_house: House, url: str) -> None:
    house = auricle_house(Llm, config={"url": url, "model": MODEL, "key": KEY, "history": 0}, near_miss=1.0)
    house.say("what was the weather like")
    assert "garden" in house.say("tell me again")


def test_the_loaded_intents_are_its_tools(auricle_house: House, url: str) -> None:
    house = auricle_house(Llm, Timers, Lists, config={"url": url, "model": MODEL, "key": KEY}, near_miss=1.0)
    assert house.say("I would like a timer on my eggs") == "Your eggs are timed."
    assert "eggs" in house.say("which timers are running")
    house.say("we need milk")
    assert house.say("could you empty my list") == "Shall I really clear the list?"
    assert "nothing" in house.say("yes")
    assert house.faults == []


class Teller:
    Config = PluginConfig

    def __init__(self, context: PluginContext, config: PluginConfig) -> None:
        pass

    @hookimpl
    def auricle_sentences(self) -> Mapping[str, object]:
        return {"en": SpokenSentences({"tell": ("what is it",)})}

    @hookimpl
    async def auricle_handle(self, intent: Intent) -> Reply | None:
        return Reply("Once", stream=self._rest()) if intent.plugin == "teller" else None

    async def _rest(self) -> AsyncIterator[str]:
        for piece in (" there was", " a fox,", " the end"):
            yield piece


def test_what_a_tool_answers_piece_by_piece_is_told_to_the_model_whole(auricle_house: House, url: str) -> None:
    house = auricle_house(Llm, Teller, config={"url": url, "model": MODEL, "key": KEY}, near_miss=1.0)
    assert house.say("I would like a fable") == "That was all of it."
    assert house.faults == []


def test_in_a_process_of_its_own_it_does_the_same(auricle_house: House, url: str) -> None:
    keys = {"isolated": True, "url": url, "model": MODEL, "key": KEY}
    house = auricle_house(Llm, Lists, config=keys, near_miss=1.0, timeout_s=30.0)
    assert house.say("how was the weather") == "It rained all night. The garden is wet now. Nothing else happened."
    house.say("we need milk")
    assert house.say("could you empty my list") == "Shall I really clear the list?"
    assert "nothing" in house.say("yes")
    assert house.faults == []


def test_sentences_are_handed_on_while_the_model_goes_on(url: str) -> None:
    async def story() -> list[str]:
        llm = _made(url)
        intent = await _chat(llm, "go on forever")
        reply = await llm.auricle_handle(intent, Turn())
        assert reply is not None
        assert reply.stream is not None
        found = [await anext(reply.stream)]
        await reply.stream.aclose()  # type: ignore[attr-defined]
        assert (await llm.auricle_handle(await _chat(llm, "hello"), Turn())) is not None
        await llm.auricle_shutdown()
        return found

    assert asyncio.run(story()) == ["A long story has a line 0."]


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"key": "sk-another-key"}, "refuses the key"),
        ({"url": "http://127.0.0.1:{free}/v1"}, "Connect"),
        ({"url": "{url}/nowhere"}, "is not there"),
        ({"timeout_s": 0.001}, "longer than 0.001 s"),
    ],
    ids=["key", "away", "path", "time"],
)
def test_what_goes_wrong_is_told_and_excused_without_the_key(
    auricle_house: House, url: str, keys: dict[str, object], told: str, caplog: pytest.LogCaptureFixture
) -> None:
    filled = {
        name: value.format(free=free_port(), url=url) if isinstance(value, str) else value
        for name, value in keys.items()
    }
    with caplog.at_level(logging.DEBUG):
        house = auricle_house(Llm, config={"url": url, "model": MODEL, "key": KEY} | filled, near_miss=1.0)
        assert house.say("hello") == "Something went wrong with that."
    (fault,) = house.faults
    assert told in fault
    assert KEY not in caplog.text + fault
    assert "sk-another-key" not in caplog.text + fault


def test_a_key_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    config = {"url": "http://localhost:1/v1", "model": "m", "key_file": str(tmp_path / "none")}
    with Harness(Llm, config=config, near_miss=1.0) as house:
        assert f"[plugins.llm] key_file: {tmp_path / 'none'} cannot be read" in house.status().detail


def test_a_url_without_a_model_is_refused() -> None:
    with Harness(Llm, config={"url": "http://localhost:1/v1"}, near_miss=1.0) as house:
        assert "model is not set" in house.status().detail


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("lamp__off", "{}", "there is no tool lamp__off"),
        ("lamp__on", "{", "the arguments are no JSON"),
        ("lamp__on", "[1]", "the arguments are no object"),
    ],
)
def test_a_call_that_makes_no_sense_is_refused(name: str, arguments: str, told: str) -> None:
    with pytest.raises(BadRequest, match=told):
        Tools([KnownIntent("lamp", "on", ("turn on the lamp",))]).called(name, arguments)


def test_tools_have_names_that_fit_and_say_what_fits_in_a_slot() -> None:
    slots = {"room": KnownSlot(("kitchen", "attic"), required=True), "level": KnownSlot(lowest=0, highest=100)}
    (tool,) = Tools([KnownIntent("lamp", "turn.on", ("turn on the {room} lamp",), slots)]).told()
    function = tool["function"]
    assert function["name"] == "lamp__turn_on"
    assert function["parameters"] == {
        "type": "object",
        "properties": {
            "room": {"type": "string", "enum": ["kitchen", "attic"]},
            "level": {"type": "integer", "minimum": 0, "maximum": 100},
        },
        "required": ["room"],
    }


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_text_is_cut_into_sentences_however_it_comes(size: int) -> None:
    text = (
        "<think>First. Second.</think>\n**Dr. Jekyll** came in. <3 he said!\n- 1. milk and bread\n- [eggs](http://x.y)"
    )
    cutter, found = Sentences(), list[str]()
    for at in range(0, len(text), size):
        found += cutter.add(text[at : at + size])
    found += cutter.rest()
    assert found == ["Dr. Jekyll came in.", "<3 he said!", "1. milk and bread", "eggs"]


def test_thinking_that_does_not_end_is_not_spoken() -> None:
    cutter = Sentences()
    assert cutter.add("<think>I could say something here. Or not.") + cutter.rest() == []


def test_marks_are_not_spoken() -> None:
    assert plain("# Title\n> `code` and *this_name* 😀 | a | https://x.y/z") == "Title code and this_name a"


def _made(url: str) -> Llm:
    return Llm(PluginContext(name="llm"), Llm.Config(url=url, model=MODEL, key=KEY))


async def _chat(llm: Llm, text: str) -> Intent:
    intent = await llm.auricle_recognize(Transcript(text), Turn())
    assert intent is not None
    return replace(intent, plugin="llm")
