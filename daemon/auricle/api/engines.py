"""What an engine author writes: blocking classes; processes, deadlines and wires are the daemon's work."""

import math
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from auricle.api.plugin import PluginConfig
from auricle.model.audio import INBOUND_RATE_HZ, AudioFrame
from auricle.model.errors import BadRequest
from auricle.model.intent import Expected, Transcript
from auricle.model.speech import SynthesisRequest

EngineKind = Literal["stt", "tts", "wake", "vad"]


@dataclass(frozen=True, slots=True)
class PipStep:
    """One call of `pip install`."""

    name: str
    """What it brings, for the one who waits: `PyTorch`."""
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to make an environment of an engine's own: a virtual environment that shares nothing with the daemon's."""

    name: str
    """Such as `light`; one word, unique among the engine's recipes."""
    steps: tuple[PipStep, ...]
    """In this order; what the daemon's side of the process needs is put in after them."""
    self_test: str
    """`module:function`, called in the finished environment with the path of an empty folder.

    It has to use the engine for real, and returns a line that says what it did; whatever it raises is the fault.
    """
    description: str = ""
    pythons: tuple[tuple[int, int], ...] = ()
    """Versions of Python that do, the best first; none is the daemon's own."""
    remove: tuple[str, ...] = ()
    """Patterns of files below `site-packages` that are in the way once all is installed: `torchaudio/lib/*.so`."""
    size_mb: int = 0
    """Room that it takes on disk, in MiB; 0 is unknown."""


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """How an engine is found and started. Making one imports nothing heavy."""

    name: str
    kind: EngineKind
    target: str
    """`module:Class`; only the process that runs the engine imports it."""
    config: type[PluginConfig] = PluginConfig
    """Type of the engine's own keys in `[engines.NAME]`; an instance is what the class is made with."""
    description: str = ""
    requires: tuple[str, ...] = ()
    """Modules that must be importable where the engine runs."""
    extra: str | None = None
    """The extra of this distribution that brings `requires`."""
    licence: str = ""
    languages: tuple[str, ...] = ("en",)
    recipes: tuple[Recipe, ...] = ()
    """Environments that `auricle engines install NAME` can make for it, the usual one first."""


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice that a TTS engine can speak with."""

    name: str
    language: str
    description: str = ""


_SELF_TEST_S = 2
_SELF_TEST_TEXT = "This sentence is spoken to find out how long that takes."


class SttEngine(ABC):
    """Speech to text in a process of its own. `__init__(self, config)` takes an instance of the spec's `config`."""

    device: str = ""
    """Where it computes, known once loaded: `cpu`, `cuda`, `mps`; empty is not told."""
    batch: int = 1
    """Whole utterances that it takes at a time, known once loaded; over 1 where `transcribe_all` is the quicker."""
    judges: bool = False
    """Whether `likelihoods` can be asked: finals have an `utterance`, whose sound is kept until the next request."""

    @abstractmethod
    def load(self) -> None:
        """Load the model and warm up; raise EngineUnavailable with what to do if that cannot be."""

    @abstractmethod
    def transcribe(self, frames: Iterator[AudioFrame], language: str | None) -> Iterator[Transcript]:
        """Yield partials, if any, then one final transcript.

        frames: inbound audio (16 kHz), consecutive, one utterance; ends when the speaker has ended.
        language: an ISO 639-1 code, or None for the engine's own choice.
        A final with empty text says that there were no words. Raises EngineError.
        """

    def transcribe_all(self, utterances: Sequence[tuple[Sequence[AudioFrame], str | None]]) -> Sequence[Transcript]:
        """The final transcripts of at most `batch` utterances, in their order; asked only where `batch` is over 1.

        utterances: each all of its frames, and its language, as of `transcribe`. Where this raises EngineError each is
        transcribed by itself. What comes of one must not depend on the others.
        """
        return [_last(self.transcribe(iter(frames), language)) for frames, language in utterances]

    def likelihoods(self, utterance: str, texts: Sequence[str]) -> Sequence[float]:
        """How likely it is that each of `texts` is what was said: the natural logarithm of its probability.

        utterance: of the last final transcript. texts: a few, written as the engine writes.
        Raises BadRequest where that is not kept (any more), EngineError.
        """
        raise BadRequest("this engine does not judge texts", field="utterance")

    def expect(self, expected: Expected | None) -> None:  # noqa: B027 -- most engines cannot be told
        """Told before each `transcribe`, on its thread, what is likely to be said; none where nothing is known."""

    def self_test(self) -> float:
        """Seconds of computing for a second of sound, measured now; called after `load`, where it matters.

        That is on a CPU in place of a GPU, to decide whether another engine had better listen. Override it where two
        seconds of noise are turned away before the work begins.
        """
        noise = random.Random(0).randbytes(2 * _SELF_TEST_S * INBOUND_RATE_HZ)
        began = time.monotonic()
        for _ in self.transcribe(iter([AudioFrame(noise)]), None):
            pass
        return (time.monotonic() - began) / _SELF_TEST_S

    def close(self) -> None:  # noqa: B027 -- most engines have nothing to release
        """Release what `load` took."""


