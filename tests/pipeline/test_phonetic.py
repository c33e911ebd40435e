"""Understanding by sound: what is taken for a sentence, what is asked about, and what is left alone."""

import gzip
import logging
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auricle.api import Sentences, Transcript, Turn
from auricle.model.intent import Standing
from auricle.pipeline.dispatch import Dispatcher
from auricle.pipeline.phonetic.alphabet import phones, substitution
from auricle.pipeline.phonetic.graph import Graph, words
from auricle.pipeline.phonetic.matcher import BySound, Verdict
from auricle.pipeline.phonetic.numbers import SpokenRange
from auricle.pipeline.phonetic.phonemes import Phonemes, PhonemesUnavailable
from auricle.pipeline.phonetic.rule import SoundRule
from auricle.pipeline.phonetic.walk import Walk
from auricle.pipeline.sentences import Grammar
from auricle_coffee import COFFEE
from support.dispatching import HOME, Scripted

TALK = """\
the person at extension is on the phone
please enter your password followed by the pound key
you have no new messages
to delete this message press seven
all circuits are busy now please try your call again later
i am sorry that is not a valid extension
thank you for calling and have a nice day
your call is important to us please hold
the number you have dialed is not in service
the weather will be sunny with a light breeze from the west
could you tell me how to get to the train station
we watched a long film about penguins last night
my sister moved to another town two years ago
what do you think about the election
he said that the meeting was moved to thursday
i have to pick up the kids from school at four
there is a small problem with the medium sized box
can i have a look at your book
give me a minute i am on the phone
i want to go home
make me an offer
make me an offer of a thousand dollars
get me out of here
may i have your attention please
i would like to speak to a manager
""".splitlines()


@pytest.fixture(scope="module")
def coffee() -> Iterator[BySound]:
    yield from _by_sound({"coffee": COFFEE})


@pytest.fixture(scope="module")
def home() -> Iterator[BySound]:
    yield from _by_sound({"home": HOME})


def _by_sound(sentences: Mapping[str, Sentences], language: str = "en") -> Iterator[BySound]:
    faults: list[tuple[str, str]] = []
    grammar = Grammar(language, sentences, lambda *fault: faults.append(fault))
    sound = BySound(language, list(grammar.templates()), SoundRule(), lambda *fault: faults.append(fault))
    yield sound
    sound.close()
    assert faults == []


@pytest.mark.parametrize(
    ("text", "slots"),
    [
        (
            "Can I get a light rose 8-dounds ice mocha?",
            {"roast": "light roast", "size": "eight ounce", "coffeeDrink": "iced mocha"},
        ),
        (
            "Brew a single shot latte with some skin milk",
            {"numberOfShots": "single shot", "coffeeDrink": "latte", "milkAmount": "some skim milk"},
        ),
        ("Give me a late with brown sugar", {"coffeeDrink": "latte", "sugarAmount": "brown sugar"}),
        ("I want a small drip coffee. I want a small drip coffee", {"size": "small", "coffeeDrink": "drip coffee"}),
    ],
)
def test_misheard_order_is_taken_for_what_it_sounds_like(coffee: BySound, text: str, slots: dict[str, str]) -> None:
    hearing = coffee.hear([text])
    assert (hearing.verdict, hearing.intent and dict(hearing.intent.slots)) == (Verdict.TAKEN, slots)
    assert hearing.intent is not None
    assert hearing.intent.text == text
    assert 0.8 <= hearing.intent.score < 1
    distances = [candidate.distance for candidate in hearing.candidates]
    assert distances == sorted(distances)


def test_talk_is_no_order(coffee: BySound) -> None:
    assert [text for text in TALK if coffee.hear([text]).intent is not None] == []


@pytest.mark.parametrize(
    "text",
    [
        "don't turn on the kitchen light",
        "turn of the kitchen light",
        "turn on the bathroom light",
        "dim the kitchen light to 300 percent",
        "close the living room door",
    ],
)
def test_opposites_other_rooms_and_other_numbers_are_never_taken(home: BySound, text: str) -> None:
    assert home.hear([text]).intent is None


def test_number_that_was_heard_fills_its_slot(home: BySound) -> None:
    hearing = home.hear(["them the kitchen lights to 35 person"])
    assert hearing.candidates[0].intent.slots == {"room": "kitchen", "brightness": 35}


