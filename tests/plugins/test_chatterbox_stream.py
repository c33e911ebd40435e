"""Chatterbox in the middle of a sentence: sound that is played while the sentence is still made."""

from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest

from auricle.api import SynthesisRequest
from auricle.engines.client import connected
from auricle.engines.messages import EXTRAS, Synthesize
from auricle.engines.proxy import WyomingTts
from auricle_chatterbox.guard import judge, judge_so_far
from auricle_chatterbox.seam import HELD_S, Seam
from auricle_chatterbox.sound import faded, trimmed
from support.tiny_chatterbox import TinyChatterbox
from support.voice_clips import RATE_HZ, voice_like

SENTENCE = "The weather will be nice today and tomorrow."


@pytest.fixture
def tiny(tiny_chatterbox: TinyChatterbox) -> TinyChatterbox:
    return tiny_chatterbox


def quiet(seconds: float) -> np.ndarray:
    return np.zeros(int(seconds * RATE_HZ), np.float32)


def renders(whole: np.ndarray, *seconds: float) -> list[np.ndarray]:
    """As far as the sentence has come, the end of each still wrong."""
    found = []
    for end_s in seconds:
        render = whole[: int(end_s * RATE_HZ)].copy()
        render[-int(0.2 * RATE_HZ) :] *= -0.5
        found.append(render)
    return found


