"""Whisper on transformers: the words of the plain pipeline, faults in the network, several texts at a time."""

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from auricle.api import EngineError
from auricle.testing.contracts import frames_of, share_of_words, words_of
from support.recordings import load_samples
from support.voice import Samples, Speak

torch = pytest.importorskip("torch", reason="torch is installed for Python 3.11 alone")
transformers = pytest.importorskip("transformers")

from auricle_whisper.engine import TransformersWhisper  # noqa: E402
from support.transformers_whisper import engine_of  # noqa: E402

pytestmark = pytest.mark.models
LEAD = np.zeros(8_000, np.float32)
"""What the engine puts before the sound."""


def heard(engine: TransformersWhisper, samples: Samples, language: str | None = "en") -> str:
    return " ".join(words_of(list(engine.transcribe(frames_of(samples), language))[-1].text))


@pytest.fixture(scope="module")
def float32(whisper_checkpoint: Path) -> Iterator[TransformersWhisper]:
    engine = engine_of(whisper_checkpoint, int8=False)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def random_engine(random_checkpoint: Path) -> Iterator[TransformersWhisper]:
    engine = engine_of(random_checkpoint, languages=("de", "en"))
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def commands(recordings: Path) -> list[Samples]:
    return [load_samples(path) for path in sorted((recordings / "commands").glob("*.flac"))[:10]]


@pytest.fixture(scope="module")
def plain(whisper_checkpoint: Path, commands: list[Samples]) -> list[str]:
    """The words of the pipeline as it comes, one beam, for the same sound."""
    pipe = transformers.pipeline(
        "automatic-speech-recognition", model=str(whisper_checkpoint), device="cpu", dtype=torch.float32
    )
    texts = []
    for samples in commands:
        sound = np.concatenate([LEAD, samples.astype(np.float32) / 32768])
        found = pipe({"raw": sound, "sampling_rate": 16_000}, generate_kwargs={"num_beams": 1})
        texts.append(" ".join(words_of(found["text"])))
    return texts


@pytest.mark.data
class TestBesideThePipeline:
    def test_the_whole_context_in_float32_gives_the_words_of_the_pipeline(
        self, whisper_checkpoint: Path, commands: list[Samples], plain: list[str]
    ) -> None:
        engine = engine_of(whisper_checkpoint, int8=False, short_context=False)
        assert [heard(engine, samples) for samples in commands] == plain

    def test_int8_and_short_context_cost_few_words(
        self, transformers_engine: TransformersWhisper, commands: list[Samples], plain: list[str]
    ) -> None:
        pairs = [(theirs, heard(transformers_engine, samples)) for theirs, samples in zip(plain, commands, strict=True)]
        assert sum(share_of_words(*pair) for pair in pairs) / len(pairs) >= 0.85, pairs
        assert sum(theirs == ours for theirs, ours in pairs) >= 4, pairs


