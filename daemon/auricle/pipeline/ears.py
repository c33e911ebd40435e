"""The loop that never waits: every block of sound goes to the wake words and, while a turn listens, to its tap."""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from auricle.api import AudioFrame, AuricleError, VadEngine
from auricle.model.audio import INBOUND_RATE_HZ, SAMPLE_BYTES
from auricle.pipeline.meter import Meter
from auricle.pipeline.own_voice import OwnVoice
from auricle.pipeline.wake import WakeDetector, WakeHit

_LOG = logging.getLogger(__name__)
_RING_S = 4.0
_TAP_WINDOWS = 2048
_TAKE_S = 0.25
_HOLD_S = 0.02
_FAULT_PAUSE_S = 0.5


class Source(Protocol):
    """Where inbound audio comes from; `pipeline.capture.Capture` is the real one."""

    @property
    def ended(self) -> bool: ...

    @property
    def lossless(self) -> bool: ...

    def take(self, timeout_s: float) -> AudioFrame | None: ...


class Tap:
    """A bounded stream of inbound audio, in windows that the VAD has judged, from one sample on.

    Iterate it on the event loop; it ends when the sound ends or `close` is called. A reader that falls a minute
    behind loses the oldest windows, and `lost` counts them; a lossless source waits for its reader instead.
    """

    def __init__(self, first_sample: int, loop: asyncio.AbstractEventLoop, *, lossless: bool) -> None:
        self.next_sample = first_sample
        self.lost = 0
        self.closed = False
        self.room = threading.Event()
        self.room.set()
        self._loop = loop
        self._lossless = lossless
        self._windows: deque[AudioFrame] = deque()
        self._arrived = asyncio.Event()
        self._ended = False

    def push(self, windows: list[AudioFrame]) -> None:
        """Called on the ears' thread."""
        if self._lossless:
            while not self.room.wait(_TAKE_S) and not self.closed:
                pass
            self.room.clear()
        self._loop.call_soon_threadsafe(self._take_in, windows)

    def end(self) -> None:
        """Called on any thread: no more sound will come."""
        self._loop.call_soon_threadsafe(self._finish)

    def close(self) -> None:
        self.closed = True
        self._finish()

    def _take_in(self, windows: list[AudioFrame]) -> None:
        self._windows.extend(windows)
        while len(self._windows) > _TAP_WINDOWS:
            self._windows.popleft()
            self.lost += 1
        self._arrived.set()

    def _finish(self) -> None:
        self._ended = True
        self.room.set()
        self._arrived.set()

    async def __aiter__(self) -> AsyncIterator[AudioFrame]:
        while True:
            if self._windows:
                window = self._windows.popleft()
                if not self._windows:
                    self.room.set()
                yield window
            elif self._ended:
                return
            else:
                self._arrived.clear()
                await self._arrived.wait()


