"""The engine itself: only its own process imports this."""

import gc
import logging
import math
import os
import secrets
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

# Read by the libraries below when they are imported: nothing is fetched, and no bars are drawn.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TQDM_DISABLE", "1")

import torch

from auricle.api import (
    AudioFrame,
    BadRequest,
    EngineError,
    EngineOutOfMemory,
    EngineUnavailable,
    SynthesisRequest,
    TtsEngine,
    Voice,
    engine_fault,
)
from auricle.api.sound import pitch_shifted
from auricle_chatterbox import LANGUAGES, ChatterboxConfig
from auricle_chatterbox.checkpoint import identity, locate
from auricle_chatterbox.guard import CODES_PER_S, RATE_HZ, FloatArray, judge, judge_so_far, most_codes
from auricle_chatterbox.models import Abandoned, Conditionals, Model, pick_device
from auricle_chatterbox.parameters import SEEDS, Parameters, settle
from auricle_chatterbox.seam import Seam
from auricle_chatterbox.sound import faded, trimmed
from auricle_chatterbox.voices import OWN_VOICE, Clip, find_clips, prepared_file
from auricle_chatterbox.wording import halves, pieces, spoken

LONGEST_TEXT = 20_000
"""Characters of one request."""
ATTEMPTS = 2
_KEEPS_UP = 1.3 * CODES_PER_S
"""Codes a second from which on a sentence that is played while it is made does not run dry."""
_log = logging.getLogger("auricle.engines.chatterbox")


