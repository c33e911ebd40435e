"""The three Chatterbox models, each driven in the same way: told how long it may talk, and when to stop at once.

T3 looks up every code that it has sampled in `speech_emb` and asks `speech_head` for the next: a hook on the first sees
the codes and can raise between two of them, or render those there are; a hook on the second can make the end of speech
the only choice.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import librosa
import numpy as np
import numpy.typing as npt
import torch
from chatterbox import ChatterboxMultilingualTTS, ChatterboxTTS, mtl_tts, tts, tts_turbo
from chatterbox.tts_turbo import ChatterboxTurboTTS

from auricle.api import EngineError, EngineUnavailable
from auricle_chatterbox.seam import HELD_S
from auricle_chatterbox.steady import SAMPLES_OF_FRAME, Steady

FloatArray = npt.NDArray[np.float32]
_log = logging.getLogger("auricle.engines.chatterbox")

_VALID_CODES = 6561
_GRACE_CODES = 50
"""A model that talks on so long after it was made to end is stopped by force."""
_CPU_PROMPT_S = 4
"""Seconds of a clip that the decoder hears on a CPU: with all ten it takes six times as long."""
_RATE_HZ = 24_000
_NEVER, _SURELY = -1e4, 1e4
_ANALYZER = "AlignmentStreamAnalyzer."
_FIRST_CODES = 25
"""A render of fewer knows too little of what comes to sound like the whole."""
_GROWTH = 1.5
"""Each render makes all of the sentence so far anew, so they get rarer; what was played before covers the wait."""
_TURBO_STEPS = 2
_MOST_MARKS = 3
_MARKED = 0.9
"""Share of the watermark's bits that are read; all or none of them, mostly."""

_CLASSES = {
    "chatterbox": (ChatterboxTTS, tts.Conditionals),
    "multilingual": (ChatterboxMultilingualTTS, mtl_tts.Conditionals),
    "turbo": (ChatterboxTurboTTS, tts_turbo.Conditionals),
}


class Conditionals(Protocol):
    """What a model is told of a voice."""

    def save(self, file: Path) -> None: ...


@dataclass(frozen=True, slots=True)
class Render:
    """A sentence as far as it has come."""

    samples: FloatArray
    """At 24 kHz, watermarked."""
    codes: tuple[int, ...]
    last: bool
    """The whole; the end of the others is still to change."""


class Abandoned(EngineError):
    """Nobody wants the speech any more."""


