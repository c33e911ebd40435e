"""What speech to text is told of the sentences that are known."""

import pytest

from auricle.api import Expected, Sentences
from auricle.model.intent import LONGEST_PHRASE, MOST_PHRASES
from auricle.pipeline.dispatch import Dispatcher
from auricle.pipeline.expected import MOST_VALUES, expected
from auricle.pipeline.sentences import Grammar
from support.dispatching import HOME, Scripted


def phrases(**plugins: Sentences) -> tuple[str, ...]:
    faults: list[tuple[str, str]] = []
    found = expected("en", Grammar("en", plugins, lambda *fault: faults.append(fault)).templates())
    assert faults == []
    return found.phrases if found is not None else ()


def test_values_of_lists_come_first_in_turn_and_then_the_fixed_words() -> None:
    drinks = Sentences(
        intents={"order": ("(brew|make me) (a|an) {size} {drink} [with milk]",)},
        lists={"drink": ("flat white", "(latte|caffe latte)"), "size": ("small",)},
    )
    rooms = Sentences(
        intents={"light": ("<turn> {room} on",)}, lists={"room": ("attic",)}, expansion_rules={"turn": "turn"}
    )
    assert phrases(drinks=drinks, rooms=rooms) == (
        "small",
        "flat white",
        "attic",
        "latte",
        "brew",
        "turn",
        "make me",
        "on",
        "a",
        "an",
        "with milk",
    )


def test_a_list_that_is_too_long_to_be_told_is_left_out_whole() -> None:
    names = tuple(f"name{number}" for number in range(MOST_VALUES + 1))
    told = phrases(songs=Sentences(intents={"play": ("play {song}",)}, lists={"song": names}))
    assert told == ("play",)


def test_free_slots_and_ranges_are_no_words() -> None:
    volume = Sentences(intents={"set": ("volume {level} for {who}",)}, ranges={"level": (0, 100)}, wildcards=("who",))
    assert phrases(volume=volume) == ("volume", "for")


def test_no_more_is_told_than_fits() -> None:
    lists = {f"list{number}": tuple(f"word{number} {at}" for at in range(100)) for number in range(9)}
    sentence = " ".join(f"{{{name}}}" for name in lists)
    told = phrases(many=Sentences(intents={"one": (sentence, "x" * (LONGEST_PHRASE + 1))}, lists=lists))
    assert len(told) == MOST_PHRASES
    assert {phrase.split()[0] for phrase in told[:9]} == {f"word{number}" for number in range(9)}
    assert all(len(phrase) <= LONGEST_PHRASE for phrase in told)


def test_without_sentences_nothing_is_expected() -> None:
    assert expected("en", ()) is None


@pytest.mark.parametrize(("language", "told"), [(None, "en"), ("en-GB", "en"), ("de", "en")])
def test_the_dispatcher_tells_the_sites_sentences_once_they_are_prepared(language: str | None, told: str) -> None:
    dispatcher = Dispatcher(Scripted(), {"en": {"home": HOME}}, near_miss=0.9, language="en")
    assert dispatcher.expected(language) is None
    dispatcher.prepare()
    before = dispatcher.expected(language)
    assert isinstance(before, Expected)
    assert before.language == told
    dispatcher.renew({"en": {"tea": Sentences(intents={"tea": ("brew some tea",)})}})
    dispatcher.prepare()
    assert dispatcher.expected(language) == Expected("en", ("brew some tea",))
