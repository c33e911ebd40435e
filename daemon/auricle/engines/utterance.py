"""One utterance on its way from a connection to the engine's thread, and the request that it belongs to."""

import queue
import time
from collections.abc import Iterator

from auricle.engines.inbound import InboundConverter
from auricle.engines.messages import AudioStart
from auricle.model.audio import INBOUND_RATE_HZ, SAMPLE_BYTES, AudioFrame
from auricle.model.errors import BadRequest, EngineError

MAX_UTTERANCE_S = 600
"""Longest audio of one request."""


class Abandoned(EngineError):
    """The client went away before the end of the utterance; the engine gives up on it."""


class Utterance:
    """Filled on the event loop, iterated on the engine's thread."""

    def __init__(self, start: AudioStart) -> None:
        """Raises BadRequest for a format that cannot be converted."""
        self.ended = False
        self.waited_s = 0.0
        """How long the engine has waited for the speaker."""
        self._format = (start.rate, start.width, start.channels)
        self._converter = InboundConverter(*self._format)
        self._samples = 0
        self._frames: queue.SimpleQueue[AudioFrame | None] = queue.SimpleQueue()
        self._abandoned = False

    def feed(self, pcm: bytes, rate: int, width: int, channels: int) -> None:
        """Raises BadRequest for another format than at the start, or more than MAX_UTTERANCE_S."""
        if (rate, width, channels) != self._format:
            raise BadRequest("an audio-chunk has another format than its audio-start", field="rate")
        self._put(self._converter.feed(pcm))

    @property
    def seconds(self) -> float:
        """Length of what was said so far."""
        return self._samples / INBOUND_RATE_HZ

    @property
    def abandoned(self) -> bool:
        """Nobody waits for what comes of it."""
        return self._abandoned

    @property
    def whole(self) -> bool:
        """All of it is here."""
        return self.ended and not self._abandoned

    def end(self) -> None:
        """The speaker has ended."""
        if not self.ended:
            self._put(self._converter.feed(b"", last=True))
            self.ended = True
            self._frames.put(None)

    def abandon(self) -> None:
        """Make the engine stop at its next frame."""
        self.ended = self._abandoned = True
        self._frames.put(None)

    def __iter__(self) -> Iterator[AudioFrame]:
        while (frame := self._next()) is not None and not self._abandoned:
            yield frame
        if self._abandoned:
            raise Abandoned("the client went away")

    def _next(self) -> AudioFrame | None:
        began = time.monotonic()
        frame = self._frames.get()
        self.waited_s += time.monotonic() - began
        return frame

    def _put(self, pcm: bytes) -> None:
        if not pcm or self.ended:
            return
        frame = AudioFrame(pcm, self._samples)
        if frame.end_sample * SAMPLE_BYTES > MAX_UTTERANCE_S * INBOUND_RATE_HZ * SAMPLE_BYTES:
            raise BadRequest(f"the audio of one request is at most {MAX_UTTERANCE_S} s long", field="audio")
        self._samples = frame.end_sample
        self._frames.put(frame)
