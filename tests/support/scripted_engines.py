"""Engines that do what their configuration says: to be run in real worker processes and to misbehave there."""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Literal

from auricle.api import (
    AudioFrame,
    BadRequest,
    EngineError,
    EngineSpec,
    EngineUnavailable,
    Expected,
    PluginConfig,
    SttEngine,
    SynthesisRequest,
    Transcript,
    TtsEngine,
    Voice,
)

Deed = Literal["", "raise", "crash", "hang", "exit", "sys_exit", "unavailable", "leak", "print"]


class Script(PluginConfig, frozen=True, kw_only=True):
    on_load: Deed = ""
    on_request: Deed = ""
    load_s: float = 0.0
    request_s: float = 0.0
    """Slept before the answer; before each piece of speech."""
    pieces: int = 2
    piece_samples: int = 2_400
    partials: bool = False
    streams: bool = False
    fault: str = ""
    """With `raise`: a RuntimeError that says this, or one of torch's name for `OutOfMemoryError`."""
    device: str = ""
    self_test_rtf: float = 0.0
    once_file: str = ""
    """The deeds are done only while this file is there; the first one removes it."""
    voice: str = "anna"
    model: str = ""
    languages: tuple[str, ...] = ()
    judges: bool = False
    on_weigh: Deed = ""
    weigh_s: float = 0.0
    likelihoods: tuple[float, ...] = ()
    """What it says of texts; none is minus their length."""


def spec(name: str, kind: Literal["stt", "tts"], **others: object) -> EngineSpec:
    target = "support.scripted_engines:" + ("ScriptedStt" if kind == "stt" else "ScriptedTts")
    return EngineSpec(name=name, kind=kind, target=target, config=Script, **others)  # type: ignore[arg-type]


class OutOfMemoryError(RuntimeError):
    """As torch names its own."""


class _Scripted:
    def __init__(self, config: Script) -> None:
        self.config = config
        self.requests = 0
        self.streams = config.streams
        self.held = b""

    def load(self) -> None:
        time.sleep(self.config.load_s)
        self._do(self.config.on_load)
        self.device = "cpu" if self.config.device == "auto" else self.config.device

    def self_test(self) -> float:
        return self.config.self_test_rtf

    def _do(self, deed: Deed) -> None:
        if deed and self.config.once_file:
            if not os.path.exists(self.config.once_file):
                return
            os.unlink(self.config.once_file)
        match deed:
            case "raise" if self.config.fault == "OutOfMemoryError":
                raise OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
            case "raise" if self.config.fault:
                raise RuntimeError(self.config.fault)
            case "raise":
                raise EngineError("it did not work")
            case "crash":
                raise ZeroDivisionError("one by nought")
            case "hang":
                time.sleep(3600)
            case "exit":
                os._exit(3)
            case "sys_exit":
                sys.exit(4)
            case "unavailable":
                raise EngineUnavailable("the model is not there: auricle models pull scripted")
            case "leak":
                self.held += b"x" * (80 * 1024 * 1024)
            case "print":
                print("words from a library")


class ScriptedStt(_Scripted, SttEngine):
    expected: Expected | None = None

    def __init__(self, config: Script) -> None:
        super().__init__(config)
        self.judges = config.judges
        self.weighed = 0
        """Texts."""

    def expect(self, expected: Expected | None) -> None:
        self.expected = expected

    def likelihoods(self, utterance: str, texts: Sequence[str]) -> Sequence[float]:
        if not self.judges or utterance != f"{os.getpid()}-{self.requests}":
            raise BadRequest(f"{utterance} is not kept any more", field="utterance")
        self.weighed += len(texts)
        time.sleep(self.config.weigh_s)
        self._do(self.config.on_weigh)
        return self.config.likelihoods or [float(-len(text)) for text in texts]

    def transcribe(self, frames: Iterator[AudioFrame], language: str | None) -> Iterator[Transcript]:
        """The text counts the samples and names what was asked."""
        self.requests += 1
        heard = 0
        for frame in frames:
            heard += frame.samples
            if self.config.partials:
                yield Transcript(f"{heard} so far", final=False)
        self._do(self.config.on_request)
        time.sleep(self.config.request_s)
        config = self.config
        said = f"samples={heard} request={self.requests} pid={os.getpid()} prefix={sys.prefix} "
        said += f"model={config.model} languages={','.join(config.languages)} "
        said += f"threads={os.environ.get('OMP_NUM_THREADS')}"
        if self.expected is not None:
            said += f" expected={self.expected.language}:{'|'.join(self.expected.phrases)}"
        utterance = f"{os.getpid()}-{self.requests}" if self.judges else ""
        yield Transcript(said, language=language, confidence=0.75, utterance=utterance)


class ScriptedTts(_Scripted, TtsEngine):
    def voices(self) -> Sequence[Voice]:
        return (Voice(self.config.voice, "en", "a scripted voice"), Voice("bert", "de"))

    def synthesize(self, request: SynthesisRequest) -> Iterator[AudioFrame]:
        """Pieces of `piece_samples`; a sample's value counts requests, so that one can see who was served."""
        self.requests += 1
        if request.voice is not None and request.voice not in {voice.name for voice in self.voices()}:
            raise BadRequest(f"there is no voice {request.voice!r}", field="voice")
        value = int(request.options.get("value", self.requests))  # type: ignore[call-overload]
        sample = value.to_bytes(2, "little", signed=True)
        for index in range(self.config.pieces):
            time.sleep(self.config.request_s)
            if index == self.config.pieces - 1:
                self._do(self.config.on_request)
            yield AudioFrame(sample * int(self.config.piece_samples / request.speed), rate_hz=22_050)
