"""Dialogues: questions and answers, missing slots, confirmations, corrections, context, and how they end."""

from collections.abc import Iterator
from datetime import datetime

import pytest

from auricle.api import Intent, PluginConfig, PluginContext, Question, Reply, Sentences, Turn, hookimpl
from auricle.pipeline.answers import answer
from auricle.testing.harness import Harness

NOON = datetime(2026, 11, 26, 12, 0).astimezone()


class Kitchen:
    """Orders pizza after asking twice, and switches lights."""

    def __init__(self, context: PluginContext, config: PluginConfig) -> None:
        self.done: list[tuple[str, dict[str, object]]] = []
        self.corrected: list[Intent | None] = []
        KITCHENS.append(self)

    @hookimpl
    def auricle_sentences(self) -> dict[str, Sentences]:
        return {
            "en": Sentences(
                intents={
                    "order": ("order (a|an) [{size}] pizza [with {extra}]",),
                    "light": ("turn {state} the [{room}] light[s] [in the {room}]",),
                    "bake": ("bake [it] [at {degrees} degrees]",),
                    "rename": ("rename the cat",),
                },
                lists={
                    "size": {"small": "S", "(large|big)": "L"},
                    "extra": ("cheese", "olives"),
                    "state": {"on": "ON", "off": "OFF"},
                    "room": ("kitchen", "living room", "hall"),
                },
                ranges={"degrees": (50, 250)},
                required={"order": {"size": "Which size?"}, "bake": {"degrees": "How hot?"}},
                risky={"order": "A pizza of size {size}. Shall I order it?"},
            )
        }

    @hookimpl
    async def auricle_handle(self, intent: Intent, turn: Turn) -> Reply | None:
        self.corrected.append(intent.corrects)
        if intent.name == "rename" and "name" not in intent.slots:
            return Reply("What shall I call her?", expects_answer=Question("text", "name", intent))
        self.done.append((intent.name, dict(intent.slots)))
        return Reply("Done.")


KITCHENS: list[Kitchen] = []


@pytest.fixture
def house() -> Iterator[Harness]:
    with Harness(Kitchen, near_miss=1.0) as harness:
        yield harness
        assert harness.faults == []


@pytest.fixture
def kitchen(house: Harness) -> Kitchen:
    return KITCHENS[-1]


def test_missing_slot_a_correction_and_a_never_mind(house: Harness, kitchen: Kitchen) -> None:
    assert house.say("order a pizza with olives") == "Which size?"
    assert house.say("A large one, please.") == "A pizza of size L. Shall I order it?"
    assert house.say("No, make it small.") == "A pizza of size S. Shall I order it?"
    assert house.say("Never mind.") == "Okay, never mind."
    assert kitchen.done == []
    assert house.say("yes") == "Sorry, I did not understand."


def test_risky_command_is_done_after_a_yes_alone(house: Harness, kitchen: Kitchen) -> None:
    assert house.say("order a big pizza") == "A pizza of size L. Shall I order it?"
    assert house.say("No.") == "Okay, never mind."
    assert kitchen.done == []
    house.say("order a big pizza")
    assert house.say("Yes, please!") == "Done."
    assert kitchen.done == [("order", {"size": "L"})]


def test_number_that_is_missing_is_asked_for(house: Harness, kitchen: Kitchen) -> None:
    assert house.say("bake it") == "How hot?"
    assert house.say("at one hundred eighty") == "Done."
    assert kitchen.done == [("bake", {"degrees": 180})]


def test_free_text_answers_a_question_of_the_plugin(house: Harness, kitchen: Kitchen) -> None:
    heard = house.say("rename the cat")
    assert heard.asks is not None
    assert house.say("Miss Moneypenny") == "Done."
    assert kitchen.done == [("rename", {"name": "miss moneypenny"})]


def test_answer_that_is_none_is_asked_for_once_more_and_then_dropped(house: Harness) -> None:
    house.say("order a pizza")
    again = house.say("purple elephants")
    assert again == "Sorry? Which size?"
    assert not again.understood
    assert house.say("green elephants") == "Sorry, I did not understand."
    assert house.say("large") == "Sorry, I did not understand."


def test_another_command_instead_of_an_answer_is_done(house: Harness, kitchen: Kitchen) -> None:
    house.say("order a pizza")
    assert house.say("turn on the kitchen light") == "Done."
    assert kitchen.done == [("light", {"state": "ON", "room": "kitchen"})]


def test_next_words_go_on_from_the_command_before(house: Harness, kitchen: Kitchen) -> None:
    house.say("turn on the kitchen light")
    assert house.say("and in the living room?") == "Done."
    assert house.say("what about the hall") == "Done."
    assert house.say("no, off") == "Done."
    assert [slots for _, slots in kitchen.done] == [
        {"state": "ON", "room": "kitchen"},
        {"state": "ON", "room": "living room"},
        {"state": "ON", "room": "hall"},
        {"state": "OFF", "room": "hall"},
    ]
    assert [before is not None for before in kitchen.corrected] == [False, False, False, True]


def test_nothing_to_go_on_from_is_not_understood(house: Harness) -> None:
    assert house.say("and in the living room?") == "Sorry, I did not understand."


@pytest.mark.parametrize(
    ("question", "said", "value"),
    [
        (Question("yes_no", "x", Intent("i")), "Yeah.", True),
        (Question("yes_no", "x", Intent("i")), "no thank you", False),
        (Question("yes_no", "x", Intent("i")), "perhaps", None),
        (Question("number", "x", Intent("i"), highest=20), "um, twelve please", 12),
        (Question("number", "x", Intent("i"), highest=20), "30", None),
        (Question("duration", "x", Intent("i")), "For five minutes.", 300),
        (Question("duration", "x", Intent("i")), "five minutes, no, ten minutes", 600),
        (Question("duration", "x", Intent("i")), "an hour and a half", 5400),
        (Question("time", "x", Intent("i")), "at half past seven in the morning", "07:30"),
        (Question("time", "x", Intent("i")), "seven", "19:00"),
        (Question("choice", "x", Intent("i"), choices={"pasta": 1, "bread": 2}), "the pasta timer", 1),
        (Question("choice", "x", Intent("i"), choices={"pasta": 1, "bread": 2}), "bred", 2),
        (Question("choice", "x", Intent("i"), choices={"pasta": 1, "bread": 2}), "pasta or bread", None),
        (Question("choice", "x", Intent("i"), choices={"light roast": 1, "roast": 2}), "light roast", 1),
        (Question("text", "x", Intent("i")), "Anything at all", "anything at all"),
    ],
)
def test_answer_is_matched_against_what_was_asked(question: Question, said: str, value: object) -> None:
    assert answer(question, said, "en", lambda: NOON) == value


@pytest.mark.parametrize(
    ("language", "yes", "no", "length"),
    [
        ("de", "Ja, bitte.", "Nein, danke.", "für fünf Minuten"),
        ("fr", "Oui.", "Non merci.", "cinq minutes"),
        ("es", "Sí, por favor.", "No, gracias.", "cinco minutos"),
    ],
)
def test_answers_in_other_languages(language: str, yes: str, no: str, length: str) -> None:
    asked = Question("yes_no", "x", Intent("i"))
    assert answer(asked, yes, language, lambda: NOON) is True
    assert answer(asked, no, language, lambda: NOON) is False
    assert answer(Question("duration", "x", Intent("i")), length, language, lambda: NOON) == 300
