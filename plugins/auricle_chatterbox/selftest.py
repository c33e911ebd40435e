"""Proves that an environment can run Chatterbox: each model is made tiny, loaded by the engine, and speaks."""

import logging
import time
from pathlib import Path
from typing import Literal

import numpy as np
import perth

from auricle.api import SynthesisRequest
from auricle_chatterbox import ChatterboxConfig
from auricle_chatterbox.guard import RATE_HZ
from auricle_chatterbox.tiny import TinyChatterbox, build

MODELS: tuple[Literal["chatterbox", "multilingual", "turbo"], ...] = ("chatterbox", "multilingual", "turbo")
_TEXT = "The weather is nice today."
_LEAST_S = 0.5


def self_test(folder: Path) -> str:
    """Return what was done. Raises whatever goes wrong; RuntimeError if the speech is none."""
    logging.getLogger("transformers").setLevel(logging.ERROR)
    began = time.monotonic()
    spoken = []
    for model in MODELS:
        print(f"self-test: {model}", flush=True)
        checkpoint = build(model, folder / model)
        engine = TinyChatterbox(ChatterboxConfig(model=model, checkpoint=str(checkpoint), device="cpu", seed=1))
        engine.load()
        try:
            frames = list(engine.synthesize(SynthesisRequest(_TEXT)))
        finally:
            engine.close()
        samples = np.frombuffer(b"".join(frame.pcm for frame in frames), "<i2")
        if len(samples) < _LEAST_S * RATE_HZ or not samples.any():
            raise RuntimeError(f"{model} made {len(samples) / RATE_HZ:.2f} s of sound, less than {_LEAST_S} s")
        mark = float(np.mean(perth.PerthImplicitWatermarker().get_watermark(samples / 32768.0, sample_rate=RATE_HZ)))
        if mark < 0.5:
            raise RuntimeError(f"{model} made speech without a watermark ({mark:.2f})")
        spoken.append(f"{model} {len(samples) / RATE_HZ:.1f} s")
    return f"self-test passed: {', '.join(spoken)} of speech from tiny models in {time.monotonic() - began:.0f} s"
