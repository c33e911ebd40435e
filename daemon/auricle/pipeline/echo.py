"""Our own voice taken out of the microphone's sound, while and only while something is played."""

from collections import deque

import numpy as np
import numpy.typing as npt

from auricle.model.audio import INBOUND_RATE_HZ, SAMPLE_BYTES
from auricle.pipeline.echo_delay import MOST_DRIFT, DelayTracker
from auricle.pipeline.echo_filter import BLOCK, EchoFilter
from auricle.pipeline.far_end import FarEnd

Floats = npt.NDArray[np.float32]

_FIRST_DELAY = 0.05 * INBOUND_RATE_HZ
"""Before any echo was found: what devices keep in hand at least."""
_LEAD = 0.02 * INBOUND_RATE_HZ
"""Where in the filter the echo is put, so that it may come earlier too."""
_EARLIEST, _LATEST = 0.004 * INBOUND_RATE_HZ, 0.12 * INBOUND_RATE_HZ
"""Where in the filter it may be without being moved."""
_SAME = 0.005 * INBOUND_RATE_HZ
_TAIL = 0.4 * INBOUND_RATE_HZ
"""Of echo after the last sound that was played."""
_ASTRAY = 0.15 * INBOUND_RATE_HZ
_CLOCK_BLOCKS = 64
_CHANGE = 5e-6
_LEVEL_MEMORY = 0.97
_WORSE_DB = -1.0
_PATIENCE = INBOUND_RATE_HZ // 2
_HEARD_DB = 6.0
_FULL_SCALE = 32_768.0


class EchoCanceller:
    """Fed with all inbound audio, block by block, on the ears' thread; costs nothing while nothing is played.

    The two devices' clocks say roughly where in the far end a sample of the microphone is; the echo itself, found by
    correlation, says where exactly and how much the clocks differ, and that is kept from one speech to the next.
    """

    def __init__(self, far_end: FarEnd) -> None:
        self._far_end = far_end
        self._filter = EchoFilter()
        self._tracker = DelayTracker()
        self._delay = _FIRST_DELAY
        self._pace = 1.0
        """Samples of the far end to one of the microphone."""
        self._place: float | None = None
        """Position in the far end of the next sample to be cleaned; none while nothing is played."""
        self._opened = 0
        self._kept: float | None = None
        """The same while nothing is played, as long as the two devices go on."""
        self._found: float | None = None
        self._settled = False
        self._rest = b""
        self._fed = 0
        self._clock: deque[float] = deque(maxlen=_CLOCK_BLOCKS)
        """time.monotonic() of the first sample ever, as each of the last blocks has it."""
        self._before = self._after = 0.0
        self._worse = 0
        self.own: npt.NDArray[np.float32] = np.zeros(0, np.float32)
        """Our own voice, where it lies in what the last `feed` returned; empty while nothing is played."""

    @property
    def active(self) -> bool:
        """Whether something is played, or has just been."""
        return self._place is not None

    @property
    def removed_db(self) -> float:
        """How much weaker our own voice has become of late; what a person says over it makes this less."""
        return 10 * float(np.log10((self._before + 1e-12) / (self._after + 1e-12)))

    @property
    def learned(self) -> bool:
        """Whether the echo has been found and mostly removed."""
        return self.removed_db >= _HEARD_DB

    @property
    def drift_ppm(self) -> float:
        """How much faster the loudspeaker's clock runs than the microphone's."""
        return (self._pace - 1) * 1e6

    @property
    def delay_s(self) -> float:
        """From what the loudspeaker asked for to what the microphone gave: where the filter begins."""
        return self._delay / INBOUND_RATE_HZ

    def feed(self, pcm: bytes, arrived_s: float) -> bytes:
        """Return inbound audio without our own voice: while something is played, whole pieces of 16 ms.

        arrived_s: time.monotonic() when the last sample of `pcm` came.
        """
        self._fed += len(pcm) // SAMPLE_BYTES
        self._clock.append(arrived_s - self._fed / INBOUND_RATE_HZ)
        far = self._far_end
        far.take_in()
        pcm = self._rest + pcm
        self.own = np.zeros(0, np.float32)
        self._look(self._fed - len(pcm) // SAMPLE_BYTES)
        if self._place is None:
            self._rest = b""
            if self._kept is not None:
                self._kept += len(pcm) // SAMPLE_BYTES * self._pace
            return pcm
        whole = len(pcm) // (BLOCK * SAMPLE_BYTES) * BLOCK * SAMPLE_BYTES
        self._rest = pcm[whole:]
        near = np.frombuffer(pcm[:whole], "<i2").astype(np.float32) / np.float32(_FULL_SCALE)
        if not len(near):
            return b""
        own, cleaned = self._clean(near, self._place)
        self._place += len(near) * self._pace
        self.own = own
        self._follow(near, own)
        return np.clip(np.round(cleaned * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1).astype("<i2").tobytes()

    def reset(self) -> None:
        """Sound is missing before what comes next; what was held back is dropped."""
        self._rest = b""
        self._fed = 0
        self._clock.clear()
        self._place = self._kept = None
        self._tracker.forget()

    def _look(self, first: int) -> None:
        """Decide whether, and where, the far end is heard at the microphone's sample `first`."""
        far = self._far_end
        place = (min(self._clock) + first / INBOUND_RATE_HZ - far.began_s) * INBOUND_RATE_HZ - self._delay
        if far.opened != self._opened:
            self._opened, self._place, self._kept = far.opened, None, None
        known = self._kept if self._place is None else self._place
        self._kept = None
        if known is not None and abs(place - known) > _ASTRAY:
            known = None
        at = place if known is None else known
        if at > far.sounded + _TAIL:
            self._place, self._kept = None, known
            return
        if self._place is None:
            self._found = None
            self._tracker.forget()
            if known is None:
                self._filter.doubt_all()
        self._place = at

    def _clean(self, near: Floats, place: float) -> tuple[Floats, Floats]:
        own = self._far_end.read(place, len(near), self._pace)
        steps = range(0, len(near), BLOCK)
        cleaned = np.concatenate([self._filter.feed(near[at : at + BLOCK], own[at : at + BLOCK]) for at in steps])
        if np.any(own):
            memory = _LEVEL_MEMORY ** len(steps)
            self._before = memory * self._before + (1 - memory) * float(np.mean(near * near))
            self._after = memory * self._after + (1 - memory) * float(np.mean(cleaned * cleaned))
            self._worse = self._worse + len(near) if self.removed_db < _WORSE_DB else 0
            if self._worse > _PATIENCE:  # a filter that is sure and wrong would take long to learn anew
                self._filter = EchoFilter()
                self._before = self._after
                self._worse = 0
        return own, cleaned

    def _follow(self, near: Floats, own: Floats) -> None:
        lag = self._tracker.feed(near, own)
        if lag is None:
            return
        before, self._found = self._found, lag
        if before is None or abs(before - lag) > _SAME:
            return
        if not _EARLIEST <= lag <= _LATEST:
            self._move(lag - _LEAD)
            return
        more = self._tracker.drift(self._fed, lag, settled=self._settled)
        if more is not None:
            self._settled = True
            if abs(more) > _CHANGE:
                self._pace = min(1 + MOST_DRIFT, max(1 - MOST_DRIFT, self._pace + more))
            self._tracker.begin_line()

    def _move(self, samples: float) -> None:
        """Put the echo where the filter has room for it."""
        if self._place is not None:
            self._place -= samples
        self._delay += samples
        self._filter = EchoFilter()
        self._found = None
        self._tracker.forget()
