"""The engines `whisper` and `faster_whisper` beside the plain pipeline of transformers, on recordings of people."""

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from auricle.api.engines import SttEngine
from auricle.app import make_host, no_broker
from auricle.cli.figures.figure import Bench, Figure, Plan
from auricle.config import LoadedConfig, state_dir
from auricle.engines.making import build
from auricle.model.audio import INBOUND_RATE_HZ, AudioFrame
from auricle.model.errors import AuricleError, BadRequest
from auricle.pipeline.files import inbound_frames

_SUFFIXES = (".wav", ".flac", ".ogg")
_PLAIN = "plain pipeline"
_OURS = ("whisper", "faster_whisper")
Ear = Callable[[bytes], str]


def benches(loaded: LoadedConfig, plan: Plan) -> Iterator[Bench]:
    yield Bench("whispers", "the Whisper engines beside the plain pipeline", lambda: _whispers(loaded, plan))


async def _whispers(loaded: LoadedConfig, plan: Plan) -> list[Figure]:
    """Processor time of this process, which other programs disturb less than the clock; the ears take turns."""
    sounds = _sounds(plan)
    ears = _ears(loaded)
    times: dict[str, list[float]] = {name: [] for name in ears}
    texts: dict[str, list[str]] = {name: [] for name in ears}
    ratios: dict[str, list[float]] = {"faster_whisper": [], _PLAIN: []}
    for number in range(plan.rounds):
        sums = dict.fromkeys(ears, 0.0)
        for sound in sounds:
            for name, ear in ears.items():
                began = time.process_time()
                text = ear(sound)
                sums[name] += time.process_time() - began
                if number == 0:
                    texts[name].append(_plain(text))
        for name, total in sums.items():
            times[name].append(total / len(sounds))
        for name, found in ratios.items():
            found.append(sums["whisper"] / sums[name])
    differing = {
        name: sum(own != plain for own, plain in zip(texts[name], texts[_PLAIN], strict=True)) / len(sounds)
        for name in _OURS
    }
    return [
        *(
            Figure(f"{name}: processor time of a recording, mean of {len(sounds)}", "s", tuple(times[name]))
            for name in ears
        ),
        *(Figure(f"whisper: time of {name}'s", "times", tuple(found)) for name, found in ratios.items()),
        *(Figure(f"{name}: texts unlike the {_PLAIN}'s", "%", (100 * share,)) for name, share in differing.items()),
    ]


def _sounds(plan: Plan) -> list[bytes]:
    if plan.recordings is None:
        raise BadRequest("--only whispers needs --recordings FOLDER: speech of people, a command each")
    paths = sorted(path for path in plan.recordings.iterdir() if path.suffix.lower() in _SUFFIXES)
    if not paths:
        raise BadRequest(f"--recordings: {plan.recordings} has no recording ({', '.join(_SUFFIXES)})")
    return [b"".join(frame.pcm for frame in inbound_frames(str(path))) for path in paths]


def _ears(loaded: LoadedConfig) -> Mapping[str, Ear]:
    host = make_host(loaded, state_dir(os.environ), no_broker)
    specs = host.engines()
    ears: dict[str, Ear] = {}
    for name in _OURS:
        keys = _keys(specs[name])
        # Like for like: what else may have been said is looked for by one of the two alone.
        given = {"alternatives": 0} if "alternatives" in keys else {}
        given |= {key: value for key, value in loaded.config.engines.get(name, {}).items() if key in keys}
        engine = build(specs[name].target, msgspec.convert(given, specs[name].config))
        assert isinstance(engine, SttEngine)
        engine.load()
        ears[name] = _ear(engine)
    ears[_PLAIN] = _plain_pipeline(str(loaded.config.engines.get("whisper", {}).get("model", "")))
    return ears


def _keys(spec: Any) -> set[str]:
    return set(spec.config.__struct_fields__)


def _ear(engine: SttEngine) -> Ear:
    return lambda pcm: [*engine.transcribe(iter([AudioFrame(pcm)]), "en")][-1].text


def _plain_pipeline(model: str) -> Ear:
    """As its own documentation shows it, with one beam and float32. Raises AuricleError where it is not installed."""
    try:
        torch, transformers = import_module("torch"), import_module("transformers")
    except ImportError as error:
        raise AuricleError(f"--only whispers needs the extra whisper: {error}") from error
    folder = Path(model).expanduser()
    kind = "automatic-speech-recognition"
    pipe = transformers.pipeline(
        kind, model=str(folder) if folder.is_dir() else model, device="cpu", dtype=torch.float32
    )

    def ear(pcm: bytes) -> str:
        sound = np.frombuffer(pcm, "<i2").astype(np.float32) / 32768
        found = pipe({"raw": sound, "sampling_rate": INBOUND_RATE_HZ}, generate_kwargs={"num_beams": 1})
        return str(found["text"])

    return ear


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+(?:'\w+)*", text.lower()))
