"""What is expected, told to both Whisper engines: it helps with orders, and makes none of what is no order."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auricle.api import Expected, SttEngine, Transcript
from auricle.cli.figures.intents import mixed
from auricle.pipeline.expected import expected
from auricle.pipeline.sentences import Grammar
from auricle.testing.contracts import frames_of, share_of_words, words_of
from auricle_coffee import COFFEE
from auricle_whisper_core import Decoded, hint_tokens, sure, weighed
from support.dispatching import HOME
from support.voice import Samples, Speak

COFFEE_AND_HOME = expected("en", Grammar("en", {"coffee": COFFEE, "home": HOME}, lambda *_: None).templates())
NO_ORDERS = (
    "Make me an offer.",
    "Give me a minute, I am on the phone.",
    "There is a small problem with the medium sized box.",
    "May I have your attention please?",
    "The weather will be sunny with a light breeze from the west.",
    "We watched a long film about penguins last night.",
)


def encode(text: str) -> list[int]:
    """A token a word: the longer, the rarer."""
    return [1_000 * len(word) for word in words_of(text)]


def chosen(phrases: Sequence[str], room: int) -> list[str]:
    """The words that were taken, by their tokens."""
    seen: list[str] = []

    def spelled(text: str) -> list[int]:
        seen.append(text)
        return encode(text)

    hint_tokens(phrases, spelled, room)
    return words_of(seen[-1])


class TestChoice:
    def test_rare_words_come_before_others_and_nearest_to_the_text(self) -> None:
        assert chosen(("the tea", "a cappuccino", "of it"), 9) == ["of", "it", "the", "tea", "a", "cappuccino"]

    def test_a_rare_word_is_told_once_while_there_are_others(self) -> None:
        phrases = ("some cappuccino", "more cappuccino", "an americano")
        assert chosen(phrases, 4) == ["an", "americano", "some", "cappuccino"]

    def test_what_does_not_fit_is_passed_over_for_what_does(self) -> None:
        assert chosen(("one very long sentence about everything", "americano"), 2) == ["americano"]

    @pytest.mark.parametrize("room", [0, 1, 5, 40])
    def test_there_are_never_more_tokens_than_there_is_room_for(self, room: int) -> None:
        assert len(hint_tokens([f"word{at} number{at}" for at in range(300)], encode, room)) <= room

    def test_nothing_is_told_of_nothing(self) -> None:
        assert hint_tokens((), encode) == []


class TestWeighing:
    def decoded(self, text: str, **changes: object) -> Decoded:
        fields = {"text": text, "logprob": -0.3, "no_speech": 0.02, "tokens": 6, "cut": False} | changes
        return Decoded(**fields)  # type: ignore[arg-type]

    @pytest.mark.parametrize("doubt", [{"logprob": -0.3}, {"no_speech": 0.4}, {"cut": True}])
    def test_a_text_in_doubt_is_looked_at_again(self, doubt: dict[str, object]) -> None:
        clear = {"logprob": -0.1}
        assert sure(self.decoded("a latte", **clear))
        assert not sure(self.decoded("a latte", **(clear | doubt)))
        assert not sure(self.decoded("a latte, a latte, a latte", **clear))

    def test_both_texts_are_kept_and_the_plain_one_tells_whether_there_was_speech(self) -> None:
        plain = self.decoded("a ladder", no_speech=0.7, alternatives=("a latte", "the ladder"))
        both = weighed(self.decoded("a latte", no_speech=0.1), plain)
        assert (both.text, both.no_speech, both.alternatives) == ("a latte", 0.7, ("a ladder", "the ladder"))

    @pytest.mark.parametrize("fault", [{"cut": True}, {"text": ""}, {"text": "a latte, a latte, a latte"}])
    def test_a_loop_after_a_hint_leaves_the_plain_text(self, fault: dict[str, object]) -> None:
        plain = self.decoded("a ladder")
        assert weighed(self.decoded(**({"text": "a latte"} | fault)), plain) == plain  # type: ignore[arg-type]


@pytest.fixture(params=["faster_whisper", "whisper"])
def engine(request: pytest.FixtureRequest) -> Iterator[SttEngine]:
    name = "whisper_engine" if request.param == "faster_whisper" else "transformers_engine"
    found: SttEngine = request.getfixturevalue(name)
    found.expect(COFFEE_AND_HOME)
    yield found
    found.expect(None)


def heard(engine: SttEngine, samples: Samples) -> Transcript:
    return list(engine.transcribe(frames_of(samples), "en"))[-1]


@pytest.mark.models
class TestEngines:
    def test_a_name_is_spelled_as_it_is_told(self, engine: SttEngine, speak: Speak) -> None:
        samples = speak("Turn on the light in Caitlin's room.")
        engine.expect(Expected("en", ("kitchen", "Katelyn's room", "living room")))
        assert "katelyn's" in words_of(heard(engine, samples).text)
        engine.expect(Expected("de", ("Katelyn's room",)))
        assert "katelyn's" not in words_of(heard(engine, samples).text)

    @pytest.mark.parametrize("loudness", [100, 300, 1_000, 3_000])
    @pytest.mark.parametrize("seconds", [0.5, 1.5, 4.0])
    def test_hiss_is_no_order(self, engine: SttEngine, loudness: int, seconds: float) -> None:
        hiss = np.random.default_rng(loudness).normal(0, loudness, int(seconds * 16_000)).astype(np.int16)
        assert heard(engine, hiss).text == ""

    def test_a_tenth_of_a_second_of_speech_is_no_order(self, engine: SttEngine, speak: Speak) -> None:
        assert heard(engine, speak("Turn on the light in the kitchen.")[3_000:4_600]).text == ""

    def test_other_speech_keeps_its_words(self, engine: SttEngine, speak: Speak) -> None:
        engine.expect(None)
        before = [share_of_words(text, heard(engine, speak(text)).text) for text in NO_ORDERS]
        engine.expect(COFFEE_AND_HOME)
        after = [share_of_words(text, heard(engine, speak(text)).text) for text in NO_ORDERS]
        assert sum(after) >= sum(before) - 0.25, list(zip(NO_ORDERS, before, after, strict=True))

    @pytest.mark.data
    def test_a_kitchen_is_no_order(self, engine: SttEngine, recordings: Path) -> None:
        noise = soundfile.read(recordings / "noise" / "kitchen.flac", dtype="int16")[0]
        texts = [heard(engine, noise[at : at + 32_000]).text for at in range(0, 40 * 16_000, 64_000)]
        assert texts == [""] * len(texts)

    @pytest.mark.data
    def test_babble_is_no_order(self, engine: SttEngine, recordings: Path) -> None:
        paths = sorted((recordings / "wake" / "other").glob("*.flac"))[:24]
        babble = np.zeros(48_000)
        for at, path in enumerate(paths):
            samples = soundfile.read(path, dtype="float32")[0][:24_000]
            first = at * 1_000
            babble[first : first + len(samples)] += samples[: len(babble) - first]
        text = heard(engine, (babble / np.abs(babble).max() * 9_000).astype(np.int16)).text
        assert Grammar("en", {"coffee": COFFEE, "home": HOME}, lambda *_: None).match(text) is None

    @pytest.mark.data
    def test_more_orders_are_right_by_their_words(self, engine: SttEngine, recordings: Path) -> None:
        folder = recordings / "commands"
        labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
        noise = soundfile.read(recordings / "noise" / "kitchen.flac", dtype="float32")[0]
        grammar = Grammar("en", {"coffee": COFFEE}, lambda *_: None)
        right = {None: 0, COFFEE_AND_HOME: 0}
        for name in sorted(labels)[::8]:
            sound = mixed(soundfile.read(folder / name, dtype="float32")[0], noise, 12, name)
            for told in right:
                engine.expect(told)
                intent = grammar.match(heard(engine, (sound * 32_767).astype(np.int16)).text)
                wanted = {slot: value.strip() for slot, value in labels[name]["slots"].items()}
                right[told] += intent is not None and dict(intent.slots) == wanted
        assert right[COFFEE_AND_HOME] >= right[None] + 3, right
