"""Sound that came over the wire, brought to the one inbound format: 16 kHz, 16 bit, mono."""

import numpy as np
import soxr

from auricle.model.audio import INBOUND_RATE_HZ
from auricle.model.errors import BadRequest

_WIDTHS = {1: "u1", 2: "<i2", 4: "<i4"}


class InboundConverter:
    """Converts one stream of PCM, whatever the size of its pieces.

    Raises BadRequest for a rate outside 4 to 384 kHz, a width other than 1 (unsigned), 2 or 4 bytes, over 8 channels.
    """

    def __init__(self, rate_hz: int, width: int, channels: int) -> None:
        if not 4_000 <= rate_hz <= 384_000:
            raise BadRequest(f"audio at {rate_hz} Hz cannot be used: 4000 to 384000 can", field="rate")
        if width not in _WIDTHS:
            raise BadRequest(f"samples of {width} bytes cannot be used: 1, 2 and 4 can", field="width")
        if not 1 <= channels <= 8:
            raise BadRequest(f"{channels} channels cannot be used: 1 to 8 can", field="channels")
        self._width = width
        self._channels = channels
        self._same = (rate_hz, width, channels) == (INBOUND_RATE_HZ, 2, 1)
        self._resampler = (
            None if rate_hz == INBOUND_RATE_HZ else soxr.ResampleStream(rate_hz, INBOUND_RATE_HZ, 1, dtype="float32")
        )
        self._rest = b""

    def feed(self, pcm: bytes, *, last: bool = False) -> bytes:
        """Return what can be given so far; with `last`, all that is left. An incomplete last sample is dropped."""
        pcm = self._rest + pcm
        whole = len(pcm) - len(pcm) % (self._width * self._channels)
        self._rest = pcm[whole:]
        if self._same:
            return pcm[:whole]
        samples = np.frombuffer(pcm[:whole], np.dtype(_WIDTHS[self._width])).reshape(-1, self._channels)
        mono = samples.astype(np.float32).mean(axis=1, dtype=np.float32)
        mono = (mono - 128.0) / 128.0 if self._width == 1 else mono / float(1 << (8 * self._width - 1))
        if self._resampler is not None:
            mono = self._resampler.resample_chunk(mono, last=last)
        scaled: bytes = np.clip(np.rint(mono * 32768.0), -32768, 32767).astype("<i2").tobytes()
        return scaled
