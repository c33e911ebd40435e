"""The wake engines keep their contract, hear real people, and tell where a word ended."""

import json
import shutil
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from auricle.api import INBOUND_RATE_HZ, EngineUnavailable, PluginContext, WakeEngine, WakeWordChoice
from auricle.pipeline.endpoint import EndpointRule, Segmenter, Verdict
from auricle.testing.wake_contracts import MakeWakeEngine, Samples, WakeContract, is_heard, scores_of
from auricle_microwakeword import MicroWakeWord, MicroWakeWordConfig
from auricle_microwakeword.engine import Engine as MicroEngine
from auricle_openwakeword import OpenWakeWord, OpenWakeWordConfig
from auricle_openwakeword.engine import Engine as OpenEngine
from auricle_openwakeword.runtimes import choose
from auricle_silero_vad import SileroVadConfig
from auricle_silero_vad.engine import Engine as Vad
from support.recordings import load_all, silence
from support.voice import Read, Speak

pytestmark = pytest.mark.models

RUNTIMES = ["pyopen", *(["openwakeword"] if find_spec("openwakeword") else [])]


def micro(words: Sequence[WakeWordChoice]) -> WakeEngine:
    return MicroEngine(MicroWakeWordConfig(), words)


def opened(runtime: str) -> MakeWakeEngine:
    def make(words: Sequence[WakeWordChoice]) -> WakeEngine:
        return OpenEngine(OpenWakeWordConfig(runtime=runtime), words)

    return make


def loaded(make: MakeWakeEngine, word: str) -> WakeEngine:
    engine = make([WakeWordChoice(word)])
    engine.load()
    return engine


def quiet_around(samples: Samples, seconds: float = 0.5) -> Samples:
    return np.concatenate([silence(seconds), samples, silence(seconds)])


@pytest.fixture
def word() -> str:
    return "hey_jarvis"


@pytest.fixture
def spoken(speak: Speak) -> Samples:
    return quiet_around(speak("Hey Jarvis."))


class TestMicroWakeWord(WakeContract):
    @pytest.fixture
    def make_engine(self) -> MakeWakeEngine:
        return micro

    @pytest.fixture
    def model_file(self, tmp_path: Path) -> Path:
        return own_micro_model(tmp_path)


