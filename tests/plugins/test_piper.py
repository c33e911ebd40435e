"""Piper with its real voice: what is said, where it is cut, which voice speaks, what an operator is told."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from auricle.api import BadRequest, EngineUnavailable, PluginContext, SynthesisRequest
from auricle.testing.contracts import share_of_words, spoken
from auricle_piper import Piper, PiperConfig
from auricle_piper.engine import FIRST_PIECE, LOADED_VOICES, LONGEST_PIECE, PiperEngine, pieces
from auricle_piper.trimming import trim
from auricle_piper.voices import find_voices, pick
from auricle_piper.wording import speakable
from support.voice import Read

JOE = "en_US-joe-medium"


def add_voice(folder: Path, name: str, language: str) -> None:
    """A voice that sounds like joe and says that it speaks another language."""
    joe = find_voices(None)[0]
    (folder / f"{name}.onnx").symlink_to(joe.model)
    described = json.loads(joe.description_file.read_text())
    described["espeak"]["voice"] = language
    (folder / f"{name}.onnx.json").write_text(json.dumps(described))


@pytest.fixture(scope="module")
def voices_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("voices")
    add_voice(folder, "de_DE-anna-low", "de")
    add_voice(folder, "fr_FR-luc-low", "fr")
    (folder / "alone.onnx").write_bytes(b"without a description")
    return folder


@pytest.fixture(scope="module")
def polyglot(voices_dir: Path) -> Iterator[PiperEngine]:
    engine = PiperEngine(PiperConfig(voices_dir=str(voices_dir)))
    engine.load()
    yield engine
    engine.close()


@pytest.mark.models
class TestSpeech:
    @pytest.mark.parametrize(
        "text",
        [
            "The kitchen light is on and the living room light is off; the front door is locked.",
            "Stop.",
            "Good morning! It is a quarter past seven, and the sun is shining.",
            "Six sharp fish.",
        ],
    )
    def test_no_word_is_cut_at_ends_and_joins(self, piper_engine: PiperEngine, read: Read, text: str) -> None:
        assert share_of_words(text, read(*spoken(piper_engine, text))) >= 0.66

    def test_sentences_are_frames_of_their_own(self, piper_engine: PiperEngine) -> None:
        assert len(list(piper_engine.synthesize(SynthesisRequest("It is on. It is off. It is late.")))) == 3

    def test_a_title_does_not_end_a_sentence(self, piper_engine: PiperEngine) -> None:
        assert len(list(piper_engine.synthesize(SynthesisRequest("Good day, Mr. Smith.")))) == 1

    def test_speech_begins_and_ends_without_a_wait(self, piper_engine: PiperEngine) -> None:
        samples, rate_hz = spoken(piper_engine, "It is ten past three.")
        loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > 300)
        assert loud[0] < 0.06 * rate_hz
        assert len(samples) - loud[-1] < 0.12 * rate_hz

    def test_there_is_a_pause_between_sentences(self, piper_engine: PiperEngine) -> None:
        first, second = piper_engine.synthesize(SynthesisRequest("It is on. It is off."))
        quiet = np.frombuffer(second.pcm, dtype="<i2")[: int(0.25 * first.rate_hz)]
        assert not quiet.any()

    def test_text_in_double_brackets_is_read_as_text(self, piper_engine: PiperEngine, read: Read) -> None:
        assert "kitchen" in read(*spoken(piper_engine, "Go to the [[kitchen]] now."))

    def test_noise_options_are_taken(self, piper_engine: PiperEngine) -> None:
        flat = SynthesisRequest("It is late.", options={"noise_scale": 0, "noise_w": 0})
        one, two = ([frame.pcm for frame in piper_engine.synthesize(flat)] for _ in range(2))
        assert one == two

    @pytest.mark.parametrize("value", [-1, 3, float("nan"), True, "0.5", None])
    def test_a_wrong_option_is_named(self, piper_engine: PiperEngine, value: object) -> None:
        with pytest.raises(BadRequest) as refused:
            list(piper_engine.synthesize(SynthesisRequest("Yes.", options={"noise_w": value})))
        assert refused.value.field == "noise_w"

    def test_normalized_speech_reaches_full_scale(self) -> None:
        engine = PiperEngine(PiperConfig(normalize=True))
        engine.load()
        samples, _ = spoken(engine, "It is late.")
        engine.close()
        assert np.abs(samples.astype(np.int32)).max() >= 32_000


@pytest.mark.models
class TestVoices:
    def test_the_default_comes_first_and_a_model_without_description_is_none(self, polyglot: PiperEngine) -> None:
        assert [(voice.name, voice.language) for voice in polyglot.voices()] == [
            (JOE, "en"),
            ("de_DE-anna-low", "de"),
            ("fr_FR-luc-low", "fr"),
        ]

    def test_a_voice_is_known_by_its_short_name(self, polyglot: PiperEngine) -> None:
        assert next(iter(polyglot.synthesize(SynthesisRequest("Ja.", voice="anna")))).rate_hz == 22_050

    def test_a_language_finds_its_voice(self, polyglot: PiperEngine) -> None:
        asked = {tag: polyglot._asked_for(SynthesisRequest("x", language=tag)).name for tag in ("fr", "de-AT", "en_GB")}
        assert asked == {"fr": "fr_FR-luc-low", "de-AT": "de_DE-anna-low", "en_GB": JOE}

    def test_a_language_that_none_speaks_is_left_to_the_default(self, polyglot: PiperEngine) -> None:
        assert polyglot._asked_for(SynthesisRequest("x", language="fi")).name == JOE

    def test_only_so_many_voices_stay_in_memory(self, polyglot: PiperEngine) -> None:
        for name in ("anna", "luc", "anna"):
            list(polyglot.synthesize(SynthesisRequest("Ja.", voice=name)))
        assert len(polyglot._loaded) == LOADED_VOICES
        assert JOE in polyglot._loaded

    def test_the_path_of_a_known_voice_is_no_name_in_a_request(self, polyglot: PiperEngine, voices_dir: Path) -> None:
        with pytest.raises(BadRequest):
            list(polyglot.synthesize(SynthesisRequest("Ja.", voice=str(voices_dir / "de_DE-anna-low.onnx"))))

    @pytest.mark.parametrize("name", ["anna", "de_DE-anna-low", "{dir}/de_DE-anna-low.onnx"])
    def test_the_configuration_names_the_default(self, voices_dir: Path, name: str) -> None:
        engine = PiperEngine(PiperConfig(voices_dir=str(voices_dir), voice=name.format(dir=voices_dir)))
        engine.load()
        assert engine.voices()[0].name == "de_DE-anna-low"
        engine.close()

    def test_a_short_name_of_two_voices_is_none(self, tmp_path: Path) -> None:
        for name in ("de_DE-anna-low", "de_DE-anna-high"):
            add_voice(tmp_path, name, "de")
        voices = find_voices(str(tmp_path))
        assert pick(voices, "anna") is None
        assert pick(voices, "de_DE-anna-high") == voices[1]


class TestLoading:
    def test_an_unknown_voice_is_named_with_what_there_is(self) -> None:
        with pytest.raises(EngineUnavailable, match=rf"\[tts\] voice 'nobody'.*{JOE}"):
            PiperEngine(PiperConfig(voice="nobody")).load()

    def test_a_missing_folder_is_named(self) -> None:
        with pytest.raises(EngineUnavailable, match=r"voices_dir '/nowhere/at/all'"):
            PiperEngine(PiperConfig(voices_dir="/nowhere/at/all")).load()

    def test_a_broken_voice_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "torn.onnx").write_bytes(b"\x08\x07torn")
        shutil.copy(find_voices(None)[0].description_file, tmp_path / "torn.onnx.json")
        with pytest.raises(EngineUnavailable, match=r"torn\.onnx"):
            PiperEngine(PiperConfig(voices_dir=str(tmp_path), voice="torn")).load()

    def test_the_plugin_gives_its_engine(self) -> None:
        [spec] = Piper(PluginContext("piper"), Piper.Config()).auricle_engines()
        assert (spec.name, spec.kind, spec.config) == ("piper", "tts", PiperConfig)
        assert spec.target == f"{PiperEngine.__module__}:{PiperEngine.__name__}"

    @pytest.mark.parametrize("noise", [-0.1, 2.1])
    def test_noise_out_of_bounds_is_refused(self, noise: float) -> None:
        with pytest.raises(msgspec.ValidationError, match=r"noise_w"):
            msgspec.convert({"noise_w": noise}, PiperConfig, strict=True)

    def test_every_key_is_described(self) -> None:
        schema = json.dumps(msgspec.json.schema(PiperConfig))
        assert schema.count("description") >= len(PiperConfig.__struct_fields__)


class TestPieces:
    def test_a_short_sentence_stays_whole(self) -> None:
        assert list(pieces([list("jˈɛs."), list("nˈoʊ.")])) == [(list("jˈɛs."), True), (list("nˈoʊ."), True)]

    def test_only_the_first_sentence_is_cut_at_a_comma(self) -> None:
        sentence = list("a" * FIRST_PIECE + ", " + "b" * 40 + ".")
        cut = [("".join(phonemes), ends) for phonemes, ends in pieces([sentence, sentence])]
        assert cut == [
            ("a" * FIRST_PIECE + ",", False),
            (" " + "b" * 40 + ".", True),
            ("".join(sentence), True),
        ]

    def test_a_comma_close_to_the_end_does_not_cut(self) -> None:
        sentence = list("a" * FIRST_PIECE + ", yes.")
        assert list(pieces([sentence])) == [(sentence, True)]

    @pytest.mark.parametrize("between", ["", " ", ", "])
    def test_a_sentence_without_end_is_cut_and_whole(self, between: str) -> None:
        sentence = list(between.join(["abcdefghij"] * 200))
        cut = list(pieces([["x"], sentence]))[1:]
        assert [phoneme for piece, _ in cut for phoneme in piece] == sentence
        assert max(len(piece) for piece, _ in cut) <= LONGEST_PIECE
        assert [ends for _, ends in cut] == [False] * (len(cut) - 1) + [True]


class TestWording:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("It is 21 °C.", "It is 21 °C."),
            ("one\x00two\nthree", "one two three"),
            ("well done 👍🏽!", "well done !"),
            ("I ❤️ it", "I it"),
            ("so\u00adft\u200b", "soft"),
            ("\ud83d hi", "hi"),
            ("[[[a]]", "[ [ [a]]"),
            ("Dr. No met Mrs. Yes. Mr.", "Dr No met Mrs Yes. Mr."),
            ("naïve café, 你好", "naïve café, 你好"),
            (" .,!? ", ""),
        ],
    )
    def test_text_is_made_fit(self, text: str, said: str) -> None:
        assert speakable(text) == said


class TestTrimming:
    def test_quiet_ends_are_cut_to_measure(self) -> None:
        samples = np.zeros(10_000, np.float32)
        samples[4_000:6_000] = 0.1
        kept = trim(samples, 10_000, lead_s=0.02, tail_s=0.05)
        assert len(kept) == 200 + 2_000 + 500
        assert not kept[:200].any()
        assert kept[200:2_200].all()

    def test_silence_is_nothing(self) -> None:
        assert len(trim(np.zeros(1_001, np.float32), 10_000)) == 0

    def test_sound_to_the_very_ends_is_kept(self) -> None:
        assert len(trim(np.full(1_003, 0.1, np.float32), 10_000)) == 1_003