def test_two_that_sound_alike_are_asked_about() -> None:
    two = Sentences(intents={"call": ("please phone {who} now",)}, lists={"who": {"Anne": 1, "Anna": 2}})
    for sound in _by_sound({"p": two}):
        hearing = sound.hear(["please phone Annie now"])
        assert {candidate.sentence for candidate in hearing.candidates} == {
            "please phone anne now",
            "please phone anna now",
        }
    two = Sentences(intents={"call": ("telephone {who} at home",)}, lists={"who": {"Cole": 1, "Pole": 2}})
    for sound in _by_sound({"p": two}):
        between = sound.hear(["telephone Tole at home"])
        assert between.verdict is Verdict.ASK
        assert "sounds as much like it" in between.reason
        assert sound.hear(["telephone Cole at home"]).verdict is Verdict.TAKEN


@pytest.mark.parametrize(
    ("text", "standing"),
    [
        ("can I get a large", Standing.UNFINISHED),
        ("can I get a large capuchino", Standing.OPEN),
        ("can I get a large latte with sugar and sum cream", Standing.WHOLE),
        ("the weather will be sunny", Standing.UNKNOWN),
    ],
)
def test_standing_of_what_is_still_being_said(coffee: BySound, text: str, standing: Standing) -> None:
    assert coffee.standing(text) is standing


@pytest.mark.parametrize(
    ("language", "template", "text"),
    [
        ("de", "mach das licht im wohnzimmer an", "mach das lischt im wonzimmer an"),
        ("fr", "allume la lumière du salon", "allume la lumiaire du sallon"),
        ("es", "enciende la luz del salón", "enciende la lus del zalón"),
    ],
)
def test_other_languages_sound_too(language: str, template: str, text: str) -> None:
    for sound in _by_sound({"p": Sentences(intents={"light": (template,)})}, language):
        assert sound.hear([text]).verdict is Verdict.TAKEN


def test_grammar_of_fifty_thousand_values_is_walked_quickly() -> None:
    first = "anna bert carla dora emil frida gustav hanna ida jonas karl lena mara nora otto paula quinn rosa sven tina"
    parts = first.split()
    names = tuple(f"{a} {b} {c} {d}" for a in parts for b in parts for c in parts for d in parts[:7])
    assert len(names) == 56_000
    large = Sentences(intents={"play": ("play {who} [please]",)}, lists={"who": names})
    for sound in _by_sound({"p": large}):
        took = []
        for text in ("play anna bird carlo dora", "play tina sven ross a gustaf", "blay mara nora otto dora") * 3:
            began = time.process_time()
            hearing = sound.hear([text])
            took.append(time.process_time() - began)
            assert hearing.candidates
        assert hearing.candidates[0].intent.slots == {"who": "mara nora otto dora"}
        assert sorted(took)[len(took) // 2] < 0.5


async def test_daemon_goes_on_by_words_without_phonemes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("auricle.pipeline.phonetic.phonemes.COMMAND", ("/nonexistent/phonemes",))
    one = Dispatcher(Scripted(), {"en": {"home": HOME}}, near_miss=0.86, language="en", by_sound=SoundRule())
    with caplog.at_level(logging.WARNING):
        one.prepare()
        assert await one.recognize(Transcript("turn on the chicken light"), Turn()) is None
        assert await one.recognize(Transcript("turn on the kitchen light"), Turn()) is not None
    assert [record.message for record in caplog.records if "sound" in record.message] == [
        "commands are not understood by their sound in en: the process for phonemes cannot be started: "
        "[Errno 2] No such file or directory: '/nonexistent/phonemes'"
    ]


async def test_explanation_names_the_way_and_the_runner_up() -> None:
    one = Dispatcher(Scripted(), {"en": {"coffee": COFFEE}}, near_miss=0.86, language="en", by_sound=SoundRule())
    try:
        exact = await one.explain(Transcript("I want a latte"), Turn())
        assert (exact.how, exact.hearing) == ("words", None)
        sound = await one.explain(Transcript("I want a lot with sum milk"), Turn())
        assert sound.hearing is not None
        assert sound.hearing.candidates[0].sentence == "i want a latte with some milk"
        assert len(sound.hearing.candidates) > 1
        other = await one.explain(Transcript("xyz", alternatives=("I want a latte",)), Turn())
        assert other.intent is not None
        assert (other.how, other.intent.slots) == ("words", {"coffeeDrink": "latte"})
    finally:
        one.close()


def test_phonemes_of_sentences_outlive_the_process_and_those_of_speech_do_not(tmp_path: Path) -> None:
    one = Phonemes("en", tmp_path)
    one.of_sentences(["large", "latte"])
    large, secret = one.of(["large", "secret"])
    one.close()
    assert (large, secret) == (("l", "ɑ", "ɹ", "dʒ"), phones("sˈiːkɹᵻt"))
    again = Phonemes("en", tmp_path, command=("/nonexistent",))
    assert again.of(["large"]) == [large]
    with pytest.raises(PhonemesUnavailable):
        again.of(["secret"])


def test_killed_process_is_started_again_and_unknown_language_is_named() -> None:
    one = Phonemes("en")
    assert one.of(["tea"]) == [("t", "i")]
    assert one._worker is not None
    one._worker._process.kill()
    one._worker._process.wait()
    assert one.of(["sea"]) == [("s", "i")]
    one.close()
    none = Phonemes("xx")
    with pytest.raises(PhonemesUnavailable, match="no voice for the language 'xx'"):
        none.of(["tea"])
    none.close()


def test_costs_are_even_handed() -> None:
    some = "p b t d k ɡ f v θ s z ʃ tʃ dʒ m n ŋ l ɹ j w h a eɪ i ɪ ə ɑ u".split()
    for one in some:
        assert substitution(one, one) == 0
        for other in some:
            assert substitution(one, other) == substitution(other, one) <= 1.2


PARTS = st.recursive(
    st.sampled_from(
        ["turn on", "the", "light", "s", "{room}", "{number}", "{any}", "<rule>", "{missing}", "it's 5 %", ""]
    ),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(" ".join),
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda some: f"({'|'.join(some)})"),
        st.lists(inner, min_size=2, max_size=3).map(lambda some: f"({';'.join(some)})"),
        inner.map(lambda one: f"[{one}]"),
    ),
    max_leaves=8,
)


