"""Sound that has just been heard, for whoever has to listen to a part of it again."""

from collections import deque

from auricle.model.audio import INBOUND_RATE_HZ, SAMPLE_BYTES, AudioFrame

_RING_SAMPLES = 5 * INBOUND_RATE_HZ
"""A word that is confirmed 3 s late, and what was before it."""


class RecentSound:
    """The last 5 s of inbound audio, one stream of it: what is not consecutive begins anew. For one thread."""

    def __init__(self) -> None:
        self._ring: deque[AudioFrame] = deque()
        self._samples = 0
        self.stream = 0
        """Counts the jumps in the sound: an answer about what was before one is void."""

    @property
    def end_sample(self) -> int | None:
        """Where the sound ends; none where there is none."""
        return self._ring[-1].end_sample if self._ring else None

    def remember(self, frame: AudioFrame) -> None:
        """Take the next inbound audio."""
        if self._ring and self._ring[-1].end_sample != frame.first_sample:
            self.reset()
        self._ring.append(frame)
        self._samples += frame.samples
        while self._samples - self._ring[0].samples >= _RING_SAMPLES:
            self._samples -= self._ring.popleft().samples

    def between(self, first_sample: int, end_sample: int) -> AudioFrame:
        """The sound from one sample to another, as far as it is remembered; one sample at least."""
        oldest = self._ring[0].first_sample
        first = max(oldest, first_sample)
        end = max(first + 1, end_sample)
        pcm = b"".join(frame.pcm for frame in self._ring if frame.end_sample > first and frame.first_sample < end)
        start = next(frame.first_sample for frame in self._ring if frame.end_sample > first)
        return AudioFrame(pcm[(first - start) * SAMPLE_BYTES : (end - start) * SAMPLE_BYTES], first)

    def reset(self) -> None:
        """Forget all sound."""
        self._ring.clear()
        self._samples = 0
        self.stream += 1
