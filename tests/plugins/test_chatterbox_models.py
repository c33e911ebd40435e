"""Chatterbox: its models, tiny ones, in the environment of their own."""

import math
import re
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest

from auricle import settings
from auricle.api import BadRequest, EngineUnavailable, SynthesisRequest
from auricle.engines.fleet import Fleet
from auricle.engines.proxy import WyomingTts
from auricle_chatterbox import ChatterboxConfig
from support.tiny_chatterbox import TinyChatterbox, spec
from support.voice_clips import RATE_HZ, voice_like, write


@pytest.fixture
def tiny(tiny_chatterbox: TinyChatterbox) -> TinyChatterbox:
    return tiny_chatterbox


real = [pytest.mark.slow, pytest.mark.models, pytest.mark.timeout(900)]


class TestOnTinyModels:
    """Processes of Chatterbox's own environment, started as the daemon starts them."""

    pytestmark = real

    @pytest.mark.parametrize("model", ["chatterbox", "multilingual", "turbo"])
    async def test_each_model_loads_and_speaks(self, tiny: TinyChatterbox, tmp_path: Path, model: str) -> None:
        worker = tiny.worker(tmp_path, tiny.config(model, seed=3))
        try:
            await worker.start()
            tts = WyomingTts(worker, timeout_s=60)
            assert [voice.name for voice in worker.voices] == ["default"]
            language = "de" if model == "multilingual" else None
            first = await said(tts, SynthesisRequest("The weather is nice.", language=language))
            again = await said(tts, SynthesisRequest("The weather is nice.", language=language))
            other = await said(tts, SynthesisRequest("The weather is nice.", language=language, options={"seed": 4}))
        finally:
            await worker.stop()
        assert 1.0 < len(first) / RATE_HZ < 2.2
        assert 0.003 < np.sqrt(np.mean((first / 32768) ** 2)) < 0.5
        assert np.array_equal(first, again)
        assert not np.array_equal(first, other)

    async def test_odd_requests_end_in_speech_or_one_error_and_the_worker_lives_on(
        self, tiny: TinyChatterbox, tmp_path: Path
    ) -> None:
        worker = tiny.worker(tmp_path, tiny.config())
        try:
            await worker.start()
            pid = worker.figures().pid
            tts = WyomingTts(worker, timeout_s=60)
            odd = {"cfg_weight": 0, "temperature": 0, "min_p": 2, "repetition_penalty": 0, "top_p": 0}
            assert len(await said(tts, SynthesisRequest("It is 3:30 pm.", options=odd))) > RATE_HZ
            for voice in ("../anna", "/etc/passwd", "http://x.y/z.wav", "anna.wav", "\x00"):
                with pytest.raises(BadRequest, match="Chatterbox has no voice"):
                    await said(tts, SynthesisRequest("Hello.", voice=voice))
            with pytest.raises(BadRequest, match="no option 'loudness'"):
                await said(tts, SynthesisRequest("Hello.", options={"loudness": 1}))
            with pytest.raises(BadRequest, match="at most 20000"):
                await said(tts, SynthesisRequest("a" * 20_001))
            async with aclosing(tts.synthesize(SynthesisRequest("word " * 2_000))) as frames:
                assert (await anext(frames)).rate_hz == RATE_HZ
            with pytest.raises(BadRequest, match=r"no number from 0\.5 to 2"):
                await said(tts, SynthesisRequest("Hello.", speed=math.nan))
            assert len(await said(tts, SynthesisRequest("How do you do today?"))) > RATE_HZ
            assert worker.figures().pid == pid
        finally:
            await worker.stop()

    async def test_a_voice_is_prepared_once_and_kept(self, tiny: TinyChatterbox, tmp_path: Path) -> None:
        voices, cache = tmp_path / "voices", tmp_path / "cache"
        voices.mkdir()
        write(voices / "anna.wav", voice_like(6.0))
        write(voices / "short.wav", voice_like(1.0))
        config = tiny.config(voices_dir=str(voices), cache_dir=str(cache), voice="anna", seed=5)
        sounds = []
        for _start in range(2):
            worker = tiny.worker(tmp_path, config)
            try:
                await worker.start()
                tts = WyomingTts(worker, timeout_s=60)
                assert [voice.name for voice in worker.voices] == ["anna", "default"]
                sounds.append(await said(tts, SynthesisRequest("Hello to all of you.")))
                with pytest.raises(BadRequest, match=r"voice short cannot be used: short\.wav is 1\.00 s long"):
                    await said(tts, SynthesisRequest("Hello.", voice="short"))
                own = await said(tts, SynthesisRequest("Hello to all of you.", voice="default"))
            finally:
                await worker.stop()
        [kept] = cache.iterdir()
        assert re.fullmatch(r"anna-[0-9a-f]{24}\.pt", kept.name)
        assert np.array_equal(sounds[0], sounds[1])
        assert not np.array_equal(sounds[0], own)

    async def test_the_fleet_runs_it_in_its_own_environment(self, tiny: TinyChatterbox, tmp_path: Path) -> None:
        config = {"checkpoint": str(tiny.models / "chatterbox"), "device": "cpu", "threads": 1}
        fleet = Fleet(
            {"chatterbox": spec()},
            stt=settings.Stt(),
            tts=settings.Tts(engine="chatterbox"),
            options={"chatterbox": config | {"start_timeout_s": 120}},
            runtime_dir=tmp_path,
            state_dir=tiny.state_dir,
            on_change=print,
            kinds=("tts",),
        )
        try:
            await fleet.start()
            [figures] = fleet.workers()
            assert figures.pid is not None
            program = Path(f"/proc/{figures.pid}/cmdline").read_bytes().split(b"\0")[0].decode()
            assert program == str(tiny.state_dir / "engines" / "chatterbox" / "bin" / "python")
            frames = [frame async for frame in fleet.tts.synthesize(SynthesisRequest("Good morning to you."))]
            assert sum(frame.seconds for frame in frames) > 1.0
        finally:
            await fleet.stop()

    async def test_a_model_that_is_not_there_is_no_engine(
        self, tiny: TinyChatterbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HF_HOME", str(tmp_path))
        worker = tiny.worker(tmp_path, ChatterboxConfig(device="cpu"))
        try:
            with pytest.raises(EngineUnavailable, match="auricle models pull chatterbox"):
                await worker.start()
        finally:
            await worker.stop()

    def test_speech_is_watched_code_by_code(self, tiny: TinyChatterbox, tmp_path: Path) -> None:
        found = tiny.run(tmp_path, WATCHED, str(tiny.models))
        assert found == {
            "ended after": [10, 10],
            "abandoned": True,
            "codes when abandoned": 1,
            "after that": 40,
            "multilingual again": [True, True],
            "analyzer hooks left": 0,
            "out of memory once": 2,
            "wrecked": "EngineWrecked after 1 attempt",
            "out of memory, then well": ["EngineOutOfMemory", 40],
        }

    def test_a_change_of_pitch_leaves_the_watermark(self, tiny: TinyChatterbox, tmp_path: Path) -> None:
        found = tiny.run(tmp_path, MARKED, str(tiny.models))
        assert found == {"at pitch 0 and 4": [True, True], "after a shift alone": False}


MARKED = """
import json, pathlib, sys
import numpy, perth
from auricle.api import SynthesisRequest
from auricle.api.sound import pitch_shifted
from auricle_chatterbox import ChatterboxConfig
from auricle_chatterbox.tiny import TinyChatterbox

engine = TinyChatterbox(ChatterboxConfig(checkpoint=str(pathlib.Path(sys.argv[1]) / "chatterbox"), device="cpu"))
engine.load()
marker = perth.PerthImplicitWatermarker()

def said(pitch):
    frames = engine.synthesize(SynthesisRequest("How do you do?", pitch=pitch, options={"seed": 1}))
    return numpy.frombuffer(b"".join(frame.pcm for frame in frames), "<i2").astype("float32") / 32768

def marked(samples):
    return float(numpy.mean(marker.get_watermark(samples, sample_rate=24000))) > 0.9

found = {"at pitch 0 and 4": [marked(said(0.0)), marked(said(4.0))]}
found["after a shift alone"] = marked(pitch_shifted(said(0.0), 24000, 4.0))
print(json.dumps(found))
"""

WATCHED = """
import json, pathlib, sys
import torch
from auricle_chatterbox import ChatterboxConfig
from auricle_chatterbox.models import Abandoned, Model
from auricle_chatterbox.parameters import settle
from auricle_chatterbox.tiny import shrunk, TinyChatterbox
from auricle.api import EngineError, SynthesisRequest, engine_fault

def load(name):
    with shrunk(name):
        return Model(name, pathlib.Path(sys.argv[1]) / name, "cpu")

def speak(model, name="chatterbox", most=500):
    values = settle(ChatterboxConfig(model=name), {}).values
    return model.speak("How do you do?", model.own_voice, "en", values, seed=1, most_codes=most)

found = {}
model = load("chatterbox")
samples = speak(model, most=10)
found["ended after"] = [len(model.codes), len(samples) // 960]
model.abandon()
try:
    speak(model)
    found["abandoned"] = False
except Abandoned:
    found["abandoned"] = True
found["codes when abandoned"] = len(model.codes) + 1
model.begin()
speak(model)
found["after that"] = len(model.codes)

several = load("multilingual")
lengths = []
for _ in range(3):
    speak(several, "multilingual")
    lengths.append(len(several.codes))
found["multilingual again"] = [length >= 40 for length in lengths[1:]]
found["analyzer hooks left"] = sum(
    "AlignmentStreamAnalyzer" in getattr(hook, "__qualname__", "")
    for module in several._model.t3.tfmr.modules()
    for hook in module._forward_hooks.values()
)

engine = TinyChatterbox(ChatterboxConfig(checkpoint=str(pathlib.Path(sys.argv[1]) / "chatterbox"), device="cpu"))
engine.load()
failures = [2]

def fault(module, arguments, result):
    if failures[0]:
        failures[0] -= 1
        raise torch.OutOfMemoryError("CUDA out of memory (injected)")

spoken = []
speak_one = engine._model.speak

def speak_and_note(text, *arguments, **keywords):
    spoken.append(text)
    return speak_one(text, *arguments, **keywords)

engine._model.speak = speak_and_note
failures[0] = 1
hook = engine._model._model.t3.speech_head.register_forward_hook(fault)
list(engine.synthesize(SynthesisRequest("The weather is nice today.")))
found["out of memory once"] = len(spoken) - 1
hook.remove()

def wreck(module, arguments, result):
    raise RuntimeError("CUDA error: device-side assert triggered")

spoken.clear()
hook = engine._model._model.t3.speech_head.register_forward_hook(wreck)
try:
    list(engine.synthesize(SynthesisRequest("How do you do?")))
except RuntimeError as error:
    found["wrecked"] = f"{type(engine_fault(error)).__name__} after {len(spoken)} attempt"
hook.remove()

failures[0] = 2
engine._model._model.s3gen.flow.register_forward_hook(fault)
hook = engine._model._model.t3.speech_head.register_forward_hook(fault)
try:
    list(engine.synthesize(SynthesisRequest("How do you do?")))
    kind = "none"
except EngineError as error:
    kind = type(error).__name__
hook.remove()
list(engine.synthesize(SynthesisRequest("How do you do?")))
found["out of memory, then well"] = [kind, len(engine._model.codes)]
print(json.dumps(found))
"""


async def said(tts: WyomingTts, request: SynthesisRequest) -> np.ndarray:
    frames = [frame async for frame in tts.synthesize(request)]
    assert {frame.rate_hz for frame in frames} == {RATE_HZ}
    return np.frombuffer(b"".join(frame.pcm for frame in frames), "<i2")