@settings(max_examples=75, deadline=None)
@given(st.lists(st.one_of(PARTS, st.text(max_size=12)), min_size=1, max_size=4))
def test_any_templates_make_a_graph_or_are_refused_by_name(templates: list[str]) -> None:
    faults: list[str] = []
    own = Sentences(
        intents={"x": tuple(templates)},
        lists={"room": ("kitchen", "living room[s]")},
        ranges={"number": (-2, 12)},
        wildcards=("any",),
        expansion_rules={"rule": "(a|an) [big] {room}"},
    )
    grammar = Grammar("en", {"p": own}, lambda plugin, text: faults.append(text))
    graph = Graph(grammar.templates(), tuple, lambda template, why: faults.append(f"{template.intent}: {why}"))
    assert all("x" in fault for fault in faults)
    for path in Walk(graph, ["turn on the light"], [99.0]).paths(1.0, 98.0):
        assert words(" ".join(path.words))
        assert 0 <= path.template < len(graph.templates)
        assert path.cost >= 0


NO_ORDERS = Path(__file__).parent / "texts" / "no_orders.txt"
PROMPTS = Path("/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz")
"""What is said in asterisk's prompts; CC BY-SA 3.0, so it is read where Debian's package is and not kept here."""


def test_one_of_a_hundred_other_sentences_at_most_is_taken_for_an_order(coffee: BySound) -> None:
    lines = NO_ORDERS.read_text(encoding="utf-8").splitlines()
    texts = [line for line in lines if line and not line.startswith("#")]
    assert len(texts) >= 300
    taken = [text for text in texts if coffee.hear([text]).intent is not None]
    assert len(taken) <= len(texts) / 100, taken


def test_no_prompt_of_a_telephone_system_is_taken_for_an_order(coffee: BySound) -> None:
    if not PROMPTS.is_file():
        pytest.skip("asterisk-core-sounds-en is not installed")
    with gzip.open(PROMPTS, "rt", encoding="utf-8") as lines:
        texts = [line.split(": ", 1)[1].strip() for line in lines if ": " in line]
    assert len(texts) > 500
    taken = [text for text in texts if coffee.hear([text]).intent is not None]
    assert len(taken) <= len(texts) / 100, taken


def test_words_that_every_order_has_do_not_make_one(coffee: BySound) -> None:
    for text in ("can i have a dog", "i want a new car", "can i get a witness"):
        hearing = coffee.hear([text])
        assert hearing.verdict is Verdict.NONE
        assert hearing.reason.startswith("what tells it from other sentences is 0.")
        assert hearing.candidates[0].distance < 0.25