class ChatterboxEngine(TtsEngine):
    """Chatterbox, Multilingual or Turbo. One request at a time."""

    native_speed = False
    native_pitch = True
    """A change of pitch takes the watermark out, so it is made here, where it can be put in again."""

    def __init__(self, config: ChatterboxConfig) -> None:
        self._config = config
        self._model: Model | None = None
        self._clips: dict[str, Clip] = {}
        self._heard: dict[str, Conditionals] = {}
        self._default = OWN_VOICE

    def load(self) -> None:
        config = self._config
        self._note(self._settled(config))
        if config.language not in self._languages():
            raise EngineUnavailable(
                f"[engines.chatterbox] language {config.language!r} is none of {', '.join(self._languages())}"
                + ("" if config.model == "multilingual" else '; model = "multilingual" speaks others')
            )
        if not os.environ.get("OMP_NUM_THREADS"):
            # Threads that wait for each other spin: beside a busy core, two are many times slower than one.
            torch.set_num_threads(max(1, len(os.sched_getaffinity(0)) // 2))
        folder = locate(config.model, config.checkpoint)
        self.device = device = pick_device(config.device)
        self.streams = config.stream == "on" or (config.stream == "auto" and device == "cuda")
        self._clips = {clip.name: clip for clip in find_clips(config.voices_dir)}
        self._model = self._make(folder, device)
        self._identity = f"{identity(config.model, folder)} {self._model.preparation}"
        self._default = self._first_voice(self._model)
        for clip in self._clips.values():
            if clip.fault:
                _log.warning("the voice %s cannot be used: %s", clip.name, clip.fault)
        if device == "cpu":
            _log.warning("Chatterbox computes on a CPU, where a sentence takes a minute or more")
        # The first speech of a process takes longer; better now than when somebody waits.
        self._model.begin()
        values = settle(config, {}).values
        self._model.speak("Ready.", self._conditionals(self._default), config.language, values, seed=0, most_codes=25)

    def voices(self) -> Sequence[Voice]:
        usable = [name for name, clip in self._clips.items() if not clip.fault]
        if self._model is not None and self._model.own_voice is not None:
            usable.insert(0, OWN_VOICE)
        names = (self._default, *(name for name in usable if name != self._default))
        return [Voice(name, self._config.language, self._described(name)) for name in names]

    def synthesize(self, request: SynthesisRequest) -> Iterator[AudioFrame]:
        """One frame for each piece of at most 220 characters, several where it streams; none for a text without words.

        At 24 kHz.
        """
        if not (math.isfinite(request.speed) and 0.5 <= request.speed <= 2):
            raise BadRequest(f"speed {request.speed} is not between 0.5 and 2", field="speed")
        if len(request.text) > LONGEST_TEXT:
            raise BadRequest(
                f"the text has {len(request.text)} characters: at most {LONGEST_TEXT} can be", field="text"
            )
        if not (math.isfinite(request.pitch) and -12 <= request.pitch <= 12):
            raise BadRequest(f"pitch {request.pitch} is not between -12 and 12", field="pitch")
        parameters = settle(self._config, request.options)
        self._note(parameters)
        language = self._language(request)
        voice = self._conditionals(request.voice or self._default)
        return self._speak(pieces(spoken(request.text, language)), voice, language, parameters, request.pitch)

    def abandon(self) -> None:
        if self._model is not None:
            self._model.abandon()

    def close(self) -> None:
        self._heard.clear()
        if self._model is not None:
            self._model.close()
            self._model = None

    def _make(self, folder: Path, device: str) -> Model:
        return Model(self._config.model, folder, device)

    def _speak(
        self, texts: Sequence[str], voice: Conditionals, language: str, parameters: Parameters, pitch: float
    ) -> Iterator[AudioFrame]:
        self._loaded().begin()
        at = 0
        for number, text in enumerate(texts):
            pause = np.zeros(int(self._config.sentence_pause_s * RATE_HZ) if number else 0, dtype=np.float32)
            with closing(self._sounds(text, voice, language, parameters, pitch)) as sounds:
                for samples in sounds:
                    pcm = (np.clip(np.concatenate([pause, samples]), -1.0, 1.0) * 32767.0).astype("<i2").tobytes()
                    yield AudioFrame(pcm, first_sample=at, rate_hz=RATE_HZ)
                    at += len(pcm) // 2
                    pause = pause[:0]

    def _sounds(
        self, text: str, voice: Conditionals, language: str, parameters: Parameters, pitch: float
    ) -> Generator[FloatArray, None, None]:
        """A piece's speech: at once, or as it is made; that is made whole still if it fails before it is heard.

        Raises EngineError for what can neither be played nor be made anew.
        """
        retaken = 0
        if self.streams and not pitch:
            seam = Seam(RATE_HZ)
            try:
                yield from self._streamed(seam, text, voice, language, parameters)
                return
            except Abandoned:
                raise
            except torch.OutOfMemoryError as error:
                _log.warning("Chatterbox is out of memory on %s in a sentence: %s", self.device, error)
            except (EngineError, RuntimeError, IndexError, ValueError) as error:
                if seam.given or engine_fault(error) is not None:
                    raise
                _log.warning("a sentence of %d characters is made anew, as a whole: %s", len(text), error)
                retaken = 1
            _free()
            if seam.given:
                raise EngineOutOfMemory(f"Chatterbox is out of memory on {self.device} in the middle of a sentence")
        samples = self._piece(text, voice, language, parameters, retaken)
        if pitch:
            samples = self._loaded().marked_anew(pitch_shifted(samples, RATE_HZ, pitch))
        yield faded(trimmed(samples, RATE_HZ), RATE_HZ)

    def _streamed(
        self, seam: Seam, text: str, voice: Conditionals, language: str, parameters: Parameters
    ) -> Iterator[FloatArray]:
        """Raises EngineError over any fault before the first sound; later where the rest is no speech."""
        renders = self._loaded().stream(
            text,
            voice,
            language,
            parameters.values,
            seed=_seed(parameters, 0),
            most_codes=most_codes(len(text)),
            least_pace=_KEEPS_UP if self._config.stream == "auto" else 0.0,
        )
        with closing(renders):
            for render in renders:
                if render.last:
                    fault = judge(render.samples, render.codes, len(text))
                else:
                    fault = judge_so_far(render.samples, render.codes)
                if fault is not None and (fault.unusable or fault.hangs or not seam.given):
                    raise EngineError(f"Chatterbox made speech that could not be used: {fault.text}")
                if len(samples := seam.next(render.samples, last=render.last)):
                    yield samples
                if fault is not None:
                    _log.warning("%d characters are spoken as they were made, though %s", len(text), fault.text)

    def _piece(
        self, text: str, voice: Conditionals, language: str, parameters: Parameters, first: int = 0
    ) -> FloatArray:
        """Out of memory is tried once more, in two halves, after all that is free was given back. first: see below.

        Raises EngineOutOfMemory when that does not fit either, EngineError when no attempt can be played.
        """
        try:
            return self._attempted(text, voice, language, parameters, first)
        except torch.OutOfMemoryError as error:
            _log.warning("Chatterbox is out of memory on %s, trying again with less: %s", self.device, error)
        # Not in the handler: the traceback holds what has to go.
        _free()
        try:
            return np.concatenate([self._attempted(part, voice, language, parameters) for part in halves(text)])
        except torch.OutOfMemoryError:
            _log.warning("Chatterbox is out of memory on %s once more", self.device)
        _free()
        raise EngineOutOfMemory(f"Chatterbox is out of memory on {self.device}: the model turbo takes the least")

    def _attempted(
        self, text: str, voice: Conditionals, language: str, parameters: Parameters, first: int = 0
    ) -> FloatArray:
        """The best of the attempts from the `first` on. Raises EngineError when none can be played."""
        model = self._loaded()
        kept: FloatArray | None = None
        last = ""
        for attempt in range(first, ATTEMPTS):
            try:
                samples = model.speak(
                    text,
                    voice,
                    language,
                    parameters.values,
                    seed=_seed(parameters, attempt),
                    most_codes=most_codes(len(text)),
                )
            except Abandoned:
                raise
            except (EngineError, RuntimeError, IndexError, ValueError) as error:
                if engine_fault(error) is not None:
                    raise  # another seed does not help
                last = f"{type(error).__name__}: {error}"
            else:
                fault = judge(samples, model.codes, len(text))
                if fault is None:
                    return samples
                last = fault.text
                if not fault.unusable and kept is None:
                    kept = samples
            _log.warning("attempt %d of %d at %d characters: %s", attempt + 1, ATTEMPTS, len(text), last)
        if kept is None:
            raise EngineError(f"Chatterbox made no speech that could be used, with two seeds: {last}")
        return kept

    def _conditionals(self, name: str) -> Conditionals:
        """What the model is told of a voice; prepared once. Raises BadRequest for a voice that there is not."""
        model = self._loaded()
        if name == OWN_VOICE and model.own_voice is not None:
            return model.own_voice
        clip = self._clips.get(name)
        if clip is None:
            names = ", ".join(voice.name for voice in self.voices())
            raise BadRequest(f"Chatterbox has no voice {name!r}: choose from {names}", field="voice")
        if clip.fault:
            raise BadRequest(f"the voice {name} cannot be used: {clip.fault}", field="voice")
        if name not in self._heard:
            self._heard[name] = self._prepared(model, clip)
        return self._heard[name]

    def _prepared(self, model: Model, clip: Clip) -> Conditionals:
        """From the cache, else from the clip; a cache that cannot be read or written costs time only."""
        try:
            file = prepared_file(self._config.cache_dir, clip, self._identity)
        except OSError as error:
            raise EngineError(f"the voice {clip.name} is gone: {error.strerror or error}") from error
        if file.is_file():
            try:
                return model.read_conditionals(file)
            except Exception as error:  # torch.load raises whatever a broken file leads it to
                _log.warning("%s is broken and made anew: %s", file, error)
        heard = model.prepare(clip.path)
        written = file.with_suffix(f".{os.getpid()}")
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            heard.save(written)
            written.replace(file)
        except (OSError, RuntimeError) as error:
            _log.warning("the voice %s is prepared, but cannot be kept in %s: %s", clip.name, file.parent, error)
        return heard

    def _first_voice(self, model: Model) -> str:
        """The one that is named in the configuration, else the model's own, else the first clip that can be used."""
        named = self._config.voice
        usable = [name for name, clip in self._clips.items() if not clip.fault]
        if model.own_voice is not None:
            usable.insert(0, OWN_VOICE)
        if named and named not in usable:
            clip = self._clips.get(named)
            reason = clip.fault if clip is not None else f"choose from {', '.join(usable) or 'none'}"
            raise EngineUnavailable(f"[tts] voice {named!r} is no voice of Chatterbox's: {reason}")
        if not usable:
            raise EngineUnavailable(
                "Chatterbox has no voice: put a clip of 5 to 10 s of somebody speaking into "
                "[engines.chatterbox] voices_dir"
            )
        return named or usable[0]

    def _language(self, request: SynthesisRequest) -> str:
        """The request's, where the model speaks it; else the configuration's."""
        wanted = (request.language or self._config.language).replace("_", "-").partition("-")[0].lower()
        if wanted in self._languages():
            return wanted
        _log.warning(
            "Chatterbox's model %s does not speak %s: read as %s", self._config.model, wanted, self._config.language
        )
        return self._config.language

    def _languages(self) -> Sequence[str]:
        return LANGUAGES if self._config.model == "multilingual" else ("en",)

    def _described(self, name: str) -> str:
        return f"Chatterbox {self._config.model}, its own voice" if name == OWN_VOICE else f"Chatterbox voice {name}"

    def _loaded(self) -> Model:
        if self._model is None:
            raise EngineError("Chatterbox is not loaded")
        return self._model

    @staticmethod
    def _settled(config: ChatterboxConfig) -> Parameters:
        try:
            return settle(config, {})
        except BadRequest as error:
            raise EngineUnavailable(f"[engines.chatterbox] {error.message}") from error

    @staticmethod
    def _note(parameters: Parameters) -> None:
        for note in parameters.notes:
            _log.warning("%s", note)


def _seed(parameters: Parameters, attempt: int) -> int:
    """Another for each attempt."""
    first = secrets.randbelow(SEEDS) if parameters.seed is None else parameters.seed
    return (first + attempt * 1_000_003) % SEEDS


def _free() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
