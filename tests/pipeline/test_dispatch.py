"""From the transcript to intent and reply: who is asked, and what is said where nothing is understood."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auricle.api import Intent, PluginError, Reply, Sentences, Transcript, Turn
from auricle.pipeline.dispatch import Dispatcher
from support.dispatching import HOME, Scripted, dispatcher


async def test_intent_is_handled_and_answered() -> None:
    understanding = Scripted()
    intent, reply = await dispatcher({"home": HOME}, understanding).dispatch(
        Transcript("Turn on the kitchen light."), Turn()
    )
    assert intent == Intent(
        "lamp", {"state": "ON", "room": "kitchen"}, "Turn on the kitchen light.", score=1.0, plugin="home"
    )
    assert reply == Reply("Done.", handled_by="home")
    assert understanding.handled == [intent]
    assert understanding.asked == []


async def test_plugins_are_asked_what_no_sentence_matches() -> None:
    understanding = Scripted(recognized=Intent("chat", text="hello there", plugin="chatty"))
    intent, reply = await dispatcher({"home": HOME}, understanding).dispatch(Transcript("hello there"), Turn())
    assert understanding.asked == ["hello there"]
    assert intent is not None
    assert intent.name == "chat"
    assert reply.text == "Done."


@pytest.mark.parametrize(
    ("language", "sorry"),
    [
        ("en", "Sorry, I did not understand."),
        ("de", "Entschuldigung, das habe ich nicht verstanden."),
        ("fr-CA", "Désolé, je n'ai pas compris."),
        ("es", "Lo siento, no te he entendido."),
        ("nl", "Sorry, I did not understand."),
    ],
)
async def test_nothing_understood_is_said_in_the_sites_language(language: str, sorry: str) -> None:
    assert await dispatcher({}, language=language).dispatch(Transcript("blah blah"), Turn()) == (
        None,
        Reply(sorry, understood=False),
    )


async def test_intent_that_nobody_handles_is_not_understood() -> None:
    intent, reply = await dispatcher({"home": HOME}, Scripted(reply=None)).dispatch(
        Transcript("open the garage door"), Turn()
    )
    assert intent is not None
    assert reply == Reply("Sorry, I did not understand.", understood=False)


async def test_failure_while_handling_is_spoken() -> None:
    failing = Scripted(reply=PluginError("home: auricle_handle raised ValueError"))
    intent, reply = await dispatcher({"home": HOME}, failing).dispatch(Transcript("open the garage door"), Turn())
    assert intent is not None
    assert reply == Reply("Something went wrong with that.", handled_by="home", understood=True)


async def test_empty_transcript_asks_nobody() -> None:
    understanding = Scripted(recognized=Intent("x"))
    assert await dispatcher({"home": HOME}, understanding).dispatch(Transcript("  "), Turn()) == (
        None,
        Reply("Sorry, I did not understand.", understood=False),
    )
    assert understanding.asked == []


async def test_language_of_the_turn_chooses_the_sentences() -> None:
    two = Dispatcher(
        Scripted(),
        {"en": {"p": Sentences({"hello": ("hello house",)})}, "de": {"p": Sentences({"hallo": ("hallo haus",)})}},
        near_miss=0.86,
        language="en",
    )
    for transcript, turn, name in (
        (Transcript("Hallo Haus!", language="de"), Turn(), "hallo"),
        (Transcript("Hallo Haus!"), Turn(language="de-AT"), "hallo"),
        (Transcript("Hello house", language="fr"), Turn(), "hello"),
    ):
        intent = await two.recognize(transcript, turn)
        assert intent is not None
        assert intent.name == name


ANY_HOME = dispatcher({"home": HOME})

WORDS = st.sampled_from(
    "turn switch on off the kitchen living room light lamp to 20 % percent set dim wake me up at 7:30 add shopping "
    "list # {room} <thing> [x] (a|b) ’ \" . , ? °C -5 1,000 please don't".split()
)


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=400), st.lists(WORDS, max_size=40).map(" ".join)))
async def test_any_text_gives_an_intent_or_none_and_a_reply(text: str) -> None:
    intent, reply = await ANY_HOME.dispatch(Transcript(text), Turn())
    assert reply.text
    if intent is None:
        assert not reply.understood
    else:
        assert (intent.plugin, intent.text) == ("home", text)
        assert 0.86 <= intent.score <= 1
        assert intent.name in HOME.intents