LONG = Sentences(
    intents={"wait": ("wait {seconds} seconds [then]", "start at {low} and end")},
    ranges={"seconds": (1, 9999), "low": (150, 480)},
)


@pytest.fixture(scope="module")
def long() -> Iterator[BySound]:
    yield from _by_sound({"p": LONG})


@pytest.mark.parametrize("number", [*range(1, 1000, 37), 20, 100, 110, 200, 999, 1000, 1001, 2340, 4999, 9999])
def test_every_number_of_a_range_is_known_by_sound(long: BySound, number: int) -> None:
    hearing = long.hear([f"weight {number} seconds zen"])
    assert hearing.candidates[0].sentence == f"wait {number} seconds then"
    assert hearing.candidates[0].intent.slots == {"seconds": number}
    assert hearing.verdict is Verdict.TAKEN


@pytest.mark.parametrize("number", [150, 163, 199, 200, 345, 401, 480])
def test_number_that_begins_and_ends_amid_hundreds_is_known_too(long: BySound, number: int) -> None:
    assert long.hear([f"starred at {number} and end"]).candidates[0].intent.slots == {"low": number}


@pytest.mark.parametrize("number", [37, 149, 481, 1200])
def test_number_outside_its_range_is_not_taken(long: BySound, number: int) -> None:
    hearing = long.hear([f"starred at {number} and end"])
    assert hearing.intent is None
    assert all(150 <= int(str(one.intent.slots.get("low", 150))) <= 480 for one in hearing.candidates)


@pytest.mark.parametrize("language", ["de", "fr", "es"])
def test_numbers_of_other_languages_are_known_by_sound(language: str) -> None:
    waiting = Sentences(intents={"wait": ("wasabi {n} tatami",)}, ranges={"n": (0, 1200)})
    for sound in _by_sound({"p": waiting}, language):
        for number in (0, 1, 21, 71, 99, 101, 137, 200, 580, 999, 1100):
            hearing = sound.hear([f"wasabi {number} tadami"])
            assert (number, hearing.candidates[0].intent.slots) == (number, {"n": number})


def test_numbers_in_a_grammar_are_there_once(long: BySound) -> None:
    assert len(long) < 1500


def test_numbers_are_spelled_out_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    spelled: list[int] = []
    real = SpokenRange.get_numbers
    monkeypatch.setattr(SpokenRange, "get_numbers", lambda self: spelled.append(self.stop) or real(self))
    own = Sentences(intents={"wait": ("wait {n} ticks",)}, ranges={"n": (3, 9871)})
    grammar = Grammar("en", {"p": own}, lambda plugin, text: pytest.fail(text))
    grammar.learn_lists()
    assert spelled == [9871]
    for text, number in (("three", 3), ("nine hundred ninety-nine", 999), ("four thousand", 4000), ("7654", 7654)):
        intent = grammar.match(f"wait {text} ticks")
        assert intent is not None
        assert intent.slots == {"n": number}
    assert spelled == [9871]


def test_what_most_readings_come_near_is_taken(coffee: BySound) -> None:
    odd = "make me a light roast ate ounce mocha"
    rest = ("make me a light roast eight ounce ice mocha", "make me a light roast eight ounce ice mocha.")
    hearing = coffee.hear(["make me a light roast eight ounce ize mocha", odd, *rest])
    assert hearing.intent is not None
    assert hearing.intent.slots["coffeeDrink"] == "iced mocha"
    assert coffee.hear([odd]).candidates[0].intent.slots["coffeeDrink"] == "mocha"


async def test_sentences_of_different_meanings_that_may_have_been_said_are_weighed_by_sound() -> None:
    one = Dispatcher(Scripted(), {"en": {"coffee": COFFEE}}, near_miss=0.86, language="en", by_sound=SoundRule())
    others = (
        "Make me an iced mocha with sweetener and some milk.",
        "Make me an iced mocha with sweetener and soy milk.",
        "Make me an iced mocha with sweetener and soy milk",
    )
    try:
        heard = Transcript("Make me an ice-mocker with sweetener and sormilk.", alternatives=others)
        found = await one.explain(heard, Turn())
        assert found.intent is not None
        assert (found.how, found.intent.slots["milkAmount"]) == ("sound", "soy milk")
        agreed = await one.explain(Transcript(heard.text, alternatives=others[1:]), Turn())
        assert (agreed.how, agreed.intent and agreed.intent.slots["milkAmount"]) == ("words", "soy milk")
    finally:
        one.close()
