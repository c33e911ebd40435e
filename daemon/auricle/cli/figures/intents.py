"""Recordings of real commands: how many are understood, intent and all slots, clean and in noise; and how fast.

FOLDER holds WAV or FLAC files, `labels.json` (file name to `{"intent", "slots"}`), and may hold `noise.flac` or
`noise.wav`. It is mixed in so that the loudest 2,048-sample frames of speech and noise stand at the wanted ratio, as
in Picovoice's speech-to-intent benchmark. The configuration's plugins are what must understand.
"""

import json
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from auricle.cli.engines_only import STT, dispatcher_of, running_engines
from auricle.cli.figures.figure import Bench, Figure, Plan
from auricle.config import LoadedConfig
from auricle.engines.fleet import Fleet
from auricle.model.audio import AudioFrame
from auricle.model.errors import BadRequest
from auricle.model.intent import Transcript
from auricle.model.turn import Turn
from auricle.pipeline.dispatch import Dispatcher
from auricle.pipeline.files import inbound_frames

RATIOS_DB = (None, 12, 6)
"""Speech to noise; none is without noise."""
_FRAME = 2048

Samples = npt.NDArray[np.float32]


def benches(loaded: LoadedConfig, plan: Plan) -> Iterator[Bench]:
    yield Bench("intents", "recorded commands understood", lambda: _intents(loaded, plan))


def mixed(speech: Samples, noise: Samples, ratio_db: float, name: str) -> Samples:
    """Speech with a stretch of the noise, which stretch by the recording's name.

    speech, noise: full scale 1, one rate, the noise longer. Returns no sample above full scale.
    """
    first = zlib.crc32(name.encode()) % (len(noise) - len(speech))
    stretch = noise[first : first + len(speech)]
    mix = speech + stretch * np.sqrt(_loudest(speech) / (_loudest(stretch) * 10 ** (ratio_db / 10)))
    return np.asarray(mix / max(1.0, float(np.abs(mix).max())), dtype=np.float32)


def _loudest(samples: Samples) -> float:
    """Power of the loudest frame."""
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    return float((frames**2).mean(axis=1).max())


async def _intents(loaded: LoadedConfig, plan: Plan) -> list[Figure]:
    folder = plan.recordings
    if folder is None or not (folder / "labels.json").is_file():
        raise BadRequest("the topic intents needs --recordings FOLDER, with one command a file, and labels.json")
    labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    noises = [path for path in (folder / "noise.flac", folder / "noise.wav") if path.is_file()]
    noise = _samples(noises[0]) if noises else None
    dispatcher = dispatcher_of(loaded)
    dispatcher.learn_sounds()
    figures: list[Figure] = []
    try:
        async with running_engines(loaded, kinds=(STT,)) as fleet:
            for ratio_db in RATIOS_DB if noise is not None else (None,):
                right: list[float] = []
                took_ms: list[float] = []
                for name, label in sorted(labels.items()):
                    samples = _samples(folder / name)
                    if ratio_db is not None and noise is not None:
                        samples = mixed(samples, noise, ratio_db, name)
                    pcm = (samples * 32767).astype("<i2").tobytes()
                    understood, taken_ms = await _one(dispatcher, await _heard(fleet, pcm), label)
                    right.append(float(understood))
                    took_ms.append(taken_ms)
                where = "clean" if ratio_db is None else f"noise at {ratio_db} dB"
                figures.append(Figure(f"right, {where} ({len(right)} commands)", "", (sum(right) / len(right),)))
                figures.append(Figure(f"understanding a transcript, {where}", "ms", tuple(took_ms)))
    finally:
        dispatcher.close()
    return figures


async def _one(dispatcher: Dispatcher, transcript: Transcript, label: dict[str, object]) -> tuple[bool, float]:
    """Whether intent and all slots are right, and the milliseconds that it took."""
    began_s = time.monotonic()
    intent = await dispatcher.recognize(transcript, Turn())
    taken_ms = 1000 * (time.monotonic() - began_s)
    slots = label.get("slots")
    wanted = {name: str(value).strip() for name, value in slots.items()} if isinstance(slots, dict) else {}
    return intent is not None and (intent.name, dict(intent.slots)) == (label.get("intent"), wanted), taken_ms


async def _heard(fleet: Fleet, pcm: bytes) -> Transcript:
    async def frames() -> AsyncIterator[AudioFrame]:
        yield AudioFrame(pcm)

    final = Transcript("")
    async for heard in fleet.stt.transcribe(frames(), None):
        if heard.final:
            final = heard
    return final


def _samples(path: Path) -> Samples:
    """All of a file, at the inbound rate. Raises AudioFileError."""
    pcm = b"".join(frame.pcm for frame in inbound_frames(str(path)))
    return np.frombuffer(pcm, dtype="<i2").astype(np.float32) / 32768.0