class TestEngine:
    def test_confidence_is_higher_for_clear_speech(
        self, transformers_engine: TransformersWhisper, speak: Speak
    ) -> None:
        clear = speak("Turn on the light in the kitchen.")
        noisy = clear + np.random.default_rng(2).normal(0, 2_500, len(clear)).astype(np.int16)
        sure, unsure = (list(transformers_engine.transcribe(frames_of(one), "en"))[-1] for one in (clear, noisy))
        assert sure.language == "en"
        assert sure.confidence is not None
        assert sure.confidence > 0.7
        assert unsure.text == "" or (unsure.confidence or 0) < sure.confidence

    def test_a_tenth_of_a_second_of_speech_is_no_words(
        self, transformers_engine: TransformersWhisper, speak: Speak
    ) -> None:
        assert heard(transformers_engine, speak("Turn on the light in the kitchen.")[3_000:4_600]) == ""

    def test_speech_without_a_pause_for_longer_than_the_context_is_heard(
        self, transformers_engine: TransformersWhisper, speak: Speak
    ) -> None:
        said = (
            "Turn on the light in the kitchen.",
            "What is the weather like in London today?",
            "Please wake me up tomorrow morning at seven.",
            "My brother likes to read the newspaper in the garden.",
            "There were many people on the beach last summer.",
            "The train to the city leaves every hour from this station.",
            "She bought some bread and cheese at the market.",
            "We need a new table for the living room.",
            "The children play football after school with their friends.",
            "Nobody knows how old the house on the hill is.",
            "In winter the lake behind the school is covered with ice.",
            "His grandmother told us a long story about the war.",
            "The doctor said that the medicine should be taken with water.",
            "Stop the music now.",
        )
        samples = np.concatenate([speak(sentence) for sentence in said])
        assert len(samples) > 31 * 16_000, len(samples)
        assert share_of_words(" ".join(said), heard(transformers_engine, samples)) >= 0.8

    def test_several_beams_hear_the_same_clear_words(self, whisper_checkpoint: Path, speak: Speak) -> None:
        engine = engine_of(whisper_checkpoint, beams=3)
        [final] = engine.transcribe(frames_of(speak("Turn on the light in the kitchen.")), None)
        assert words_of(final.text) == words_of("Turn on the light in the kitchen.")
        assert final.confidence is not None
        assert 0.5 < final.confidence <= 1

    def test_partials_grow_into_the_final(
        self, whisper_checkpoint: Path, speak: Speak, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # A busy machine takes longer and would be given fewer of them.
        monkeypatch.setattr("auricle_whisper_core.engine._PARTIAL_COST", 0.0)
        engine = engine_of(whisper_checkpoint, partials=True)
        samples = speak("What is the weather like in London today?")
        *partials, final = engine.transcribe(frames_of(samples), None)
        assert [one.final for one in partials] == [False] * len(partials)
        assert len(partials) >= 1
        texts = [words_of(one.text) for one in (*partials, final)]
        assert all(later[: len(one)] == one for one, later in itertools.pairwise(texts))
        assert " ".join(texts[-1]) == "what is the weather like in london today"

    def test_a_prompt_teaches_a_spelling(self, whisper_checkpoint: Path, speak: Speak) -> None:
        samples = speak("Turn on the light in Caitlin's room.")
        taught = heard(engine_of(whisper_checkpoint, prompt="Katelyn's room"), samples)
        assert "katelyn's" in taught
        assert "katelyn's" not in heard(engine_of(whisper_checkpoint), samples)

    def test_a_long_prompt_leaves_room_for_words_and_silence_is_silence(
        self, whisper_checkpoint: Path, speak: Speak
    ) -> None:
        engine = engine_of(whisper_checkpoint, prompt="lights in the kitchen, music in the hall, " * 40)
        assert share_of_words("stop the music", heard(engine, speak("Stop the music."))) == 1
        hiss = np.random.default_rng(1).normal(0, 300, 32_000).astype(np.int16)
        assert [heard(engine, sound) for sound in (hiss, np.zeros(32_000, np.int16))] == ["", ""]

    def test_another_language_names_the_key(self, transformers_engine: TransformersWhisper) -> None:
        with pytest.raises(EngineError, match=r"\[stt\] model"):
            list(transformers_engine.transcribe(iter([]), "de"))


class TestFaults:
    """Faults in the network, by a hook in it."""

    @pytest.fixture
    def samples(self, speak: Speak) -> Samples:
        return speak("Stop the music.")

    def failing(self, engine: TransformersWhisper, part: str, times: int) -> list[str]:
        """Let a part run out of memory so many times; returns what happened."""
        module = engine.network.model.get_submodule(part)
        calls: list[str] = []

        def run_out(*_: object) -> None:
            calls.append(part)
            if len(calls) >= times:
                hook.remove()
            raise torch.OutOfMemoryError("no memory, by the test")

        hook = module.register_forward_pre_hook(run_out)
        return calls

    @pytest.mark.parametrize("part", ["model.encoder.layers.1", "model.decoder.layers.0.fc1", "proj_out"])
    def test_out_of_memory_once_is_made_good(self, float32: TransformersWhisper, samples: Samples, part: str) -> None:
        calls = self.failing(float32, part, times=1)
        assert heard(float32, samples) == "stop the music"
        assert calls == [part]

    @pytest.mark.parametrize("part", ["model.encoder.layers.1", "model.decoder.layers.0.fc1", "proj_out"])
    def test_out_of_memory_twice_is_an_error_and_the_engine_lives_on(
        self, float32: TransformersWhisper, samples: Samples, part: str
    ) -> None:
        before = float32.decode(samples.astype(np.float32) / 32768, 1_500, "en")
        self.failing(float32, part, times=2)
        with pytest.raises(EngineError, match="out of memory on cpu") as failed:
            heard(float32, samples)
        assert failed.value.code == "out_of_memory"
        assert heard(float32, samples) == "stop the music"
        assert float32.decode(samples.astype(np.float32) / 32768, 1_500, "en") == before

    def test_a_long_piece_that_does_not_fit_is_heard_in_halves(
        self, float32: TransformersWhisper, speak: Speak
    ) -> None:
        texts = ("The kitchen light is on.", "The washing machine has finished.", "It is raining in the garden.")
        quiet = np.zeros(24_000, np.int16)
        samples = np.concatenate([part for text in texts * 2 for part in (speak(text), quiet)])
        assert len(samples) > 11 * 16_000
        contexts: list[int] = []
        encode = float32.network.encode

        def noted(features: torch.Tensor) -> torch.Tensor:
            contexts.append(features.shape[-1] // 2)
            return encode(features)

        float32.network.encode = noted  # type: ignore[method-assign]
        try:
            whole = heard(float32, samples)
            assert len(contexts) == 1
            self.failing(float32, "model.encoder.layers.1", times=1)
            contexts.clear()
            assert heard(float32, samples) == whole
        finally:
            del float32.network.encode
        assert len(contexts) == 3
        assert max(contexts[1:]) < contexts[0]

    @pytest.mark.parametrize("broken", [np.nan, np.inf])
    def test_sound_that_is_no_number_is_an_error(
        self, float32: TransformersWhisper, samples: Samples, broken: float
    ) -> None:
        with pytest.raises(EngineError, match="no number"):
            float32.decode(np.full(16_000, broken, np.float32), 768, "en")
        assert heard(float32, samples) == "stop the music"

    @pytest.mark.parametrize("int8", [True, False])
    def test_weights_that_are_no_number_fail_at_load(self, random_checkpoint: Path, tmp_path: Path, int8: bool) -> None:
        from safetensors.torch import load_file, save_file

        folder = shutil.copytree(random_checkpoint, tmp_path / "broken")
        weights = load_file(folder / "model.safetensors")
        weights["model.decoder.layer_norm.weight"][:] = torch.nan
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(EngineError, match=r"\[engines\.whisper\] .*dtype"):
            engine_of(folder, int8=int8)


class TestMultilingual:
    def test_the_language_is_heard_among_those_allowed(self, random_engine: TransformersWhisper, speak: Speak) -> None:
        assert random_engine.multilingual
        _, spoken = random_engine.decode(speak("Stop the music.").astype(np.float32) / 32768, 768, None)
        assert spoken in ("de", "en")

    def test_a_language_that_the_checkpoint_has_not_is_refused(self, random_engine: TransformersWhisper) -> None:
        with pytest.raises(EngineError, match="'fr'"):
            list(random_engine.transcribe(iter([]), "fr"))

    @pytest.mark.parametrize("keys", [{"beams": 2}, {"dtype": "bfloat16"}, {"prompt": "music"}])
    def test_every_way_to_compute_ends_in_a_final(
        self, random_checkpoint: Path, speak: Speak, keys: dict[str, object]
    ) -> None:
        engine = engine_of(random_checkpoint, **keys)
        [final] = engine.transcribe(frames_of(speak("Stop the music.")), "de")
        assert (final.final, final.language) == (True, "de")


@pytest.fixture(scope="module")
def sounds(commands: list[Samples]) -> list[Samples]:
    """Commands, one of two windows, one without words, one that is silence."""
    long = np.concatenate([commands[0], np.zeros(4 * 16_000, np.int16), commands[1]])
    hiss = np.random.default_rng(1).normal(0, 300, 16_000).astype(np.int16)
    return [*commands[:4], long, hiss, np.zeros(16_000, np.int16)]


@pytest.fixture(scope="module")
def one_by_one(whisper_checkpoint: Path, sounds: list[Samples]) -> list[str]:
    engine = engine_of(whisper_checkpoint, int8=False, short_context=False)
    return [heard(engine, samples) for samples in sounds]


class TestBatch:
    """Several recordings at a time, as on a GPU; here on a CPU."""

    def together(self, engine: TransformersWhisper, sounds: list[Samples]) -> list[str]:
        asked = [(list(frames_of(samples)), "en") for samples in sounds]
        return [" ".join(words_of(found.text)) for found in engine.transcribe_all(asked)]

    @pytest.mark.data
    @pytest.mark.parametrize("batch", [3, 8])
    def test_a_batch_has_the_texts_of_its_parts(
        self, whisper_checkpoint: Path, sounds: list[Samples], one_by_one: list[str], batch: int
    ) -> None:
        engine = engine_of(whisper_checkpoint, int8=False, batch=batch)
        rows: list[int] = []
        hook = engine.network.model.model.encoder.register_forward_pre_hook(lambda _, given: rows.append(len(given[0])))
        assert self.together(engine, sounds) == one_by_one
        hook.remove()
        assert one_by_one[-2:] == ["", ""]
        assert sum(bool(text) for text in one_by_one) == len(sounds) - 2
        windows = len(sounds)  # one has two, one none
        assert rows == [batch] * (windows // batch) + [windows % batch] * bool(windows % batch)

    @pytest.mark.data
    def test_a_batch_that_does_not_fit_is_halved_until_it_does(
        self, whisper_checkpoint: Path, sounds: list[Samples], one_by_one: list[str]
    ) -> None:
        engine = engine_of(whisper_checkpoint, int8=False, batch=4)
        rows: list[int] = []

        def run_out(_module: object, given: tuple[torch.Tensor, ...]) -> None:
            rows.append(len(given[0]))
            if len(given[0]) > 1:
                raise torch.OutOfMemoryError("no memory, by the test")

        hook = engine.network.model.model.encoder.register_forward_pre_hook(run_out)
        assert self.together(engine, sounds[:4]) == one_by_one[:4]
        assert rows == [4, 2, 1, 1, 2, 1, 1]
        hook.remove()
        hook = engine.network.model.model.encoder.register_forward_pre_hook(
            lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError("no memory at all, by the test"))
        )
        with pytest.raises(EngineError, match="out of memory on cpu"):
            self.together(engine, sounds[:2])
        hook.remove()
        assert self.together(engine, sounds[:2]) == one_by_one[:2]

    def test_languages_are_heard_one_by_one_in_a_batch(self, random_checkpoint: Path, speak: Speak) -> None:
        engine = engine_of(random_checkpoint, languages=("de", "en"), batch=4, short_context=False, int8=False)
        sounds = [speak("Turn on the light."), speak("Stop."), speak("What time is it?")]
        asked = [
            (list(frames_of(samples)), language) for samples, language in zip(sounds, (None, "en", None), strict=True)
        ]
        alone = [list(engine.transcribe(iter(frames), language))[-1] for frames, language in asked]
        assert [(one.text, one.language) for one in engine.transcribe_all(asked)] == [
            (one.text, one.language) for one in alone
        ]
        with pytest.raises(EngineError, match="xx"):
            engine.transcribe_all([*asked, (asked[0][0], "xx")])

    def test_a_prompt_stands_before_every_text_of_a_batch(self, whisper_checkpoint: Path, speak: Speak) -> None:
        sounds = [speak("Turn on the light in Caitlin's room."), speak("Stop the music.")]
        plain, taught = (
            self.together(engine_of(whisper_checkpoint, int8=False, batch=2, prompt=prompt), sounds)
            for prompt in ("", "Katelyn's room")
        )
        assert "katelyn's" in taught[0]
        assert "katelyn's" not in plain[0]
        assert plain[1] == taught[1] == "stop the music"

    def test_one_at_a_time_is_usual_on_a_cpu(self, random_checkpoint: Path) -> None:
        assert (engine_of(random_checkpoint).batch, engine_of(random_checkpoint, batch=5).batch) == (1, 5)
