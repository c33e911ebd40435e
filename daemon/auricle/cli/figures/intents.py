"""Recordings of real commands: how many are understood, intent and all slots, clean and in noise; and how fast.

FOLDER holds WAV or FLAC files and `labels.json` (file name to `{"intent", "slots"}`). The noise of `--noise`, or of
`noise.flac` or `noise.wav` in there, is mixed in so that the loudest 2,048-sample frames of speech and noise stand at
the wanted ratio, as in Picovoice's speech-to-intent benchmark. The configuration's plugins are what must understand,
and each recording goes the way of `auricle transcribe --intent`.
"""

import json
import os
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from auricle.app import make_host, no_broker, told_of_orders
from auricle.cli.engines_only import STT, VAD, dispatcher_of, running_engines
from auricle.cli.figures.figure import Bench, Figure, Plan
from auricle.config import LoadedConfig, state_dir
from auricle.engines.inprocess import make_vad
from auricle.model.audio import INBOUND_RATE_HZ
from auricle.model.errors import BadRequest
from auricle.model.intent import Intent, Transcript
from auricle.model.turn import Turn
from auricle.pipeline.dispatch import Dispatcher
from auricle.pipeline.files import inbound_frames
from auricle.pipeline.recordings import CutRule, transcribe_recording
from auricle.ports import Judge, SpeechToText

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
    own = [path for path in (folder / "noise.flac", folder / "noise.wav") if path.is_file()]
    noises = [plan.noise] if plan.noise is not None else own
    noise = _samples(noises[0]) if noises else None
    dispatcher = dispatcher_of(loaded)
    dispatcher.learn_sounds()
    figures: list[Figure] = []
    try:
        async with running_engines(loaded, kinds=(STT,)) as fleet:
            listener = _Listener(told_of_orders(loaded.config, fleet.stt, dispatcher), loaded)
            try:
                for ratio_db in RATIOS_DB if noise is not None else (None,):
                    found = _Found()
                    for name, label in sorted(labels.items()):
                        path = folder / name
                        if ratio_db is not None and noise is not None:
                            path = plan.folder / "noisy.wav"
                            soundfile.write(
                                path, mixed(_samples(folder / name), noise, ratio_db, name), INBOUND_RATE_HZ
                            )
                        await _one(found, dispatcher, listener, fleet.stt, path, label)
                    figures += found.figures("clean" if ratio_db is None else f"noise at {ratio_db} dB")
            finally:
                listener.close()
    finally:
        dispatcher.close()
    return figures


@dataclass(slots=True)
class _Found:
    """What came of the recordings of one ratio: whether intent and all slots were right, and how long it took."""

    right: list[bool] = field(default_factory=list)
    by_sound: list[bool] = field(default_factory=list)
    """The same without asking the engine which sentence is likelier."""
    best_text: list[bool] = field(default_factory=list)
    """The same, and without what else may have been said."""
    words: list[bool] = field(default_factory=list)
    """The same by the words of that text alone."""
    asked: int = 0
    """Where the engine was asked which sentence is likelier."""
    transcribed_ms: list[float] = field(default_factory=list)
    understood_ms: list[float] = field(default_factory=list)

    def figures(self, where: str) -> Iterator[Figure]:
        for what, right in (
            ("right", self.right),
            ("right, by sound alone", self.by_sound),
            ("right, by sound alone, best text alone", self.best_text),
            ("right, its words alone", self.words),
        ):
            yield Figure(f"{what}, {where} ({len(right)} commands)", "", (sum(right) / len(right),))
        yield Figure(f"the engine was asked again, {where}", "", (self.asked / len(self.right),))
        yield Figure(f"transcribing a recording, {where}", "ms", tuple(self.transcribed_ms))
        yield Figure(f"understanding a transcript, {where}", "ms", tuple(self.understood_ms))
        yield Figure(
            f"understanding a transcript, {where}, 95th percentile",
            "ms",
            (float(np.percentile(self.understood_ms, 95)),),
        )


class _Listener:
    """Recordings to transcripts, as `auricle transcribe` makes them."""

    def __init__(self, stt: SpeechToText, loaded: LoadedConfig) -> None:
        self._stt = stt
        specs = make_host(loaded, state_dir(os.environ), no_broker).engines()
        self._vad = make_vad(specs, VAD, loaded.config.engines)
        self._vad.load()
        configured = loaded.config.stt.language
        self._language = configured if isinstance(configured, str) and configured != "auto" else None
        self._rule = CutRule(speech_threshold=loaded.config.listen.speech_threshold)

    async def transcript(self, path: Path) -> Transcript:
        found = await transcribe_recording(str(path), self._stt, self._vad, language=self._language, rule=self._rule)
        return found.transcript

    def close(self) -> None:
        self._vad.close()


async def _one(
    found: _Found,
    dispatcher: Dispatcher,
    listener: _Listener,
    judge: Judge,
    path: Path,
    label: dict[str, object],
) -> None:
    began_s = time.monotonic()
    transcript = await listener.transcript(path)
    heard_s = time.monotonic()
    recognition = await dispatcher.explain(transcript, Turn(), judge)
    found.transcribed_ms.append(1000 * (heard_s - began_s))
    found.understood_ms.append(1000 * (time.monotonic() - heard_s))
    found.right.append(_is_right(recognition.intent, label))
    hearing = recognition.hearing
    found.asked += hearing is not None and any(candidate.likelihood is not None for candidate in hearing.candidates)
    alone = replace(transcript, utterance="")
    found.by_sound.append(_is_right(await dispatcher.recognize(alone, Turn()), label))
    alone = replace(alone, alternatives=())
    found.best_text.append(_is_right(await dispatcher.recognize(alone, Turn()), label))
    found.words.append(_is_right(dispatcher.match(transcript.text), label))


def _is_right(intent: Intent | None, label: dict[str, object]) -> bool:
    slots = label.get("slots")
    wanted = {name: str(value).strip() for name, value in slots.items()} if isinstance(slots, dict) else {}
    return intent is not None and (intent.name, dict(intent.slots)) == (label.get("intent"), wanted)


def _samples(path: Path) -> Samples:
    """All of a file, at the inbound rate. Raises AudioFileError."""
    pcm = b"".join(frame.pcm for frame in inbound_frames(str(path)))
    return np.frombuffer(pcm, dtype="<i2").astype(np.float32) / 32768.0
