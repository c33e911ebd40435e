"""What sounds nearly like a sentence is asked about: a yes does it, a no does not; what is risky is always asked."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from auricle.api import Reply, Sentences, Transcript, Turn
from auricle.cli.main import main
from auricle.pipeline.dialogue import Dialogue
from auricle.pipeline.dispatch import Dispatcher
from auricle.pipeline.phonetic.rule import SoundRule
from auricle_coffee import COFFEE
from support.dispatching import Scripted

Talk = tuple[Dialogue, Scripted]


@pytest.fixture
def talking() -> Iterator[Callable[[Sentences], Talk]]:
    dispatchers: list[Dispatcher] = []

    def talk(sentences: Sentences) -> Talk:
        house = Scripted()
        dispatchers.append(
            Dispatcher(house, {"en": {"coffee": sentences}}, near_miss=0.86, language="en", by_sound=SoundRule())
        )
        return Dialogue(dispatchers[-1], language="en"), house

    yield talk
    for dispatcher in dispatchers:
        dispatcher.close()


async def said(dialogue: Dialogue, text: str) -> Reply:
    return (await dialogue.respond(Transcript(text), Turn()))[1]


async def test_doubt_becomes_a_question_and_a_yes_does_it(talking: Callable[[Sentences], Talk]) -> None:
    dialogue, house = talking(COFFEE)
    reply = await said(dialogue, "give me a copy")
    assert (reply.text, reply.understood, dialogue.awaits_answer) == ("Did you mean: give me a coffee?", False, True)
    assert house.handled == []
    assert (await said(dialogue, "Yes.")).text == "Done."
    assert [(intent.name, dict(intent.slots)) for intent in house.handled] == [
        ("orderDrink", {"coffeeDrink": "coffee"})
    ]


async def test_a_no_does_nothing_and_another_command_is_done_instead(talking: Callable[[Sentences], Talk]) -> None:
    dialogue, house = talking(COFFEE)
    await said(dialogue, "give me a copy")
    assert (await said(dialogue, "No.")).text == "Okay, never mind."
    assert (house.handled, dialogue.awaits_answer) == ([], False)
    await said(dialogue, "make me an offer")
    assert (await said(dialogue, "give me a small latte")).text == "Done."
    assert [dict(intent.slots) for intent in house.handled] == [{"size": "small", "coffeeDrink": "latte"}]


async def test_risky_intent_is_asked_about_however_well_it_was_heard(talking: Callable[[Sentences], Talk]) -> None:
    dialogue, house = talking(replace(COFFEE, risky={"orderDrink": "A {coffeeDrink}. Shall I make it?"}))
    assert (await said(dialogue, "Give me a late with brown sugar")).text == "A latte. Shall I make it?"
    assert house.handled == []
    assert (await said(dialogue, "yes")).text == "Done."
    assert [intent.slots["sugarAmount"] for intent in house.handled] == ["brown sugar"]


async def test_what_is_far_from_every_sentence_is_not_asked_about(talking: Callable[[Sentences], Talk]) -> None:
    dialogue, _ = talking(COFFEE)
    assert (await said(dialogue, "can i have a dog")).text == "Sorry, I did not understand."
    assert not dialogue.awaits_answer


@pytest.mark.usefixtures("coffee_machine")
def test_explanation_tells_scores_runner_up_and_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[site]\nid = "test"\n')
    assert main(["ask", "--config", str(config), "--explain", "--json", "Give me a late with brown sugar"]) == 0
    told = json.loads(capsys.readouterr().out)
    explained = told["explain"]
    assert (told["intent"], told["handled_by"], explained["how"], explained["verdict"]) == (
        "orderDrink",
        "coffee",
        "sound",
        "taken",
    )
    best, second = explained["candidates"][:2]
    assert best["sentence"] == "give me a latte with brown sugar"
    assert told["score"] == pytest.approx(1 - best["distance"], abs=0.001)
    assert second["distance"] > best["distance"]
    assert explained["reason"] == f"{best['distance']:.3f} away, within 0.25"
    assert main(["ask", "--config", str(config), "--explain", "give me a copy"]) == 0
    lines = capsys.readouterr().out
    assert "understood  not at all: what tells it from other sentences is 0.243 away, farther than 0.23" in lines
    assert "give me a coffee  [coffee: orderDrink(coffeeDrink='coffee')]" in lines
