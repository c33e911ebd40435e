"""The embedded Whisper on real speech: short context, gate, windows, and what is said when it cannot load."""

import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest

from auricle.api import AudioFrame, EngineError, EngineUnavailable, PluginContext
from auricle.testing.contracts import frames_of, share_of_words, words_of
from auricle_faster_whisper import FasterWhisper, FasterWhisperConfig
from auricle_faster_whisper.engine import FasterWhisperEngine, model_folder
from auricle_whisper_core import LONGEST, Decoded, LogMel, Verdict, context_of, hopeless, judge, windows
from auricle_whisper_core.judge import compression, loop_words
from support.voice import Samples, Speak

COMMANDS = Path(__file__).parents[3] / "shared" / "data" / "commands"
SURE = {
    "128282e4-c60d-4550-9c47-89cb6654a8aa.flac": "brew a coffee with some skim milk",
    "16f23e83-0947-41c9-b509-486cf81e43d8.flac": "give me a light roast double shot mocha with sugar",
    "1aa31732-038f-4a5d-9778-11ab445769b2.flac": "make me an 8 ounce coffee",
    "234164af-fa20-488c-8041-e86e644bbbe8.flac": "i want a single shot latte",
    "273ecb20-8c0a-4242-9678-b622ae2da7b1.flac": "can i have a single shot coffee with a bit of sugar and milk",
}
"""Recordings of people whose words the model gets right, all but at most one."""


