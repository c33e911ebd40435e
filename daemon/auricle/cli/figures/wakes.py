"""Recordings of a wake word and of other words: what the light engine misses, what the joint rule does, and its fit."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from auricle.api import EngineSpec
from auricle.app.building import make_detector
from auricle.cli.common import load_host
from auricle.cli.figures.figure import Bench, Figure, Plan
from auricle.config import LoadedConfig
from auricle.model.audio import INBOUND_RATE_HZ, AudioFrame
from auricle.model.errors import BadRequest
from auricle.pipeline.files import inbound_frames
from auricle.pipeline.second_look import spoken_name
from auricle.pipeline.wake import WakeDetector
from auricle.settings import Config, WakeWord

_SNR_DB = 10.0
_VOICES = 4
_LOUDNESS_SAMPLES = 2_048
"""Speech and noise are mixed so that their loudest stretches of this length stand at the ratio."""
_BEFORE = 3 * INBOUND_RATE_HZ // 2
_AFTER = INBOUND_RATE_HZ
_BLOCK = 480
_CONFIRMS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
_SURE = 1e-9

Sound = npt.NDArray[np.float64]


@dataclass(slots=True)
class _Clip:
    """What became of one recording under one noise."""

    said: bool
    light: bool
    """Heard by the light engine alone."""
    joint: bool
    peak: float
    looks: list[tuple[float, float]] = field(default_factory=list)
    """Scores of both engines for each candidate."""

    def heard(self, strong: float, confirm: float) -> bool:
        return self.peak >= strong or any(second >= confirm for _, second in self.looks)


def benches(loaded: LoadedConfig, plan: Plan) -> Iterator[Bench]:
    async def measure() -> list[Figure]:
        return _measure(loaded, plan)

    yield Bench("wake", "recorded wake words", measure)


def _measure(loaded: LoadedConfig, plan: Plan) -> list[Figure]:
    said, other, word = _recordings(loaded.config.wake.words, plan.recordings)
    specs = load_host(loaded.config).engines()
    noises: dict[str, Sound | None] = {"clean": None}
    if plan.noise is not None:
        noises[f"{plan.noise.stem} at {_SNR_DB:g} dB"] = _sound(plan.noise)
    noises[f"babble of {_VOICES} at {_SNR_DB:g} dB"] = _babble(other)
    figures: list[Figure] = []
    every: list[_Clip] = []
    strong = max(loaded.config.wake.second_look.strong if word.threshold is None else word.threshold, _SURE)
    for name, noise in noises.items():
        clips = _listen(loaded.config, specs, word, said, other, noise)
        every += clips
        spoken = [clip for clip in clips if clip.said]
        others = [clip for clip in clips if not clip.said]
        for rule in ("light", "joint"):
            missed = sum(not getattr(clip, rule) for clip in spoken)
            false = sum(getattr(clip, rule) for clip in others)
            figures.append(Figure(f"{name}: missed, {rule}", f"of {len(spoken)}", (missed,)))
            figures.append(Figure(f"{name}: false, {rule}", f"of {len(others)}", (false,)))
        figures.append(Figure(f"{name}: second looks", f"of {len(clips)}", (sum(len(clip.looks) for clip in clips),)))
    false, missed, confirm = min(
        (
            sum(clip.heard(strong, confirm) for clip in every if not clip.said),
            sum(not clip.heard(strong, confirm) for clip in every if clip.said),
            confirm,
        )
        for confirm in _CONFIRMS
    )
    return [
        *figures,
        Figure("fit: wake.second_look.confirm with fewest false, then fewest missed", "", (confirm,)),
        Figure("fit: missed", f"of {sum(clip.said for clip in every)}", (missed,)),
        Figure("fit: false", f"of {sum(not clip.said for clip in every)}", (false,)),
    ]


def _recordings(words: Sequence[WakeWord], folder: Path | None) -> tuple[list[Sound], list[Sound], WakeWord]:
    """The recordings of a configured word, and the others. Raises BadRequest."""
    if folder is None:
        raise BadRequest(
            "the topic wake needs --recordings FOLDER, with a folder named as a configured wake word in it, and other "
            "speech in further ones"
        )
    folders = sorted(path for path in folder.iterdir() if path.is_dir())
    for word in words:
        name = spoken_name(word.model)
        said = [sound for path in folders if path.name == name for sound in _sounds(path)]
        other = [sound for path in folders if path.name != name for sound in _sounds(path)]
        if said and len(other) >= _VOICES:
            return said, other, word
    named = " or ".join(spoken_name(word.model) for word in words)
    raise BadRequest(
        f"--recordings: {folder} must hold a folder {named} with recordings of the configured wake word, and "
        f"{_VOICES} or more recordings of other speech in further folders"
    )


def _sounds(folder: Path) -> list[Sound]:
    return [_sound(path) for path in sorted(folder.iterdir()) if path.suffix in (".wav", ".flac")]


def _sound(path: Path) -> Sound:
    return np.frombuffer(b"".join(frame.pcm for frame in inbound_frames(str(path))), "<i2").astype(np.float64)


def _babble(voices: Sequence[Sound]) -> Sound:
    """A minute of four voices of equal power, each one recording after the other."""
    random = np.random.default_rng(7)
    babble = np.zeros(60 * INBOUND_RATE_HZ)
    for _ in range(_VOICES):
        said = np.concatenate(
            [voices[at] / max(1.0, np.sqrt(np.mean(voices[at] ** 2))) for at in random.permutation(len(voices))]
        )
        babble += np.resize(said, len(babble))
    return babble * 1_000


def _listen(
    config: Config,
    specs: Mapping[str, EngineSpec],
    word: WakeWord,
    said: Sequence[Sound],
    other: Sequence[Sound],
    noise: Sound | None,
) -> list[_Clip]:
    light = _detector(config, specs, word, enabled=False)
    joint = _detector(config, specs, word, enabled=True)
    random = np.random.default_rng(7)
    clips = []
    try:
        for sounds, kind in ((said, True), (other, False)):
            for sound in sounds:
                pcm = _mixed(sound, noise, random)
                alone, peak = _heard(light, pcm)
                both, _ = _heard(joint, pcm)
                clips.append(_Clip(kind, alone, both, peak, [(c.score, second) for c, second in joint.looked()]))
    finally:
        light.close()
        joint.close()
    return clips


def _detector(config: Config, specs: Mapping[str, EngineSpec], word: WakeWord, *, enabled: bool) -> WakeDetector:
    replace = msgspec.structs.replace
    look = replace(config.wake.second_look, enabled=enabled)
    detector = make_detector(
        replace(config, wake=replace(config.wake, words=(word,), second_look=look)), specs, background=False
    )
    detector.load()
    return detector


def _heard(detector: WakeDetector, pcm: bytes) -> tuple[bool, float]:
    """Whether the word was heard, and the light engine's highest score."""
    detector.reset()
    heard, peak = False, 0.0
    for at in range(0, len(pcm), 2 * _BLOCK):
        heard |= detector.feed(AudioFrame(pcm[at : at + 2 * _BLOCK], at // 2)) is not None
        peak = max([peak, *(score.score for score in detector.scores.values())])
    return heard, peak


def _mixed(sound: Sound, noise: Sound | None, random: np.random.Generator) -> bytes:
    clip = np.concatenate([np.zeros(_BEFORE), sound, np.zeros(_AFTER)])
    if noise is not None:
        noise = np.resize(noise, max(len(noise), len(clip) + 1))
        at = int(random.integers(len(noise) - len(clip)))
        stretch = noise[at : at + len(clip)]
        clip = clip + stretch * np.sqrt(_loudest(clip) / max(1e-9, _loudest(stretch)) / 10 ** (_SNR_DB / 10))
    return bytes(np.clip(clip, -32_768, 32_767).astype("<i2").tobytes())


def _loudest(sound: Sound) -> float:
    """Power of the loudest stretch."""
    starts = range(0, len(sound) - _LOUDNESS_SAMPLES + 1, _LOUDNESS_SAMPLES)
    return max(float(np.mean(sound[at : at + _LOUDNESS_SAMPLES] ** 2)) for at in starts)
