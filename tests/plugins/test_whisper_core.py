"""What every Whisper does alike: sound that grows, and the words that are sure while it does."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from auricle.api import AudioFrame, Transcript
from auricle.testing.contracts import frames_of
from auricle_whisper_core import Agreement, Decoded, FloatArray, WhisperEngine, growing_windows, token_budget


class ScriptedWhisper(WhisperEngine):
    """Hears one word of its script for each half second of sound."""

    script = "turn on the light in the kitchen now please".split()

    def __init__(self, *, languages: tuple[str, ...] = ()) -> None:
        super().__init__(short_context=True, languages=languages, partials=True)
        self.asked: list[tuple[float, int]] = []

    def load(self) -> None:
        pass

    @property
    def multilingual(self) -> bool:
        return True

    def knows(self, language: str) -> bool:
        return language in ("en", "de")

    def tokens_of(self, text: str) -> list[int]:
        return [len(word) for word in text.split()]

    def decode(self, samples: FloatArray, context: int, language: str | None) -> tuple[Decoded, str]:
        self.asked.append((round(len(samples) / 16_000, 2), context))
        words = self.script[: len(samples) // 8_000]
        return Decoded(" ".join(words), -0.1, 0.01, len(words), cut=False), language or "de"

    def weigh(self, texts: Sequence[str]) -> Sequence[float] | None:
        return None


def sound(seconds: float) -> np.ndarray:
    return np.full(int(seconds * 16_000), 3_000, np.int16)


def frames(seconds: float) -> Iterator[AudioFrame]:
    return frames_of(sound(seconds), 1_600)


class TestPartials:
    def test_words_are_told_once_two_decodes_agree(self) -> None:
        transcripts = list(ScriptedWhisper().transcribe(frames(2.0), "en"))
        assert [(one.text, one.final) for one in transcripts] == [
            ("turn", False),
            ("turn on", False),
            ("turn on the", False),
            ("turn on the light", True),
        ]

    def test_a_decode_is_made_for_each_four_tenths_of_a_second_and_one_for_the_whole(self) -> None:
        engine = ScriptedWhisper()
        list(engine.transcribe(frames(1.3), "en"))
        assert [seconds for seconds, _ in engine.asked] == [0.4, 0.8, 1.2, 1.3]

    def test_words_of_the_window_before_stay_in_front(self) -> None:
        spoken = np.concatenate([sound(1.0), np.zeros(16_000 * 4, np.int16), sound(1.0)])
        texts = [one.text for one in ScriptedWhisper().transcribe(frames_of(spoken, 1_600), "en")]
        assert texts[-1].startswith(" ".join(ScriptedWhisper.script[:8]))
        before = [text for text in texts if len(text.split()) > 8]
        assert all(text.startswith("turn on the light in the kitchen now turn") for text in before)
        assert before

    def test_silence_is_not_decoded(self) -> None:
        engine = ScriptedWhisper()
        assert list(engine.transcribe(frames_of(np.zeros(32_000, np.int16)), "en")) == [Transcript("", "en")]
        assert engine.asked == []


class PoorWhisper(ScriptedWhisper):
    """Guesses with a short context; with the whole one it does what it is told."""

    def __init__(self, whole: Decoded) -> None:
        super().__init__()
        self._partials = False
        self.whole = whole

    def decode(self, samples: FloatArray, context: int, language: str | None) -> tuple[Decoded, str]:
        super().decode(samples, context, language)
        return (self.whole if context == 1_500 else Decoded("turn on the", -0.9, 0.01, 3, cut=False)), "en"


class TestPoorSpeech:
    @pytest.mark.parametrize(
        ("whole", "text"),
        [
            (Decoded("turn on the light", -0.1, 0.01, 4, cut=False), "turn on the light"),
            (Decoded("turn on the lift", -0.9, 0.01, 4, cut=False), "turn on the lift"),
            (Decoded("you", -0.9, 0.5, 1, cut=False), ""),
            (Decoded("the " * 40, -0.2, 0.01, 40, cut=True), ""),
        ],
    )
    def test_a_poor_decode_is_made_once_more_with_the_whole_context(self, whole: Decoded, text: str) -> None:
        engine = PoorWhisper(whole)
        [final] = engine.transcribe(frames(2.0), "en")
        assert final.text.strip() == text
        assert [context for _, context in engine.asked] == [768, 1_500]


class TestTogether:
    def test_each_utterance_is_heard_with_the_whole_context_and_keeps_its_language(self) -> None:
        engine = ScriptedWhisper()
        engine.batch = 2
        quiet = [AudioFrame(bytes(32_000))]
        found = engine.transcribe_all([(list(frames(2.0)), "en"), (quiet, "de"), (list(frames(1.0)), None)])
        assert [(one.text, one.language, one.final) for one in found] == [
            ("turn on the light", "en", True),
            ("", "de", True),
            ("turn on", "de", True),
        ]
        assert engine.asked == [(2.0, 1_500), (1.0, 1_500)]


class TestAgreement:
    def test_what_differs_is_held_back(self) -> None:
        agreement = Agreement()
        assert [agreement.hear(text) for text in ("Turn on", "Turn on the", "Turn on a light", "Turn on a lamp")] == [
            False,
            True,
            False,
            True,
        ]
        assert agreement.text == "Turn on a"

    def test_case_and_points_do_not_differ(self) -> None:
        agreement = Agreement()
        agreement.hear("Stop.")
        assert agreement.hear("stop the")
        assert agreement.text == "stop"

    def test_what_was_told_is_not_taken_back(self) -> None:
        agreement = Agreement()
        for text in ("stop the music", "stop the music", "shop", "shop"):
            agreement.hear(text)
        assert agreement.text == "stop the music"


class TestGrowth:
    def test_a_window_grows_to_its_whole(self) -> None:
        grown = [(len(samples), whole) for samples, whole in growing_windows(frames(0.3), growth=True)]
        assert grown == [(1_600, False), (3_200, False), (4_800, False), (4_800, True)]

    def test_without_growth_only_the_whole_comes(self) -> None:
        assert [(len(one), whole) for one, whole in growing_windows(frames(0.3), growth=False)] == [(4_800, True)]


class TestLanguage:
    @pytest.mark.parametrize(
        ("allowed", "code", "probability", "taken"),
        [
            ((), "fr", 0.9, "fr"),
            ((), "fr", 0.3, "en"),
            (("de", "en"), "en", 0.9, "en"),
            (("de", "en"), "en", 0.4, "de"),
            (("de", "en"), "th", 0.9, "de"),
        ],
    )
    def test_a_language_is_believed_if_sure_and_allowed(
        self, allowed: tuple[str, ...], code: str, probability: float, taken: str
    ) -> None:
        assert ScriptedWhisper(languages=allowed).heard_language(code, probability) == taken

    def test_the_language_that_was_heard_is_in_the_transcript(self) -> None:
        assert list(ScriptedWhisper().transcribe(frames(1.0), None))[-1].language == "de"


@pytest.mark.parametrize(("seconds", "tokens"), [(0.5, 19), (4.0, 40), (28.0, 184), (60.0, 224)])
def test_tokens_are_counted_out_by_length(seconds: float, tokens: int) -> None:
    assert token_budget(np.zeros(int(seconds * 16_000), np.float32)) == tokens