def joined(parts: list[np.ndarray], whole: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """What is played of them, and where one goes on for another."""
    seam = Seam(RATE_HZ)
    pieces = [seam.next(part, last=False) for part in parts]
    pieces.append(seam.next(whole, last=True))
    assert seam.given
    ends = np.cumsum([len(piece) for piece in pieces])
    return np.concatenate(pieces), [int(end) for end in ends[:-1]]


def largest_step(samples: np.ndarray) -> float:
    return float(np.abs(np.diff(samples)).max())


def test_what_is_played_of_a_growing_sentence_is_the_sentence() -> None:
    whole = np.concatenate([quiet(0.4), voice_like(4.0), quiet(0.6)])
    played, ends = joined(renders(whole, 1.0, 2.0, 3.6), whole)
    assert np.allclose(played, faded(trimmed(whole, RATE_HZ), RATE_HZ), atol=1e-6)
    lead_s = 0.4 - 0.03
    assert np.allclose(np.array(ends) / RATE_HZ, np.array([1.0, 2.0, 3.6]) - HELD_S - lead_s, atol=0.006)


def test_renders_that_disagree_are_joined_without_a_click() -> None:
    whole = voice_like(4.0)
    parts = [-0.7 * whole[:RATE_HZ], 0.9 * np.roll(whole, 60)[: 2 * RATE_HZ]]
    played, ends = joined(parts, whole)
    across_the_fade = 2 * float(np.abs(whole).max()) / (0.02 * RATE_HZ)
    assert len(played) == len(whole)
    for end in ends:
        assert largest_step(played[end - 480 : end + 960]) <= largest_step(whole) + across_the_fade


def test_silence_before_the_first_word_is_waited_out() -> None:
    whole = np.concatenate([quiet(1.5), voice_like(1.5)])
    seam = Seam(RATE_HZ)
    assert not len(seam.next(whole[:RATE_HZ], last=False))
    assert not seam.given
    assert len(seam.next(whole, last=True)) / RATE_HZ == pytest.approx(1.53, abs=0.006)


def test_a_sentence_that_was_over_already_fades_out() -> None:
    whole = np.concatenate([voice_like(1.0), quiet(1.0)])
    seam = Seam(RATE_HZ)
    first = seam.next(np.concatenate([voice_like(1.5)]), last=False)
    last = seam.next(whole, last=True)
    assert 0 < len(last) / RATE_HZ <= 0.02
    assert last[-1] == 0.0
    assert largest_step(np.concatenate([first, last])) <= 1.5 * largest_step(whole)


def test_a_sentence_that_goes_on_is_not_judged_by_its_length() -> None:
    codes = [int(code) for code in np.random.default_rng(2).integers(0, 6561, 25)]
    assert judge_so_far(voice_like(1.0), codes) is None
    assert judge_so_far(quiet(1.0), codes) is None
    assert judge(voice_like(1.0), codes, 200) is not None
    hum = judge_so_far(voice_like(2.0), codes + [7] * 40)
    assert hum is not None
    assert hum.hangs
    broken = judge_so_far(np.full(RATE_HZ, np.nan, np.float32), codes)
    assert broken is not None
    assert broken.unusable


real = [pytest.mark.slow, pytest.mark.models, pytest.mark.timeout(900)]


class TestOnTinyModels:
    """Processes of Chatterbox's own environment; on a CPU, so streaming is asked for."""

    pytestmark = real

    @pytest.mark.parametrize("model", ["chatterbox", "multilingual", "turbo"])
    def test_a_sentence_is_played_while_it_is_made(self, tiny: TinyChatterbox, tmp_path: Path, model: str) -> None:
        found = tiny.run(tmp_path, STREAMED, model, str(tmp_path / model), SENTENCE)
        assert isinstance(found, dict)
        assert found["tells"] == [True, False]
        assert found["first piece before code 60"]
        assert found["renders at"][:3] == [25, 50, 87]
        assert found["renders at"][-1] == found["codes"]
        assert found["same codes"]
        assert found["pieces"] >= 3
        assert abs(found["longer by"]) <= 0.002
        assert found["same from the last join on"] > 0.999
        assert found["alike"] > 0.98
        assert found["step at joins"] <= found["step of the whole"]
        assert found["watermark"] > 0.9
        assert found["hooks left"] == 0

    def test_nobody_wants_the_rest_and_the_codes_stop(self, tiny: TinyChatterbox, tmp_path: Path) -> None:
        found = tiny.run(tmp_path, STOPPED, str(tmp_path / "model"), SENTENCE)
        assert found == {
            "closed early": True,
            "abandoned early": True,
            "raised": "Abandoned",
            "threads left": 0,
            "then": 120,
        }

    def test_faults_before_the_first_sound_are_made_good_and_later_ones_told(
        self, tiny: TinyChatterbox, tmp_path: Path
    ) -> None:
        found = tiny.run(tmp_path, FAULTS, str(tmp_path / "model"), SENTENCE)
        whole = "whole, 1 frame"
        assert found == {
            "nan in render 1": whole,
            "nan in render 2": "EngineError after 1 frame",
            "no room in render 1": whole,
            "no room in render 2": "EngineOutOfMemory after 1 frame",
            "assert in render 1": "EngineWrecked after 0 frames",
            "assert in render 2": "EngineWrecked after 1 frame",
            "nan in every render": "EngineError after 0 frames",
            "a hum from code 30 on": "EngineError after 1 frame",
            "in auto mode on a CPU": whole,
            "slower than it is played": [120],
        }

    async def test_the_daemon_is_told_and_plays_what_there_is(self, tiny: TinyChatterbox, tmp_path: Path) -> None:
        checkpoint = tmp_path / "long"
        tiny.run(tmp_path, BUILD, "chatterbox", str(checkpoint))
        worker = tiny.worker(tmp_path, tiny.config(checkpoint=str(checkpoint), stream="on", seed=1))
        try:
            await worker.start()
            async with connected(worker.uri) as client:
                await client.send(Synthesize(text=SENTENCE).event())
                start = await client.receive(60)
            assert start.type == "audio-start"
            assert start.data[EXTRAS]["streams"] is True
            tts = WyomingTts(worker, timeout_s=60)
            async with aclosing(tts.synthesize(SynthesisRequest(SENTENCE))) as frames:
                first = await anext(frames)
            assert 0.5 < first.seconds < 2.0
            whole = [frame async for frame in tts.synthesize(SynthesisRequest(SENTENCE))]
            assert sum(frame.seconds for frame in whole) > 4.0
        finally:
            await worker.stop()


BUILD = """
import pathlib, sys
from auricle_chatterbox.tiny import build
build(sys.argv[1], pathlib.Path(sys.argv[2]), codes=120)
print("null")
"""

PARTS = """
import json, pathlib, sys, threading
import numpy as np
import torch
from auricle.api import EngineError, SynthesisRequest, engine_fault
from auricle_chatterbox import ChatterboxConfig
from auricle_chatterbox.tiny import TinyChatterbox, build

def samples(frames):
    return [np.frombuffer(frame.pcm, "<i2").astype(np.float32) / 32767 for frame in frames]

def made(model, folder, stream):
    engine = TinyChatterbox(ChatterboxConfig(model=model, checkpoint=folder, device="cpu", stream=stream))
    engine.load()
    return engine

class Gate:
    # Holds the codes back at one of them until it is opened, which it must be.
    def __init__(self, engine, at):
        self.engine, self.at, self.opened, self.passed = engine, at, threading.Event(), False
        self.hook = engine._model._model.t3.speech_head.register_forward_hook(self.seen)

    def seen(self, module, arguments, logits):
        if len(self.engine._model.codes) >= self.at and not self.passed:
            self.passed = self.opened.wait(60)
            assert self.passed, f"held at code {self.at}"
"""

STREAMED = (
    PARTS
    + """
import perth
from auricle_chatterbox.guard import most_codes
from auricle_chatterbox.parameters import settle

name, folder, text = sys.argv[1:]
build(name, pathlib.Path(folder), codes=120)
request = SynthesisRequest(text, options={"seed": 7})
whole_engine = made(name, folder, "off")
[whole] = samples(whole_engine.synthesize(request))
codes = list(whole_engine._model.codes)

engine = made(name, folder, "on")
def hooks():
    modules = [m for part in ("t3", "s3gen") for m in getattr(engine._model._model, part).modules()]
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in modules)

gate = Gate(engine, 60)
before = hooks()
frames = engine.synthesize(request)
first = next(frames)
gate.opened.set()
pieces = samples([first, *frames])
left = hooks() - before
gate.hook.remove()
streamed = np.concatenate(pieces)
same = list(engine._model.codes) == codes
values = settle(ChatterboxConfig(model=name), {}).values
renders = [len(render.codes) for render in engine._model.stream(
    text, engine._model.own_voice, "en", values, seed=7, most_codes=most_codes(len(text)))]

count = min(len(whole), len(streamed))
joins = np.cumsum([len(piece) for piece in pieces])[:-1]
settled = int(joins[-1]) + 480
def alike(one, other):
    return float(np.corrcoef(one, other)[0, 1])
mark = perth.PerthImplicitWatermarker().get_watermark(streamed, sample_rate=24000)
print(json.dumps({
    "tells": [engine.streams, whole_engine.streams],
    "first piece before code 60": gate.passed,
    "codes": len(codes),
    "same codes": same,
    "renders at": renders,
    "pieces": len(pieces),
    "longer by": (len(streamed) - len(whole)) / 24000,
    "same from the last join on": alike(streamed[settled:count], whole[settled:count]),
    "alike": alike(streamed[:count], whole[:count]),
    "step at joins": max(float(np.abs(np.diff(streamed[j - 480 : j + 480])).max()) for j in joins),
    "step of the whole": float(np.abs(np.diff(whole)).max()),
    "watermark": float(np.mean(mark)),
    "hooks left": left,
}))
"""
)

STOPPED = (
    PARTS
    + """
from auricle_chatterbox.models import Abandoned

folder, text = sys.argv[1:]
build("chatterbox", pathlib.Path(folder), codes=120)
engine = made("chatterbox", folder, "on")
request = SynthesisRequest(text, options={"seed": 7})
found = {}

gate = Gate(engine, 60)
frames = engine.synthesize(request)
next(frames)
threading.Timer(0.5, gate.opened.set).start()
frames.close()
found["closed early"] = len(engine._model.codes) <= 61
gate.hook.remove()

gate = Gate(engine, 60)
frames = engine.synthesize(request)
next(frames)
engine.abandon()
gate.opened.set()
try:
    list(frames)
    found["raised"] = "nothing"
except Abandoned:
    found["raised"] = "Abandoned"
found["abandoned early"] = len(engine._model.codes) <= 61
gate.hook.remove()
found["threads left"] = sum("codes" in thread.name for thread in threading.enumerate())
list(engine.synthesize(request))
found["then"] = len(engine._model.codes)
print(json.dumps(found))
"""
)

FAULTS = (
    PARTS
    + """
folder, text = sys.argv[1:]
build("chatterbox", pathlib.Path(folder), codes=120)
engine = made("chatterbox", folder, "on")
s3gen, t3 = engine._model._model.s3gen, engine._model._model.t3
request = SynthesisRequest(text, options={"seed": 7})

def heard():
    count = 0
    try:
        for frame in engine.synthesize(request):
            count += 1
    except Exception as error:
        kind = engine_fault(error) or error
        assert isinstance(kind, EngineError), repr(error)
        return f"{type(kind).__name__} after {count} frame{'s' * (count != 1)}"
    return f"whole, {count} frame{'s' * (count != 1)}"

def during(renders, fault):
    calls = [0]
    def hook(module, arguments, result):
        calls[0] += 1
        return fault(result) if calls[0] in renders else None
    handle = s3gen.mel2wav.f0_predictor.register_forward_hook(hook)
    try:
        return heard()
    finally:
        handle.remove()

def nan(result):
    return result * float("nan")

def no_room(result):
    raise torch.OutOfMemoryError("CUDA out of memory (injected)")

def wrecked(result):
    raise RuntimeError("CUDA error: device-side assert triggered")

found = {}
for name, fault in (("nan", nan), ("no room", no_room), ("assert", wrecked)):
    for number in (1, 2):
        found[f"{name} in render {number}"] = during({number}, fault)
found["nan in every render"] = during(set(range(1, 100)), nan)

def hum(module, arguments, logits):
    if len(engine._model.codes) >= 30:
        logits = torch.full_like(logits, -1e4)
        logits[..., 5] = 1e4
        return logits
    return None

handle = t3.speech_head.register_forward_hook(hum)
found["a hum from code 30 on"] = heard()
handle.remove()

from auricle_chatterbox.parameters import settle
values = settle(ChatterboxConfig(), {}).values
renders = engine._model.stream(
    text, engine._model.own_voice, "en", values, seed=7, most_codes=500, least_pace=1e9)
slow = [len(render.codes) for render in renders]
engine.close()
engine = made("chatterbox", folder, "auto")
found["in auto mode on a CPU"] = heard()
found["slower than it is played"] = slow
print(json.dumps(found))
"""
)
