"""A source of sound that remembers the last half minute, for recordings that help to find faults."""

import threading
from collections import deque
from collections.abc import Callable

from auricle.model.audio import INBOUND_RATE_HZ, SAMPLE_BYTES, AudioFrame
from auricle.pipeline.ears import Source

_KEPT_S = 30


class Overheard:
    """Passes on what its source gives, and keeps a copy in memory; of muted sound it keeps nothing."""

    def __init__(self, source: Source, muted: Callable[[], bool]) -> None:
        self._source = source
        self._muted = muted
        self._frames: deque[AudioFrame] = deque()
        self._samples = 0
        self._guard = threading.Lock()
        self.position = 0
        """Index of the next sample to come."""

    @property
    def ended(self) -> bool:
        return self._source.ended

    @property
    def lossless(self) -> bool:
        return self._source.lossless

    def take(self, timeout_s: float) -> AudioFrame | None:
        """Called on the ears' thread."""
        frame = self._source.take(timeout_s)
        if frame is not None:
            with self._guard:
                self._keep(frame)
        return frame

    def since(self, first_sample: int) -> AudioFrame:
        """All sound from `first_sample` on that is still kept; it begins later where that is no more. Any thread."""
        with self._guard:
            frames = [frame for frame in self._frames if frame.end_sample > first_sample]
        if not frames:
            return AudioFrame(b"", first_sample)
        begins = max(first_sample, frames[0].first_sample)
        pcm = b"".join(frame.pcm for frame in frames)
        return AudioFrame(pcm[(begins - frames[0].first_sample) * SAMPLE_BYTES :], begins)

    def _keep(self, frame: AudioFrame) -> None:
        if self._muted() or frame.first_sample != self.position:
            self._frames.clear()
            self._samples = 0
        self.position = frame.end_sample
        if self._muted():
            return
        self._frames.append(frame)
        self._samples += frame.samples
        while self._samples > _KEPT_S * INBOUND_RATE_HZ:
            self._samples -= self._frames.popleft().samples
