"""Conversion of sample rates in a stream, by soxr."""

import numpy as np
import soxr

from auricle.model.audio import SAMPLE_BYTES


class Resampler:
    """16-bit mono from one rate to another, piece by piece without seams."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self._stream = None if from_hz == to_hz else soxr.ResampleStream(from_hz, to_hz, 1, dtype="int16", quality="HQ")

    def feed(self, pcm: bytes) -> bytes:
        """Return what is ready of all fed so far, which may be nothing."""
        if self._stream is None:
            return pcm
        whole = pcm[: len(pcm) // SAMPLE_BYTES * SAMPLE_BYTES]
        return bytes(self._stream.resample_chunk(np.frombuffer(whole, "<i2")).tobytes())

    def finish(self) -> bytes:
        """Return the rest; nothing may be fed afterwards."""
        if self._stream is None:
            return b""
        return bytes(self._stream.resample_chunk(np.empty(0, "<i2"), last=True).tobytes())
