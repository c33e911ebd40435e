"""What every engine must do, as test classes: subclass one, give it the fixtures that it names, and run pytest.

class TestMyEngine(SttContract):
    @pytest.fixture
    def engine(self): ...          # loaded
    @pytest.fixture
    def recordings(self): ...      # Sequence[Recording]
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pytest

from auricle.api import (
    INBOUND_RATE_HZ,
    AudioFrame,
    BadRequest,
    EngineError,
    Expected,
    SttEngine,
    SynthesisRequest,
    Transcript,
    TtsEngine,
)

Samples = npt.NDArray[np.int16]
Read = Callable[[Samples, int], str]

SOUNDS_WITHOUT_WORDS = ("silence", "hum", "noise", "beep", "click", "nothing", "one sample")
TEXTS_WITHOUT_WORDS = ("", "   ", "\n\t", "...", "?!", "—", "😀", "👍🏽 ❤️", "\u200b", "\x00")
ODD_TEXTS = (
    "One\x00two.",
    "Good \ud800 day.",
    "\x07\x1b[31mRed.",
    "Hello 😀 there.",
    "[[h]] [[ yes",
    "<speak>Yes</speak> & <b>no</b>",
    "Привет, 你好.",
    "\u202eright to left\u202c",
    "a" * 300,
    "5 °C, 3 %, $4.50, 1/2, 10:30, #7, a@b.c, http://x.y/z?a=b",
)


EXPECTED = Expected("en", ("double espresso", "skim milk", "make me a coffee", "flat white", "brown sugar", "oat milk"))


@dataclass(frozen=True, slots=True)
class Recording:
    """Somebody speaking."""

    samples: Samples
    """At 16 kHz."""
    words: str
    """Lower case, without punctuation."""


class SttContract:
    """For an STT engine. Fixtures: `engine`, loaded; `recordings`, two or more of clear speech of 1 to 10 s."""

    least_words_right = 0.8
    """Share of each recording's words that has to be heard."""

    def test_words_are_heard(self, engine: SttEngine, recordings: Sequence[Recording]) -> None:
        heard = [(recording.words, _text(engine, recording.samples)) for recording in recordings]
        assert [pair for pair in heard if share_of_words(*pair) < self.least_words_right] == []

    def test_the_last_transcript_alone_is_final(self, engine: SttEngine, recordings: Sequence[Recording]) -> None:
        transcripts = list(engine.transcribe(frames_of(recordings[0].samples), None))
        assert [transcript.final for transcript in transcripts] == [False] * (len(transcripts) - 1) + [True]

    def test_confidence_is_a_probability_or_unknown(self, engine: SttEngine, recordings: Sequence[Recording]) -> None:
        final = _final(engine, recordings[0].samples)
        assert final.confidence is None or 0 < final.confidence <= 1
        assert final.language is None or re.fullmatch("[a-z]{2,3}", final.language)

    def test_what_was_heard_is_likelier_than_what_was_not_for_who_can_be_asked(
        self, engine: SttEngine, recordings: Sequence[Recording]
    ) -> None:
        final = _final(engine, recordings[0].samples)
        if not final.utterance:
            assert not engine.judges
            with pytest.raises(BadRequest):
                engine.likelihoods("", [final.text])
            return
        texts = [final.text, "There is nothing of that sort to be found in this book."]
        likely, unlikely = engine.likelihoods(final.utterance, texts)
        assert unlikely < likely <= 0
        with pytest.raises(BadRequest):
            engine.likelihoods(f"not {final.utterance}", texts)

    def test_length_of_frames_does_not_matter(self, engine: SttEngine, recordings: Sequence[Recording]) -> None:
        samples = recordings[0].samples
        texts = {" ".join(words_of(_text(engine, samples, frame))) for frame in (480, 12_345, len(samples))}
        assert len(texts) == 1

    @pytest.mark.parametrize("name", SOUNDS_WITHOUT_WORDS)
    @pytest.mark.parametrize("seconds", [0.1, 2.0])
    def test_sound_without_words_has_no_text(self, engine: SttEngine, name: str, seconds: float) -> None:
        assert _text(engine, sound_without_words(name, seconds)) == ""

    @pytest.mark.parametrize("name", SOUNDS_WITHOUT_WORDS)
    @pytest.mark.parametrize("seconds", [0.1, 2.0])
    def test_what_is_expected_is_not_heard_in_sound_without_words(
        self, engine: SttEngine, name: str, seconds: float
    ) -> None:
        engine.expect(EXPECTED)
        try:
            assert _text(engine, sound_without_words(name, seconds)) == ""
        finally:
            engine.expect(None)

    def test_what_is_expected_is_not_heard_in_other_words(
        self, engine: SttEngine, recordings: Sequence[Recording]
    ) -> None:
        engine.expect(EXPECTED)
        try:
            heard = [(recording.words, _text(engine, recording.samples)) for recording in recordings]
        finally:
            engine.expect(None)
        assert [pair for pair in heard if share_of_words(*pair) < self.least_words_right] == []

    def test_a_recording_longer_than_a_command_is_heard_to_its_end(
        self, engine: SttEngine, recordings: Sequence[Recording]
    ) -> None:
        first, second = recordings[:2]
        quiet = np.zeros(INBOUND_RATE_HZ * 15, dtype=np.int16)
        heard = _text(engine, np.concatenate([first.samples, quiet, second.samples, quiet, first.samples]))
        said = f"{first.words} {second.words} {first.words}"
        assert share_of_words(said, heard) >= self.least_words_right - 0.1

    def test_full_scale_sound_ends_in_a_final(self, engine: SttEngine) -> None:
        square = np.where(np.arange(INBOUND_RATE_HZ) // 40 % 2, 32767, -32768).astype(np.int16)
        assert _final(engine, square).final

    def test_an_abandoned_request_leaves_the_engine_well(
        self, engine: SttEngine, recordings: Sequence[Recording]
    ) -> None:
        answers = engine.transcribe(frames_of(recordings[0].samples), None)
        next(answers)
        _close(answers)
        never_begun = engine.transcribe(frames_of(recordings[0].samples), None)
        _close(never_begun)
        assert share_of_words(recordings[1].words, _text(engine, recordings[1].samples)) >= self.least_words_right

    def test_sound_that_breaks_off_with_an_error_passes_it_on(
        self, engine: SttEngine, recordings: Sequence[Recording]
    ) -> None:
        def broken() -> Iterator[AudioFrame]:
            yield next(frames_of(recordings[0].samples))
            raise EngineError("the microphone is gone")

        with pytest.raises(EngineError, match="the microphone is gone"):
            list(engine.transcribe(broken(), None))
        assert share_of_words(recordings[0].words, _text(engine, recordings[0].samples)) >= self.least_words_right

    def test_an_unknown_language_is_an_error(self, engine: SttEngine, recordings: Sequence[Recording]) -> None:
        with pytest.raises(EngineError):
            list(engine.transcribe(frames_of(recordings[0].samples), "qqq"))


class TtsContract:
    """For a TTS engine. Fixtures: `engine`, loaded; `read`, from samples and their rate to the words said in them."""

    text = "The weather is nice today."
    """In the language of the default voice; `read` has to understand it."""
    least_words_right = 0.8

    def test_speech_can_be_read_back(self, engine: TtsEngine, read: Read) -> None:
        samples, rate_hz = spoken(engine, self.text)
        heard = read(samples, rate_hz)
        assert share_of_words(" ".join(words_of(self.text)), heard) >= self.least_words_right, heard

    def test_frames_are_whole_of_one_rate_and_consecutive(self, engine: TtsEngine) -> None:
        frames = list(engine.synthesize(SynthesisRequest(f"{self.text} {self.text}")))
        assert len({frame.rate_hz for frame in frames}) == 1
        assert 8_000 <= frames[0].rate_hz <= 48_000
        assert all(frame.pcm and len(frame.pcm) % 2 == 0 for frame in frames)
        starts = np.cumsum([0] + [frame.samples for frame in frames])
        assert [frame.first_sample for frame in frames] == starts[:-1].tolist()

    def test_speech_is_neither_silent_nor_distorted(self, engine: TtsEngine) -> None:
        samples, _ = spoken(engine, self.text)
        loudness = np.sqrt(np.mean((samples / 32768.0) ** 2))
        assert 0.005 < loudness < 0.5
        assert np.mean(np.abs(samples.astype(np.int32)) >= 32767) < 0.001

    def test_the_same_text_takes_about_the_same_time(self, engine: TtsEngine) -> None:
        lengths = [len(spoken(engine, self.text)[0]) for _ in range(2)]
        assert max(lengths) < 1.4 * min(lengths)

    def test_speed_changes_the_length(self, engine: TtsEngine) -> None:
        slow, usual, fast = (len(spoken(engine, self.text, speed=speed)[0]) for speed in (0.5, 1.0, 2.0))
        if not engine.native_speed:  # the daemon stretches its speech, which therefore must not be stretched already
            assert max(slow, usual, fast) < 1.4 * min(slow, usual, fast)
            return
        assert 1.4 < slow / usual < 2.8
        assert 1.4 < usual / fast < 2.8

    @pytest.mark.parametrize("speed", [0.0, -1.0, 100.0, float("nan"), float("inf")])
    def test_an_impossible_speed_is_refused(self, engine: TtsEngine, speed: float) -> None:
        with pytest.raises(BadRequest) as refused:
            spoken(engine, self.text, speed=speed)
        assert refused.value.field == "speed"

    @pytest.mark.parametrize("text", TEXTS_WITHOUT_WORDS)
    def test_text_without_words_makes_no_sound(self, engine: TtsEngine, text: str) -> None:
        try:
            frames = list(engine.synthesize(SynthesisRequest(text)))
        except BadRequest:
            frames = []
        assert frames == []

    @pytest.mark.parametrize("text", ODD_TEXTS)
    def test_odd_text_is_spoken(self, engine: TtsEngine, text: str) -> None:
        samples, rate_hz = spoken(engine, text)
        assert 0.1 * rate_hz < len(samples) < 60 * rate_hz

    def test_long_text_is_spoken_in_pieces(self, engine: TtsEngine) -> None:
        frames = engine.synthesize(SynthesisRequest("word " * 800))
        lengths = [next(frames).seconds for _ in range(2)]
        _close(frames)
        assert max(lengths) < 30

    def test_every_voice_speaks(self, engine: TtsEngine) -> None:
        voices = engine.voices()
        assert len({voice.name for voice in voices}) == len(voices) > 0
        for voice in voices:
            assert next(iter(engine.synthesize(SynthesisRequest(self.text, voice=voice.name)))).samples > 0

    @pytest.mark.parametrize("voice", ["no such voice", "/etc/passwd", "../../x.onnx", "\x00"])
    def test_an_unknown_voice_is_refused(self, engine: TtsEngine, voice: str) -> None:
        with pytest.raises(BadRequest) as refused:
            list(engine.synthesize(SynthesisRequest(self.text, voice=voice)))
        assert refused.value.field == "voice"

    def test_an_unknown_option_is_refused(self, engine: TtsEngine) -> None:
        with pytest.raises(BadRequest, match="no_such_option"):
            list(engine.synthesize(SynthesisRequest(self.text, options={"no_such_option": 1})))

    def test_an_abandoned_request_leaves_the_engine_well(self, engine: TtsEngine) -> None:
        before = len(spoken(engine, self.text)[0])
        abandoned = engine.synthesize(SynthesisRequest(f"{self.text} {self.text}"))
        next(abandoned)
        _close(abandoned)
        _close(engine.synthesize(SynthesisRequest(self.text)))
        assert len(spoken(engine, self.text)[0]) > before / 1.4


def frames_of(samples: Samples, frame_samples: int = 960) -> Iterator[AudioFrame]:
    """Inbound audio as capture would give it."""
    for at in range(0, len(samples), frame_samples):
        yield AudioFrame(samples[at : at + frame_samples].astype("<i2").tobytes(), first_sample=at)


def spoken(engine: TtsEngine, text: str, *, speed: float = 1.0) -> tuple[Samples, int]:
    """All samples of a text, and their rate."""
    frames = list(engine.synthesize(replace(SynthesisRequest(text), speed=speed)))
    pcm = b"".join(frame.pcm for frame in frames)
    return np.frombuffer(pcm, dtype="<i2"), frames[0].rate_hz


def sound_without_words(name: str, seconds: float) -> Samples:
    """One of SOUNDS_WITHOUT_WORDS at 16 kHz."""
    count = int(seconds * INBOUND_RATE_HZ)
    time_s = np.arange(count) / INBOUND_RATE_HZ
    match name:
        case "hum":
            sound = 0.1 * np.sin(2 * np.pi * 50 * time_s)
        case "noise":
            sound = np.random.default_rng(1).normal(0, 0.03, count)
        case "beep":
            sound = np.where(time_s < 0.3, 0.3 * np.sin(2 * np.pi * 1000 * time_s), 0)
        case "click":
            sound = np.where(np.arange(count) == count // 2, 0.9, 0)
        case "nothing":
            sound = np.zeros(0)
        case "one sample":
            sound = np.full(1, 0.5)
        case _:
            sound = np.zeros(count)
    return (np.clip(sound, -1, 1) * 32767).astype(np.int16)


def words_of(text: str) -> list[str]:
    """Lower case, no punctuation but apostrophes."""
    return re.findall(r"\w+(?:'\w+)*", text.lower())


def share_of_words(said: str, heard: str) -> float:
    """Share of the words said that were heard, in their order."""
    wanted, got = words_of(said), words_of(heard)
    row = [0] * (len(got) + 1)
    for word in wanted:
        above = row
        row = [0]
        for at, other in enumerate(got):
            row.append(above[at] + 1 if word == other else max(above[at + 1], row[at]))
    return row[-1] / max(1, len(wanted))


def _final(engine: SttEngine, samples: Samples, frame_samples: int = 960) -> Transcript:
    return list(engine.transcribe(frames_of(samples, frame_samples), None))[-1]


def _text(engine: SttEngine, samples: Samples, frame_samples: int = 960) -> str:
    return _final(engine, samples, frame_samples).text


def _close(answers: Iterator[object]) -> None:
    """What the daemon does to a generator that nobody wants any more."""
    close = getattr(answers, "close", None)
    assert close is not None, "an engine's answer has to be a generator, so that it can be closed"
    close()