class Ears:
    """Owns the thread between capture and everything that listens.

    `on_wake`, `on_end` (the sound has ended for good) and `on_fault` are called on the event loop.
    """

    def __init__(
        self,
        source: Source,
        detector: WakeDetector,
        vad: VadEngine,
        *,
        loop: asyncio.AbstractEventLoop,
        on_wake: Callable[[WakeHit], None],
        on_end: Callable[[], None],
        on_fault: Callable[[AuricleError], None],
        meter: Meter | None = None,
        own_voice: OwnVoice | None = None,
        on_stop: Callable[[WakeHit], None] = lambda hit: None,
    ) -> None:
        """own_voice: what is heard while we speak; `on_stop`, on the event loop, is told of a word that silences us."""
        self._own_voice = own_voice
        self._on_stop = on_stop
        self._source = source
        self._detector = detector
        self._vad = vad
        self._loop = loop
        self._on_wake = on_wake
        self._on_end = on_end
        self._on_fault = on_fault
        self._meter = meter
        self._ring: deque[AudioFrame] = deque()
        self._ring_samples = 0
        self._tap: Tap | None = None
        self._tail = b""
        self._muted = False
        self._stopping = False
        self._over = False
        self._turn_over = threading.Event()
        self._turn_over.set()
        self._thread = threading.Thread(target=self._run, name="ears", daemon=True)
        self.position = 0
        """Index of the next sample to be heard."""
        self.heard_s = self.turned_s = time.monotonic()
        """When sound last came, and when it was last looked for."""
        self.busy_s = 0.0
        """CPU time that the ears' thread has used."""

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 1.0) -> None:
        """Returns when the thread has ended, or after `timeout_s`."""
        self._stopping = True
        self._turn_over.set()
        if (tap := self._tap) is not None:
            tap.close()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def set_muted(self, muted: bool) -> None:
        """Muted ears throw all sound away: no wake word, nothing in the ring, and an open tap ends."""
        self._muted = muted
        if muted and (tap := self._tap) is not None:
            tap.end()

    def tap(self, first_sample: int) -> Tap:
        """Open the one tap, from `first_sample` on (at most the last 4 s); an earlier tap ends."""
        if self._tap is not None:
            self._tap.close()
        self._tap = Tap(first_sample, self._loop, lossless=self._source.lossless)
        if self._over:
            self._tap.end()
        return self._tap

    def turn_begins(self) -> None:
        """A file read as fast as it goes waits while a turn thinks and speaks, as a person would."""
        self._turn_over.clear()

    def turn_ends(self) -> None:
        self._turn_over.set()

    def _run(self) -> None:
        while not self._stopping:
            try:
                if not self._hear_block():
                    break
            except Exception as error:
                _LOG.exception("the ears stumbled and go on")
                self._loop.call_soon_threadsafe(self._on_fault, AuricleError(f"listening failed: {error}", code="ears"))
                time.sleep(_FAULT_PAUSE_S)
        self._over = True  # before the look at the tap: one that is opened now looks here
        if (tap := self._tap) is not None:
            tap.end()
        if not self._stopping:
            self._loop.call_soon_threadsafe(self._on_end)

    def _hear_block(self) -> bool:
        frame = self._source.take(_TAKE_S)
        self.turned_s = time.monotonic()
        if frame is None:
            return not self._source.ended
        self.heard_s = self.turned_s
        self.position = frame.end_sample
        self.busy_s = time.thread_time()
        if self._muted:
            self._ring.clear()
            self._ring_samples = 0
            return True
        self._remember(frame)
        own = self._own_voice
        if own is not None and (stop := own.feed(frame)) is not None:
            self._loop.call_soon_threadsafe(self._on_stop, stop)
        hit = self._detector.feed(frame)
        if self._meter is not None:
            self._meter.feed(frame, self._detector.scores)
        if hit is not None and (own is None or not own.says(hit)):
            self._tell(hit)
        if (tap := self._tap) is not None and not tap.closed:
            self._feed(tap)
        if self._source.lossless:
            while not self._turn_over.is_set() and not self._stopping and not self._tapped:
                self._turn_over.wait(_HOLD_S)
        return True

    @property
    def _tapped(self) -> bool:
        return self._tap is not None and not self._tap.closed

    def _tell(self, hit: WakeHit) -> None:
        if not self._source.lossless:
            self._loop.call_soon_threadsafe(self._on_wake, hit)
            return
        handled = threading.Event()

        def handle() -> None:
            self._on_wake(hit)
            handled.set()

        self._loop.call_soon_threadsafe(handle)
        while not handled.wait(_TAKE_S) and not self._stopping:
            pass

    def _remember(self, frame: AudioFrame) -> None:
        if self._ring and self._ring[-1].end_sample != frame.first_sample:
            self._ring.clear()
            self._ring_samples = 0
        self._ring.append(frame)
        self._ring_samples += frame.samples
        while self._ring_samples - self._ring[0].samples > _RING_S * INBOUND_RATE_HZ:
            self._ring_samples -= self._ring.popleft().samples

    def _feed(self, tap: Tap) -> None:
        """Cut what the ring has and the tap has not into the VAD's windows, judge them, hand them over."""
        oldest = self._ring[0].first_sample
        if tap.next_sample < oldest or self._fed is not tap:
            tap.next_sample = max(tap.next_sample, oldest)
            self._vad.reset()
            self._fed = tap
        size = self._vad.window_samples
        windows: list[AudioFrame] = []
        for pcm in self._windows_from(tap.next_sample, size):
            windows.append(AudioFrame(pcm, tap.next_sample, speech=self._vad.probability(pcm)))
            tap.next_sample += size
        if windows:
            tap.push(windows)

    _fed: Tap | None = None

    def _windows_from(self, first_sample: int, size: int) -> list[bytes]:
        newer: list[bytes] = []
        for frame in reversed(self._ring):
            if frame.end_sample <= first_sample:
                break
            newer.append(frame.pcm[max(0, first_sample - frame.first_sample) * SAMPLE_BYTES :])
        pcm = b"".join(reversed(newer))
        step = size * SAMPLE_BYTES
        return [pcm[at : at + step] for at in range(0, len(pcm) - step + 1, step)]