def recording(path: Path) -> Samples:
    """A command as the endpointer would cut it: some of the quiet around the speech is left."""
    import soundfile

    samples = soundfile.read(path, dtype="int16")[0]
    steps = samples[: len(samples) // 800 * 800].reshape(-1, 800).astype(np.float64)
    power = (steps**2).mean(axis=1)
    loud = np.flatnonzero(power > power.max() / 600)
    return samples[max(0, (int(loud[0]) - 6) * 800) : (int(loud[-1]) + 12) * 800]


def heard(engine: FasterWhisperEngine, samples: Samples) -> str:
    return " ".join(words_of(list(engine.transcribe(frames_of(samples), "en"))[-1].text))


def decoded(text: str = "turn on the light", **changes: object) -> Decoded:
    fields = {"text": text, "logprob": -0.2, "no_speech": 0.02, "tokens": 6, "cut": False} | changes
    return Decoded(**fields)


@pytest.fixture(scope="module")
def whole_context() -> Iterator[FasterWhisperEngine]:
    engine = FasterWhisperEngine(FasterWhisperConfig(short_context=False))
    engine.load()
    yield engine
    engine.close()


@pytest.mark.data
@pytest.mark.models
@pytest.mark.skipif(not COMMANDS.is_dir(), reason="the shared human recordings are not here")
class TestRealSpeech:
    def test_clear_commands_come_out_right(self, whisper_engine: FasterWhisperEngine) -> None:
        texts = {name: heard(whisper_engine, recording(COMMANDS / name)) for name in SURE}
        assert sum(share_of_words(SURE[name], text) for name, text in texts.items()) >= len(SURE) - 0.5, texts

    def test_short_context_mostly_hears_what_the_whole_hears(
        self, whisper_engine: FasterWhisperEngine, whole_context: FasterWhisperEngine
    ) -> None:
        pairs = []
        for path in sorted(COMMANDS.glob("*.flac"))[:20]:
            samples = recording(path)
            pairs.append((heard(whole_context, samples), heard(whisper_engine, samples)))
        assert sum(share_of_words(*pair) for pair in pairs) / len(pairs) >= 0.9, pairs
        assert sum(whole == short for whole, short in pairs) >= 12, pairs

    def test_a_command_that_begins_and_ends_at_once_is_heard(self, whisper_engine: FasterWhisperEngine) -> None:
        name = "234164af-fa20-488c-8041-e86e644bbbe8.flac"
        samples = recording(COMMANDS / name)
        assert share_of_words(SURE[name], heard(whisper_engine, samples[4_800:-8_000])) >= 0.8


@pytest.mark.models
class TestEngine:
    def test_confidence_is_higher_for_clear_speech(self, whisper_engine: FasterWhisperEngine, speak: Speak) -> None:
        clear = speak("Turn on the light in the kitchen.")
        noisy = clear + np.random.default_rng(2).normal(0, 2_500, len(clear)).astype(np.int16)
        sure, unsure = (list(whisper_engine.transcribe(frames_of(samples), "en"))[-1] for samples in (clear, noisy))
        assert sure.language == "en"
        assert sure.confidence is not None
        assert sure.confidence > 0.7
        assert unsure.text == "" or (unsure.confidence or 0) < sure.confidence

    def test_a_tenth_of_a_second_of_speech_is_no_words(self, whisper_engine: FasterWhisperEngine, speak: Speak) -> None:
        samples = speak("Turn on the light in the kitchen.")
        assert heard(whisper_engine, samples[3_000:4_600]) == ""

    def test_noise_between_words_adds_none(self, whisper_engine: FasterWhisperEngine, speak: Speak) -> None:
        samples = np.concatenate([np.zeros(16_000, np.int16), speak("Stop the music."), np.zeros(32_000, np.int16)])
        noisy = samples + np.random.default_rng(3).normal(0, 60, len(samples)).astype(np.int16)
        assert heard(whisper_engine, noisy) == "stop the music"

    def test_long_sound_gives_its_windows_as_partials(self, whisper_engine: FasterWhisperEngine, speak: Speak) -> None:
        said = ("Turn on the light in the kitchen.", "What is the weather like in London today?")
        quiet = np.zeros(20 * 16_000, np.int16)
        samples = np.concatenate([speak(said[0]), quiet, speak(said[1]), quiet, speak(said[0])])
        transcripts = list(whisper_engine.transcribe(frames_of(samples), None))
        assert [one.final for one in transcripts][-1] is True
        assert len(transcripts) == 3
        assert all(later.text.startswith(one.text) for one, later in itertools.pairwise(transcripts))
        assert share_of_words(" ".join([*said, said[0]]), transcripts[-1].text) >= 0.8

    def test_a_region_of_english_is_english(self, whisper_engine: FasterWhisperEngine, speak: Speak) -> None:
        [final] = whisper_engine.transcribe(frames_of(speak("Stop the music.")), "en-GB")
        assert words_of(final.text) == ["stop", "the", "music"]

    def test_another_language_names_the_key(self, whisper_engine: FasterWhisperEngine) -> None:
        with pytest.raises(EngineError, match=r"\[stt\] model"):
            list(whisper_engine.transcribe(iter([]), "de"))

    def test_another_rate_is_refused(self, whisper_engine: FasterWhisperEngine) -> None:
        with pytest.raises(EngineError, match="8000 Hz"):
            list(whisper_engine.transcribe(iter([AudioFrame(bytes(320), rate_hz=8_000)]), None))

    def test_features_are_those_of_faster_whisper(self, speak: Speak) -> None:
        from faster_whisper.feature_extractor import FeatureExtractor

        samples = speak("Stop the music.").astype(np.float32) / 32768
        theirs = FeatureExtractor()(samples, padding=0)
        ours = LogMel(80)(samples)
        assert ours.shape[1] == len(samples) // 160
        assert np.abs(ours - theirs[:, : ours.shape[1]]).max() < 1e-4


class TestLoading:
    def test_the_embedded_model_is_found_under_both_its_names(self) -> None:
        assert model_folder("") == model_folder("tiny.en")

    @pytest.mark.parametrize("model", ["large-v3", "/nowhere/at/all"])
    def test_a_missing_model_is_named(self, model: str) -> None:
        with pytest.raises(EngineUnavailable, match=rf"{model}.*model\.bin.*tiny\.en"):
            FasterWhisperEngine(FasterWhisperConfig(model=model)).load()

    def test_a_broken_model_is_named(self, tmp_path: Path) -> None:
        for name in ("model.bin", "config.json", "tokenizer.json"):
            (tmp_path / name).write_text("{}")
        with pytest.raises(EngineUnavailable, match=str(tmp_path)):
            FasterWhisperEngine(FasterWhisperConfig(model=str(tmp_path))).load()

    def test_an_unknown_compute_type_is_named(self) -> None:
        with pytest.raises(EngineUnavailable, match="int3"):
            FasterWhisperEngine(FasterWhisperConfig(compute_type="int3")).load()

    def test_the_plugin_gives_its_engine(self) -> None:
        [spec] = FasterWhisper(PluginContext("faster_whisper"), FasterWhisper.Config()).auricle_engines()
        assert (spec.name, spec.kind, spec.config) == ("faster_whisper", "stt", FasterWhisperConfig)
        assert spec.target == f"{FasterWhisperEngine.__module__}:{FasterWhisperEngine.__name__}"

    def test_every_key_is_described(self) -> None:
        schema = json.dumps(msgspec.json.schema(FasterWhisperConfig))
        assert schema.count("description") >= len(FasterWhisperConfig.__struct_fields__)


class TestContext:
    @pytest.mark.parametrize(("seconds", "positions"), [(0.1, 768), (3, 768), (10, 832), (15, 1088), (28, 1500)])
    def test_context_follows_length(self, seconds: float, positions: int) -> None:
        assert context_of(seconds) == positions


class TestWindows:
    def cut(self, samples: Samples) -> Sequence[np.ndarray]:
        return list(windows(frames_of(samples, 4_000)))

    def test_a_command_is_one_window(self) -> None:
        assert [len(window) for window in self.cut(np.ones(48_000, np.int16))] == [48_000]

    def test_long_sound_is_cut_where_it_is_quiet_and_nothing_is_lost(self) -> None:
        samples = np.random.default_rng(0).integers(-9_000, 9_000, 70 * 16_000).astype(np.int16)
        samples[22 * 16_000 : 23 * 16_000] = 0
        parts = self.cut(samples)
        assert all(len(part) <= LONGEST for part in parts)
        assert 22 * 16_000 <= len(parts[0]) <= 23 * 16_000
        assert np.array_equal(np.concatenate(parts), samples.astype(np.float32) / 32768)

    def test_a_long_pause_ends_a_window(self) -> None:
        speech, pause = np.full(32_000, 5_000, np.int16), np.full(64_000, 5, np.int16)
        parts = self.cut(np.concatenate([speech, pause, speech]))
        assert [len(part) for part in parts] == [32_000 + 48_000, 16_000 + 32_000]

    def test_half_a_sample_at_the_end_is_left_out(self) -> None:
        [window] = windows([AudioFrame(b"\x01\x00\x02")])
        assert len(window) == 1

    def test_no_sound_is_no_window(self) -> None:
        assert list(windows([])) == []


class TestJudge:
    def test_plain_speech_is_kept(self) -> None:
        assert judge(decoded()) is Verdict.KEEP

    @pytest.mark.parametrize("no_speech", [0.61, 0.99])
    def test_no_speech_alone_drops_sure_words(self, no_speech: float) -> None:
        assert judge(decoded(no_speech=no_speech, logprob=-0.1)) is Verdict.DROP

    def test_a_phantom_is_dropped_only_when_speech_is_doubtful(self) -> None:
        assert judge(decoded(" Thank you.", no_speech=0.35)) is Verdict.DROP
        assert judge(decoded(" Thank you.", no_speech=0.1)) is Verdict.KEEP
        assert judge(decoded("stop", no_speech=0.35)) is Verdict.KEEP

    @pytest.mark.parametrize(
        "poor", [{"logprob": -0.8}, {"cut": True}, {"text": "go go go"}, {"text": "on and off " * 9}]
    )
    def test_a_poor_decode_is_made_again(self, poor: dict[str, object]) -> None:
        assert judge(decoded(**poor)) is Verdict.AGAIN

    def test_no_words_are_dropped(self) -> None:
        assert judge(decoded(" ... ")) is Verdict.DROP

    def test_a_loop_is_hopeless_and_a_short_insistence_is_not(self) -> None:
        assert hopeless(decoded("turn on the the the the the the the the the light"))
        assert not hopeless(decoded("no no no stop"))

    @pytest.mark.parametrize(
        ("text", "looped"),
        [("a b c d", 0), ("a a b", 0), ("a a a b", 3), ("x a b a b a b y", 6), ("a b a b", 0), ("", 0)],
    )
    def test_loops_are_counted(self, text: str, looped: int) -> None:
        assert loop_words(text.split()) == looped

    def test_repetition_compresses(self) -> None:
        assert compression("on and off " * 9) > 2.4 > compression("make me a latte with milk and some brown sugar")
        assert compression("") == 0