class Model:
    """A loaded model. Not for two threads at once, but for `abandon`."""

    def __init__(self, name: str, folder: Path, device: str) -> None:
        """Raises EngineUnavailable if the files are not those of the model."""
        self._name = name
        self._device = device
        self._class, self._conditionals_class = _CLASSES[name]
        self._abandoned = threading.Event()
        self.codes: list[int] = []
        """What the last speech was made of."""
        try:
            # A string: the library compares it with strings.
            self._model = self._class.from_local(str(folder), device)
        except (OSError, RuntimeError, KeyError, ValueError, AssertionError, TypeError) as error:
            raise EngineUnavailable(
                f"the {name} model in {folder} cannot be loaded on {device}: {type(error).__name__}: {error}"
            ) from error
        if device == "cpu":
            self._model.DEC_COND_LEN = _CPU_PROMPT_S * _RATE_HZ
        self.preparation = f"prompt {self._model.DEC_COND_LEN}"
        """What else than the files decides what is heard in a clip."""
        self.own_voice: Conditionals | None = self._model.conds

    def prepare(self, clip: Path) -> Conditionals:
        """What the model hears in a clip. Takes seconds."""
        with torch.inference_mode():
            self._model.prepare_conditionals(str(clip))
        heard: Conditionals = self._model.conds
        return heard

    def read_conditionals(self, file: Path) -> Conditionals:
        """Raises what torch raises for a file that is none."""
        read: Conditionals = self._conditionals_class.load(file, map_location=self._device).to(self._device)
        return read

    def speak(
        self,
        text: str,
        voice: Conditionals,
        language: str,
        values: Mapping[str, float],
        *,
        seed: int,
        most_codes: int,
    ) -> FloatArray:
        """Samples at 24 kHz, watermarked. most_codes: after so many the speech is ended, and kept.

        Raises Abandoned, at the next code, once `abandon` was called.
        """
        steady = Steady(seed)
        return self._generated(text, voice, language, values, seed, most_codes, steady, lambda: None)

    def stream(
        self,
        text: str,
        voice: Conditionals,
        language: str,
        values: Mapping[str, float],
        *,
        seed: int,
        most_codes: int,
        least_pace: float = 0.0,
    ) -> Generator[Render, None, None]:
        """As `speak`, in renders: all of the sentence as far as it has come, and at last the whole.

        least_pace: codes a second below which there is none but the last: the rest would be played faster than they are
        made. Closing this ends the speech at the next code.
        """
        steady = Steady(seed)
        due = _Due(least_pace)
        renders: queue.SimpleQueue[Render | Exception] = queue.SimpleQueue()  # one sentence's
        closed = threading.Event()

        def at_code() -> None:
            if closed.is_set():
                raise Abandoned("nobody wants the rest")
            if due.now(len(self.codes), time.monotonic()):
                renders.put(Render(self._rendered(voice, steady), tuple(self.codes), last=False))

        def work() -> None:
            try:
                whole = self._generated(text, voice, language, values, seed, most_codes, steady, at_code)
                renders.put(Render(whole, tuple(self.codes), last=True))
            except Exception as error:  # a thread's top: handed to the one who waits
                renders.put(error)

        thread = threading.Thread(target=work, name="Chatterbox's codes", daemon=True)
        thread.start()
        try:
            last = False
            while not last:
                render = renders.get()
                if isinstance(render, Exception):
                    raise render
                last = render.last
                yield render
        finally:
            closed.set()
            thread.join()

    def marked(self, samples: FloatArray) -> FloatArray:
        """The same with the watermark put in."""
        with _marking():
            again = self._model.watermarker.apply_watermark(samples, sample_rate=_RATE_HZ)
        return np.asarray(again, dtype=np.float32).reshape(-1)

    def marked_anew(self, samples: FloatArray) -> FloatArray:
        """The same with the watermark put in once more: a change of pitch has taken it out.

        What the change has left of the old one can hide the new one: then it is put in again, until it can be read.
        """
        for _ in range(_MOST_MARKS):
            samples = self.marked(samples)
            with _marking():
                found = self._model.watermarker.get_watermark(samples, sample_rate=_RATE_HZ)
            if float(np.mean(found)) > _MARKED:
                return samples
        _log.warning(
            "no watermark can be read from speech of another pitch, though it was put in %d times", _MOST_MARKS
        )
        return samples

    def begin(self) -> None:
        """A new request: what was abandoned is past."""
        self._abandoned.clear()

    def abandon(self) -> None:
        """From any thread."""
        self._abandoned.set()

    def close(self) -> None:
        del self._model
        self.own_voice = None
        if self._device == "cuda":
            torch.cuda.empty_cache()

    def _generated(
        self,
        text: str,
        voice: Conditionals,
        language: str,
        values: Mapping[str, float],
        seed: int,
        most_codes: int,
        steady: Steady,
        at_code: Callable[[], None],
    ) -> FloatArray:
        self._model.conds = voice
        self.codes = []
        torch.manual_seed(seed)
        arguments = dict(values)
        extra = {"language_id": language} if self._name == "multilingual" else {}
        with steady.over(self._model.s3gen), self._watched(most_codes, at_code), self._analyzer_removed(), _marking():
            made = self._model.generate(text, **extra, **arguments)
        samples: FloatArray = made.squeeze(0).detach().cpu().numpy().astype(np.float32)
        return samples

    def _rendered(self, voice: Any, steady: Steady) -> FloatArray:
        """The codes so far as the library makes the whole of them, watermarked; the codes to come stay as they are."""
        steps = {"n_cfm_timesteps": _TURBO_STEPS} if self._name == "turbo" else {}
        with torch.random.fork_rng(devices=[torch.cuda.current_device()] if self._device == "cuda" else []):
            codes = torch.tensor(self.codes, device=self._device)
            sound, _ = self._model.s3gen.inference(speech_tokens=codes, ref_dict=voice.gen, **steps)
        samples = self.marked(sound.squeeze(0).detach().cpu().numpy())
        steady.played = max(0, len(samples) - int(HELD_S * _RATE_HZ)) // SAMPLES_OF_FRAME
        return samples

    @contextmanager
    def _watched(self, most_codes: int, at_code: Callable[[], None]) -> Iterator[None]:
        t3 = self._model.t3
        stop = t3.hp.stop_speech_token

        def seen(_module: torch.nn.Module, arguments: tuple[torch.Tensor, ...], _result: torch.Tensor) -> None:
            if self._abandoned.is_set():
                raise Abandoned("nobody wants it any more")
            if arguments[0].numel() == 1 and (code := int(arguments[0])) < _VALID_CODES:
                self.codes.append(code)
                if len(self.codes) > most_codes + _GRACE_CODES:
                    raise EngineError(f"Chatterbox did not come to an end after {len(self.codes)} sounds")
                at_code()

        def judged(
            _module: torch.nn.Module, _arguments: tuple[torch.Tensor, ...], logits: torch.Tensor
        ) -> torch.Tensor:
            if len(self.codes) >= most_codes:
                logits = torch.full_like(logits, _NEVER)
                logits[..., stop] = _SURELY
            else:
                # Codes beyond the valid ones are no sounds; not every model leaves them out.
                logits = logits.clone()
                logits[..., _VALID_CODES:stop] = _NEVER
                logits[..., stop + 1 :] = _NEVER
            return logits

        hooks = (t3.speech_emb.register_forward_hook(seen), t3.speech_head.register_forward_hook(judged))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    @contextmanager
    def _analyzer_removed(self) -> Iterator[None]:
        """The multilingual model's analyzer leaves hooks behind at each call, and those spoil the next: they go."""
        try:
            yield
        finally:
            for module in self._model.t3.tfmr.modules():
                hooks = module._forward_hooks
                # Only the analyzer's: the transformers library has hooks there that it sets once.
                for key in [key for key, hook in hooks.items() if _ANALYZER in getattr(hook, "__qualname__", "")]:
                    del hooks[key]