def _last(transcripts: Iterator[Transcript]) -> Transcript:
    final = Transcript("")
    for final in transcripts:
        if final.final:
            break
    return final


class TtsEngine(ABC):
    """Text to speech in a process of its own. `__init__(self, config)` takes an instance of the spec's `config`."""

    device: str = ""
    """Where it computes, known once loaded: `cpu`, `cuda`, `mps`; empty is not told."""
    streams: bool = False
    """Whether sound comes in the middle of a sentence, to be played at once.

    Where it says no, a sentence is played once it is whole: if the engine fails, another can say all of it.
    """
    native_speed: ClassVar[bool] = True
    """Whether it speaks at the request's `speed` itself. Where it says no, the daemon stretches what it gave."""
    native_pitch: ClassVar[bool] = False
    """Whether it speaks at the request's `pitch` itself. Where it says no, the daemon shifts what it gave."""

    @abstractmethod
    def load(self) -> None:
        """Load the model and warm up; raise EngineUnavailable with what to do if that cannot be."""

    @abstractmethod
    def voices(self) -> Sequence[Voice]:
        """Voices that can be asked for by name, the default first; called after `load`."""

    @abstractmethod
    def synthesize(self, request: SynthesisRequest) -> Iterator[AudioFrame]:
        """Yield the speech in playing order; frames of any length, all of one rate.

        An abandoned generator is closed between two frames, so a frame is at most a sentence.
        Raises EngineError; BadRequest for a voice or option that there is not.
        """

    def self_test(self) -> float:
        """Seconds of computing for a second of speech, measured now; called after `load`, where it matters.

        That is on a CPU in place of a GPU, to decide whether another engine had better speak.
        """
        began = time.monotonic()
        spoken_s = sum(frame.seconds for frame in self.synthesize(SynthesisRequest(_SELF_TEST_TEXT)))
        return (time.monotonic() - began) / spoken_s if spoken_s else math.inf

    def abandon(self) -> None:  # noqa: B027 -- most engines are done with a sentence soon enough
        """Told, from another thread, that nobody wants the rest of the request in hand: end it in the sentence.

        Must return at once. What `synthesize` raises or yields after this goes nowhere.
        """

    def close(self) -> None:  # noqa: B027 -- most engines have nothing to release
        """Release what `load` took."""


@dataclass(frozen=True, slots=True)
class WakeWordChoice:
    """One word to listen for."""

    model: str
    """A name that the engine knows, or the path of a model file."""
    threshold: float | None = None
    """0 to 1; none is the model's own."""


@dataclass(frozen=True, slots=True)
class WakeScore:
    """One step of a detector."""

    wake_word: str
    """The model's name, such as `hey_jarvis`."""
    score: float
    """0 to 1."""
    threshold: float
    """The word's threshold: chosen by the user, else the model's own."""
    sample: int
    """Where a word that ends now ended: the step's position less the detector's own delay."""


class WakeEngine(ABC):
    """Wake word detection inside the daemon, on the ears' thread. `__init__(self, config, words)`."""

    def __init__(self, config: PluginConfig, words: Sequence[WakeWordChoice]) -> None:
        self.config = config
        self.words = tuple(words)

    @abstractmethod
    def load(self) -> None:
        """Load every word's model; raise EngineUnavailable naming the word or file that is missing or broken."""

    @abstractmethod
    def feed(self, frame: AudioFrame) -> Sequence[WakeScore]:
        """Take the next inbound audio, consecutive, of any length; return the scores of the steps it completed.

        Positions count in the stream of `frame.first_sample`; a jump in it counts as `reset`.
        """

    @abstractmethod
    def reset(self) -> None:
        """Forget all sound heard so far."""

    @abstractmethod
    def available_words(self) -> Sequence[str]:
        """Names that `WakeWordChoice.model` may have without a file; callable before `load`."""

    def close(self) -> None:  # noqa: B027 -- most engines have nothing to release
        """Release what `load` took."""


class VadEngine(ABC):
    """Voice activity detection inside the daemon, on the ears' thread. `__init__(self, config)`."""

    window_samples: int = 512
    """Length of audio that one probability is about, at 16 kHz."""

    @abstractmethod
    def load(self) -> None:
        """Load the model; raise EngineUnavailable with what to do if that cannot be."""

    @abstractmethod
    def probability(self, pcm: bytes) -> float:
        """Probability of voice in the next window. pcm: `window_samples` of inbound audio, consecutive to the last."""

    @abstractmethod
    def reset(self) -> None:
        """Forget all sound heard so far."""

    def close(self) -> None:  # noqa: B027 -- most engines have nothing to release
        """Release what `load` took."""
