"""Engines at the other end of a wire, used as if they were here: the contracts ask of them what they ask of all."""

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterator, Sequence
from typing import Any, TypeVar

from auricle.api import AudioFrame, Expected, SttEngine, SynthesisRequest, Transcript, TtsEngine, Voice
from auricle.engines.place import Place, Remote
from auricle.engines.proxy import WyomingStt, WyomingTts

_PATIENCE_S = 60.0
_Found = TypeVar("_Found")


class Loop:
    """An event loop on a thread of its own, for code that blocks."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wire")
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, _Found]) -> _Found:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_S * 2)

    def iterate(self, items: AsyncGenerator[_Found, None]) -> Iterator[_Found]:
        try:
            while True:
                try:
                    yield self.run(_next(items))
                except StopAsyncIteration:
                    return
        finally:
            self.run(_closed(items))

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10.0)
        self._loop.close()


class SttOverTheWire(SttEngine):
    def __init__(self, place: Place, loop: Loop) -> None:
        self._stt = WyomingStt(place, timeout_s=_PATIENCE_S)
        self._loop = loop
        self._expected: Expected | None = None

    def load(self) -> None:
        """Its server does that."""

    def expect(self, expected: Expected | None) -> None:
        self._expected = expected

    def transcribe(self, frames: Iterator[AudioFrame], language: str | None) -> Iterator[Transcript]:
        async def sent() -> AsyncIterator[AudioFrame]:
            for frame in frames:
                yield frame

        yield from self._loop.iterate(self._stt.transcribe(sent(), language, self._expected))

    def likelihoods(self, utterance: str, texts: Sequence[str]) -> Sequence[float]:
        return self._loop.run(self._stt.likelihoods(utterance, texts))


class TtsOverTheWire(TtsEngine):
    def __init__(self, place: Place, loop: Loop, *, native_speed: bool = True) -> None:
        self.native_speed = native_speed  # type: ignore[misc]  # of the engine behind it
        self._tts = WyomingTts(place, timeout_s=_PATIENCE_S)
        self._place = place
        self._loop = loop

    def load(self) -> None:
        """Its server does that."""

    def voices(self) -> Sequence[Voice]:
        if isinstance(self._place, Remote):
            self._loop.run(self._place.look())
        return self._place.voices

    def synthesize(self, request: SynthesisRequest) -> Iterator[AudioFrame]:
        yield from self._loop.iterate(self._tts.synthesize(request))


@contextlib.contextmanager
def served(name: str, **environ: str) -> Iterator[str]:
    """The address of an engine that `auricle engines serve` offers on a port of this machine."""
    process = subprocess.Popen(
        [sys.executable, "-m", "auricle", "engines", "serve", name, "--uri", "tcp://127.0.0.1:0"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **environ},
        text=True,
    )
    assert process.stdout is not None
    try:
        told = []
        for line in process.stdout:
            told.append(line)
            if "tcp://" in line:
                yield "tcp://" + line.split("tcp://")[1].split()[0].rstrip(".,;")
                return
        raise AssertionError("".join(told))
    finally:
        process.terminate()
        process.communicate(timeout=20)


async def _next(items: AsyncGenerator[_Found, None]) -> _Found:
    return await anext(items)


async def _closed(items: AsyncGenerator[_Found, None]) -> None:
    await items.aclose()
