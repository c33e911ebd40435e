"""Sentences that sound alike: the engine that heard them is asked where that is worth it, and not believed in all."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from auricle.api import AuricleError, BadRequest, EngineError, Sentences, Transcript, Turn
from auricle.app.tracing import as_step
from auricle.model.events import Event, Understood
from auricle.pipeline.dialogue import Dialogue
from auricle.pipeline.dispatch import Dispatcher
from auricle.pipeline.phonetic.matcher import Verdict
from auricle.pipeline.phonetic.rule import SoundRule
from auricle.pipeline.phonetic.weighing import written
from auricle.pipeline.recognition import Recognition, Recognizer
from auricle_coffee import COFFEE
from support.dispatching import Scripted

HOME = Sentences(
    intents={"switch": ("turn (on|off) the {room} (light|lamp)",), "wait": ("wait {seconds} seconds",)},
    lists={"room": ("kitchen", "bathroom", "bedroom")},
    ranges={"seconds": (1, 99)},
)
HEARD = "Get me a small, dark, roast Americano with some soy."
SUGAR = "Get me a small dark roast americano with some sugar."
SOY = "Get me a small dark roast americano with some soy milk."


class Likes:
    """Finds the texts with these words likely, and all others not."""

    def __init__(self, *words: str, by: float = 20.0, error: AuricleError | None = None, takes_s: float = 0.0) -> None:
        self.words, self.by, self.error, self.takes_s = words, by, error, takes_s
        self.asked: list[tuple[str, Sequence[str]]] = []

    async def likelihoods(self, utterance: str, texts: Sequence[str]) -> Sequence[float]:
        self.asked.append((utterance, texts))
        await asyncio.sleep(self.takes_s)
        if self.error is not None:
            raise self.error
        return [-5.0 if all(word in text for word in self.words) else -5.0 - self.by for text in texts]


@pytest.fixture(scope="module")
def made() -> Iterator[Dispatcher]:
    sentences = {"en": {"coffee": COFFEE, "home": HOME}}
    one = Dispatcher(Scripted(), sentences, near_miss=0.86, language="en", by_sound=SoundRule(), judge_s=0.5)
    yield one
    one.close()


@pytest.fixture
def dispatcher(made: Dispatcher) -> Iterator[Dispatcher]:
    yield made
    made.judge = None


async def found(dispatcher: Dispatcher, text: str, judge: Likes, *others: str) -> Recognition:
    dispatcher.judge = judge
    return await dispatcher.explain(Transcript(text, alternatives=others, utterance="u1"), Turn())


def slots(recognition: Recognition) -> dict[str, object]:
    assert recognition.intent is not None
    return dict(recognition.intent.slots)


async def test_the_likelier_of_two_that_sound_alike_is_taken(dispatcher: Dispatcher) -> None:
    by_sound = await dispatcher.explain(Transcript(HEARD), Turn())
    assert slots(by_sound)["sugarAmount"] == "some sugar"
    judge = Likes("some soy milk")
    judged = await found(dispatcher, HEARD, judge)
    assert slots(judged)["milkAmount"] == "some soy milk"
    ((utterance, texts),) = judge.asked
    assert utterance == "u1"
    assert {SUGAR, SOY} <= set(texts)
    assert len(texts) <= 8
    assert judged.hearing is not None
    first, *rest = judged.hearing.candidates
    assert first.likelihood == -5.0
    assert {other.likelihood for other in rest} >= {-25.0}
    assert "by sound and decoder together likelier than" in judged.reason
    assert judged.facts["candidates"][0] == {
        "sentence": SOY.lower().removesuffix("."),
        "plugin": "coffee",
        "intent": "orderDrink",
        "slots": slots(judged),
        "distance": first.distance,
        "likelihood": -5.0,
    }
    assert judged.intent is not None
    assert judged.intent.score == round(1 - first.distance, 3)


async def test_nobody_is_asked_where_it_is_clear_or_nothing_is_kept(dispatcher: Dispatcher) -> None:
    judge = Likes("anything")
    for text in ("Turn on the kitchen light.", "turn on the kitchin light", "Give me a tripple short lattay", "Hello."):
        await found(dispatcher, text, judge)
    assert judge.asked == []
    dispatcher.judge = judge
    await dispatcher.explain(Transcript(HEARD), Turn())
    assert judge.asked == []


@pytest.mark.parametrize(
    "judge",
    [
        Likes("soy milk", error=BadRequest("the sound is not kept any more", field="utterance")),
        Likes("soy milk", error=EngineError("it broke off")),
        Likes("soy milk", takes_s=60.0),
    ],
    ids=["stale", "broken", "late"],
)
async def test_what_sound_alone_says_stands_where_it_cannot_be_told(dispatcher: Dispatcher, judge: Likes) -> None:
    judged = await found(dispatcher, HEARD, judge)
    assert slots(judged)["sugarAmount"] == "some sugar"
    assert len(judge.asked) == 1
    assert judged.hearing is not None
    assert all(candidate.likelihood is None for candidate in judged.hearing.candidates)


async def test_a_limit_of_nothing_asks_nobody() -> None:
    one = Dispatcher(
        Scripted(), {"en": {"coffee": COFFEE}}, near_miss=0.86, language="en", by_sound=SoundRule(), judge_s=0.0
    )
    try:
        judge = Likes("soy milk")
        assert slots(await found(one, HEARD, judge))["sugarAmount"] == "some sugar"
        assert judge.asked == []
    finally:
        one.close()


async def test_likelihoods_that_say_little_leave_it_to_the_sound(dispatcher: Dispatcher) -> None:
    judged = await found(dispatcher, HEARD, Likes("soy milk", by=1.0))
    assert slots(judged)["sugarAmount"] == "some sugar"
    assert judged.hearing is not None
    assert judged.hearing.candidates[0].likelihood == -6.0


@pytest.mark.parametrize("text", ["turn of the kitchen light", "turn the bathroom light", "weight sixty seconds"])
@pytest.mark.parametrize("words", [("off",), ("on",), ("bedroom",), ("60",), ("16",)])
async def test_what_was_not_heard_is_not_taken_however_likely(
    dispatcher: Dispatcher, text: str, words: tuple[str]
) -> None:
    """Opposites, rooms and numbers have to be heard in the words."""
    judged = await found(dispatcher, text, Likes(*words))
    if judged.intent is not None:
        taken = judged.hearing.candidates[0].sentence if judged.hearing else judged.intent.text
        for word in ("off", "on", "bedroom", "16"):
            assert word not in taken.split()


def test_no_sentence_that_orders_nothing_could_be_taken_whatever_the_engine_says() -> None:
    recognizer = Recognizer(
        "en", {"coffee": COFFEE}, near_miss=1.0, by_sound=SoundRule(), on_fault=lambda plugin, text: None
    )
    lines = (Path(__file__).parent / "texts" / "no_orders.txt").read_text(encoding="utf-8").splitlines()
    texts = [line for line in lines if line and not line.startswith("#")]
    assert len(texts) >= 300
    try:
        hearings = [recognizer.by_sound([text]).hearing for text in texts]
    finally:
        recognizer.close()
    asked = [hearing for hearing in hearings if hearing is not None and hearing.options]
    assert asked
    takeable = [option for hearing in asked for option in hearing.options if option.verdict is Verdict.TAKEN]
    assert takeable == []


async def test_it_is_told_with_the_turn(dispatcher: Dispatcher) -> None:
    told: list[Event] = []
    dialogue = Dialogue(dispatcher, language="en", publish=told.append)
    dispatcher.judge = Likes("soy milk")
    turn = Turn()
    await dialogue.respond(Transcript(HEARD, utterance="u1"), turn)
    (event,) = told
    assert isinstance(event, Understood)
    assert (event.turn, event.how, event.verdict) == (turn.id, "sound", "taken")
    assert event.candidates[0]["likelihood"] == -5.0
    step = as_step(event, 1.0)
    assert step is not None
    assert (step.stage, step.decision["how"]) == ("understand", "sound")
    assert step.decision["candidates"][0]["likelihood"] == -5.0


@pytest.mark.parametrize(
    ("sentence", "language", "text"),
    [
        ("i'd like a latte", "en", "I'd like a latte."),
        ("can i have it", "en-GB", "Can I have it."),
        ("ich will i haben", "de", "Ich will i haben."),
        ("wait 16 seconds", "en", "Wait 16 seconds."),
    ],
)
def test_sentences_are_written_as_whisper_writes(sentence: str, language: str, text: str) -> None:
    assert written(sentence, language) == text