class TestOpenWakeWord(WakeContract):
    @pytest.fixture(params=RUNTIMES)
    def runtime(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture
    def make_engine(self, runtime: str) -> MakeWakeEngine:
        return opened(runtime)

    @pytest.fixture
    def model_file(self, runtime: str, tmp_path: Path) -> Path:
        carried = choose("hey_jarvis", "pyopen" if runtime == "pyopen" else "openwakeword").path
        return Path(shutil.copy(carried, tmp_path / f"computer{carried.suffix}"))


def own_micro_model(folder: Path) -> Path:
    """A model under a name of its own: its network, and the manifest beside it."""
    models = Path(str(find_spec("pymicro_wakeword").submodule_search_locations[0])) / "models"
    manifest = json.loads((models / "hey_jarvis.json").read_text())
    (folder / "computer.json").write_text(json.dumps(manifest | {"model": "computer.tflite"}))
    return Path(shutil.copy(models / "hey_jarvis.tflite", folder / "computer.tflite"))


def test_plugins_bring_their_engines() -> None:
    (first,) = MicroWakeWord(PluginContext("microwakeword"), MicroWakeWord.Config()).auricle_engines()
    (second,) = OpenWakeWord(PluginContext("openwakeword"), OpenWakeWord.Config()).auricle_engines()
    assert (first.name, first.kind, first.target) == ("microwakeword", "wake", "auricle_microwakeword.engine:Engine")
    assert (second.name, second.kind, second.target) == ("openwakeword", "wake", "auricle_openwakeword.engine:Engine")


def test_manifest_is_a_model_too(tmp_path: Path, spoken: Samples) -> None:
    engine = loaded(micro, str(own_micro_model(tmp_path).with_suffix(".json")))
    scores = scores_of(engine, spoken)
    assert is_heard(scores)
    assert {(score.wake_word, score.threshold) for score in scores} == {("computer", 0.97)}


@pytest.mark.parametrize(
    ("manifest", "told"),
    [
        ("{", "computer.json"),
        ("[]", "computer.json"),
        ('{"model": "computer.tflite"}', "micro"),
        ('{"model": "x.tflite", "micro": {"probability_cutoff": 0.9, "sliding_window_size": 5}}', "x.tflite"),
        ('{"model": "computer.tflite", "micro": {"probability_cutoff": 7, "sliding_window_size": 5}}', "cutoff"),
        ('{"model": "computer.tflite", "micro": {"probability_cutoff": 0.9, "sliding_window_size": 0}}', "window"),
    ],
)
def test_broken_manifest_is_told(tmp_path: Path, manifest: str, told: str) -> None:
    own_micro_model(tmp_path).with_suffix(".json").write_text(manifest)
    with pytest.raises(EngineUnavailable, match=told):
        loaded(micro, str(tmp_path / "computer.json"))


def test_network_of_the_other_engine_is_refused(tmp_path: Path) -> None:
    of_micro = own_micro_model(tmp_path)
    with pytest.raises(EngineUnavailable, match='engine = "microwakeword"'):
        loaded(opened("pyopen"), str(of_micro))
    shutil.copy(choose("alexa", "pyopen").path, of_micro)
    with pytest.raises(EngineUnavailable, match='engine = "openwakeword"'):
        loaded(micro, str(of_micro))


def test_file_for_the_runtime_that_is_not_chosen_is_refused(tmp_path: Path) -> None:
    (tmp_path / "word.onnx").write_bytes(b"")
    with pytest.raises(EngineUnavailable, match="runtime"):
        loaded(opened("pyopen"), str(tmp_path / "word.onnx"))


@pytest.mark.data
@pytest.mark.parametrize("quiet_s", [0.5, 2.0])
def test_real_people_wake_the_default_engine_and_other_words_do_not(recordings: Path, quiet_s: float) -> None:
    engine = loaded(micro, "alexa")
    assert heard_in_a_row(engine, load_all(recordings / "wake" / "alexa"), quiet_s).count(False) <= 1
    engine.reset()
    assert heard_in_a_row(engine, load_all(recordings / "wake" / "other"), quiet_s).count(True) == 0


@pytest.mark.data
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_real_people_wake_openwakeword_and_other_words_do_not(recordings: Path, runtime: str) -> None:
    engine = loaded(opened(runtime), "alexa")
    assert heard_in_a_row(engine, load_all(recordings / "wake" / "alexa"), 0.5).count(False) <= 3
    engine.reset()
    assert heard_in_a_row(engine, load_all(recordings / "wake" / "other")[::3], 0.5).count(True) == 0


@pytest.mark.data
def test_ordering_coffee_wakes_nobody(recordings: Path) -> None:
    engine = micro([WakeWordChoice(word) for word in ("hey_jarvis", "alexa", "okay_nabu")])
    engine.load()
    assert heard_in_a_row(engine, load_all(recordings / "commands")[::2], 0.3).count(True) == 0


@pytest.mark.data
def test_what_is_left_of_the_wake_word_is_no_command(recordings: Path) -> None:
    engine, vad = loaded(micro, "alexa"), Vad(SileroVadConfig())
    vad.load()
    verdicts = []
    for clip in load_all(recordings / "wake" / "alexa"):
        samples = quiet_around(clip, 1.5)
        if (ended := first_hit(engine, samples)) is not None:
            verdicts.append(endpointed(vad, samples, ended))
    assert len(verdicts) >= 55
    assert verdicts.count(Verdict.NOTHING) >= len(verdicts) - 1


@pytest.mark.parametrize("command", ["what time is it", "turn on the kitchen light", "volume up please", "stop"])
def test_command_said_in_one_breath_is_whole(speak: Speak, read: Read, command: str) -> None:
    samples = quiet_around(speak(f"Hey Jarvis, {command}."), 1.0)
    ended = first_hit(loaded(micro, "hey_jarvis"), samples)
    assert ended is not None
    assert f" {command}" in " " + plain(read(samples[ended:], INBOUND_RATE_HZ))


def heard_in_a_row(engine: WakeEngine, clips: Sequence[Samples], quiet_s: float) -> list[bool]:
    """Whether each clip was heard, when they follow one another in one stream."""
    at = 0
    found = []
    for clip in [silence(1.0), *clips]:
        samples = np.concatenate([clip, silence(quiet_s)])
        found.append(is_heard(scores_of(engine, samples, first_sample=at)))
        at += len(samples)
    return found[1:]


def first_hit(engine: WakeEngine, samples: Samples) -> int | None:
    engine.reset()
    scores = scores_of(engine, samples)
    return next((score.sample for score in scores if score.score >= score.threshold), None)


def endpointed(vad: Vad, samples: Samples, first_sample: int) -> Verdict:
    """What the endpointer makes of the sound after a wake word."""
    vad.reset()
    segmenter = Segmenter(EndpointRule(), first_sample, after_word=True)
    for at in range(first_sample, len(samples) - vad.window_samples, vad.window_samples):
        segmenter.push(vad.window_samples, vad.probability(samples[at : at + vad.window_samples].tobytes()))
    return segmenter.finish()


def plain(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum() or letter == " ").strip()