class _Due:
    """Says after which codes to render: rarer and rarer, and not at all below a pace."""

    def __init__(self, least_pace: float) -> None:
        self._least_pace = least_pace
        self._next = _FIRST_CODES
        self._step: float = _FIRST_CODES
        self._began_s: float | None = None

    def now(self, codes: int, at_s: float) -> bool:
        """codes: so many there are at the second `at_s`."""
        if self._began_s is None:
            self._began_s = at_s
        if codes < self._next:
            return False
        keeps_up = codes >= self._least_pace * (at_s - self._began_s)
        self._next += int(self._step)
        if keeps_up:
            self._step *= _GROWTH
        return keeps_up


@contextmanager
def _marking() -> Iterator[None]:
    """The watermark's library does not take what is no sound; its error is of a kind of its own."""
    try:
        yield
    except librosa.ParameterError as error:
        raise EngineError(f"the sound cannot be marked: {error}") from error


def pick_device(wanted: str) -> str:
    """Raises EngineUnavailable for a device that is not there."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if wanted == "auto":
        return next(name for name, found in there.items() if found)
    if not there[wanted]:
        raise EngineUnavailable(
            f"[engines.chatterbox] device = {wanted!r}, but PyTorch finds none here; `auto` takes what there is"
        )
    return wanted
