"""A loudspeaker: opened when needed, fed ahead, silenced at once, and waited for when it goes away."""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TypeVar

import numpy as np

from auricle.model.audio import OUTBOUND_RATE_HZ, SAMPLE_BYTES, AudioFrame
from auricle.model.errors import AudioDeviceError
from auricle.model.events import ComponentChanged
from auricle.pipeline.devices import PORTAUDIO, Callback, CallbackStatus, CallbackTime, Device, Format, OpenStream
from auricle.pipeline.lane import Lane
from auricle.pipeline.rate import Resampler

_LOG = logging.getLogger(__name__)
_BLOCK_MS = 20
_LATENCY_S = 0.05
"""What is handed to the device cannot be taken back: so much is heard after a cancel."""
_AHEAD_S = 2.0
_ROOM_S = 1.0
_FADE_S = 0.008
_PIECE_BYTES = OUTBOUND_RATE_HZ // 4 * SAMPLE_BYTES
_STALL_S = 3.0
"""A null sink, asleep, takes up to 2 s to ask for sound."""
_CALM_BLOCKS = 3
_RETRY_S = 0.25
_CLOSE_S = 1.0

T = TypeVar("T")

Played = Callable[[bytes, int, Format, float], None]
"""Told, on the device's thread, of each block: its sound, which may be shorter, its frames, and time.monotonic().

No frames: the device stumbled, and threw away what it had asked for.
"""


def gain(volume: int) -> float:
    """Factor for a volume of 0 to 100: cubic, as PulseAudio's and PipeWire's, so that 50 sounds about half as loud."""
    return (max(0, min(volume, 100)) / 100) ** 3


def output_formats(device: Device) -> Sequence[Format]:
    """What to try, the best first: the daemon's own rate, then what hardware has; mono, then stereo, then all."""
    rates = dict.fromkeys((OUTBOUND_RATE_HZ, 48_000, 44_100, device.default_rate_hz))
    channels = dict.fromkeys((1, min(device.output_channels, 2), device.output_channels))
    return [Format(rate, n) for rate in rates for n in channels]


class _Queue:
    """Sound on its way to the device, in the device's format; the callback takes, the event loop gives."""

    def __init__(self, played: Played | None = None) -> None:
        self._played = played
        self.underruns = 0
        self.feeding = False
        """More is to come: to find nothing is then an underrun."""
        self.heard_s = 0.0
        """time.monotonic() at which the last sample that was taken leaves the loudspeaker."""
        self.asked_s = 0.0
        """time.monotonic() at which the device last asked for sound."""
        self.gone = False
        self.format = Format(OUTBOUND_RATE_HZ, 1)
        self._bytes = bytearray()
        self._lock = threading.Lock()
        self._loop = asyncio.get_running_loop()
        self._moved = asyncio.Event()
        self._waiting = False
        self._starved = False

    @property
    def seconds(self) -> float:
        return len(self._bytes) / self._second_bytes

    def put(self, sound: bytes) -> None:
        with self._lock:
            self._bytes += sound

    def fade(self) -> None:
        """Drop all but the next few milliseconds, and let those fade out, so that no click is heard."""
        channels = self.format.channels
        with self._lock:
            kept = np.frombuffer(
                bytes(self._bytes[: int(_FADE_S * self.format.rate_hz) * channels * SAMPLE_BYTES]), "<i2"
            )
            slope = np.repeat(np.linspace(1, 0, len(kept) // channels, dtype=np.float32), channels)
            self._bytes[:] = (kept * slope).astype("<i2").tobytes()

    def clear(self) -> None:
        with self._lock:
            self._bytes.clear()

    async def wait(self, most_s: float, timeout_s: float) -> None:
        """Wait until no more than `most_s` of sound (`ROOM_S` or nothing) is left, or the time is over."""
        self._moved.clear()
        self._waiting = True
        try:
            async with asyncio.timeout(timeout_s):
                while self.seconds > most_s and not self.gone:
                    self._waiting = True
                    await self._moved.wait()
                    self._moved.clear()
        except TimeoutError:
            return
        finally:
            self._waiting = False

    def callback(self, form: Format) -> Callback:
        room = int(_ROOM_S * form.rate_hz) * form.channels * SAMPLE_BYTES

        calm = 0

        def give(out: memoryview, frames: int, at: CallbackTime, status: CallbackStatus) -> None:
            nonlocal calm
            now_s = time.monotonic()
            self.asked_s = now_s
            # A stream that starts up or stumbles asks for block after block and throws them away: give it silence.
            calm = 0 if status and status.output_underflow else calm + 1
            wanted = len(out) if calm > _CALM_BLOCKS else 0
            with self._lock:
                sound = bytes(self._bytes[:wanted])
                del self._bytes[:wanted]
                left = len(self._bytes)
            out[:] = sound.ljust(len(out), b"\0")
            if self._played is not None:
                self._played(sound, frames if wanted else 0, form, now_s)
            starved = len(sound) < wanted and self.feeding
            self.underruns += starved and not self._starved
            self._starved = starved
            if sound:
                self.heard_s = now_s + max(0.0, at.outputBufferDacTime - at.currentTime) + frames / form.rate_hz
            if self._waiting and (left == 0 or (self.feeding and left <= room)):
                self._waiting = False
                self._wake()

        return give

    def finished(self) -> None:
        self.gone = True
        self._wake()

    @property
    def _second_bytes(self) -> int:
        return self.format.rate_hz * self.format.channels * SAMPLE_BYTES

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._moved.set)
        except RuntimeError:
            return  # the loop is closed


class DeviceSpeaker:
    """A device as ports.Speaker. Everything here is called on the event loop; PortAudio is called on a thread.

    device: "default", an index, or a name or part of one. on_change: called on the event loop.
    away_s: how long a play waits for a device that is away. unused_s: how long one that is not used stays open.
    """

    def __init__(
        self,
        device: str | int,
        on_change: Callable[[ComponentChanged], None],
        *,
        formats: Callable[[Device], Sequence[Format]] = output_formats,
        away_s: float = 5.0,
        unused_s: float = 5.0,
        played: Played | None = None,
    ) -> None:
        self._played = played
        self._device = device
        self._on_change = on_change
        self._formats = formats
        self._away_s = away_s
        self._unused_s = unused_s
        self._lane: Lane | None = None
        self._stream: OpenStream | None = None
        """Of the lane's thread."""
        self._ready = False
        self._queue: _Queue | None = None
        self._opening: asyncio.Task[None] | None = None
        self._unused: asyncio.TimerHandle | None = None
        self._turn = asyncio.Lock()
        self._told: tuple[bool, str] | None = None

    @property
    def underruns(self) -> int:
        """How often the device wanted sound that the feed had not given yet; silence was heard then."""
        return self._queue.underruns if self._queue is not None else 0

    def prepare(self) -> None:
        """Open the device ahead, without waiting for it; it closes by itself when it is not used for some seconds."""
        if not self._turn.locked():
            self._keep_open(self._unused_s)
            self._begin_opening()

    async def play(self, frames: AsyncIterator[AudioFrame], volume: int) -> None:
        """See ports.Speaker. The first frame is asked for once the device is open; the caller closes the iterator."""
        async with self._turn:
            self._keep_open(None)
            heard = False
            try:
                await self._ensure_open(time.monotonic() + self._away_s)
                await self._feed(frames, gain(volume))
                await self._drain()
                heard = True
            finally:
                if not heard:
                    self._fed.fade()
                self._fed.feeding = False
                self._keep_open(self._unused_s)

    async def close(self) -> None:
        """Close the device; returns within about a second, even where PortAudio hangs."""
        self._keep_open(None)
        self._ready = False
        if self._opening is not None:
            self._opening.cancel()
        lane, self._lane = self._lane, None
        if lane is None:
            return
        try:
            async with asyncio.timeout(_CLOSE_S):
                await lane.submit(self._close_stream)
        except TimeoutError:
            _LOG.warning("the sound server does not answer; the speaker is left open")
        lane.close()

    async def _feed(self, frames: AsyncIterator[AudioFrame], factor: float) -> None:
        resampler: Resampler | None = None
        form: Format | None = None
        async for frame in frames:
            if frame.rate_hz != OUTBOUND_RATE_HZ:
                raise ValueError(f"outbound audio has {OUTBOUND_RATE_HZ} Hz, not {frame.rate_hz}")
            for at in range(0, len(frame.pcm), _PIECE_BYTES):
                queue = self._fed
                if resampler is None or form != queue.format:
                    form = queue.format
                    resampler = Resampler(OUTBOUND_RATE_HZ, form.rate_hz)
                queue.put(_spread(resampler.feed(_louder(frame.pcm[at : at + _PIECE_BYTES], factor)), form))
                queue.feeding = True
                if queue.seconds > _AHEAD_S:
                    await self._wait(_ROOM_S)
        if resampler is not None and form is not None and form == self._fed.format:
            self._fed.put(_spread(resampler.finish(), form))

    async def _drain(self) -> None:
        """Wait until the last sample has been heard."""
        queue = self._fed
        queue.feeding = False
        await self._wait(0.0)
        await asyncio.sleep(max(0.0, queue.heard_s - time.monotonic()))

    async def _wait(self, most_s: float) -> None:
        """Wait until no more than `most_s` is left; if the device goes, until it is back. Raises AudioDeviceError."""
        queue = self._fed
        while queue.seconds > most_s:
            await queue.wait(most_s, _RETRY_S)
            if queue.gone or time.monotonic() - queue.asked_s > _STALL_S:
                how = "is gone" if queue.gone else "has stalled"
                self._tell(False, f"no speaker {self._device!r}: it {how}; trying again")
                await self._reopen()

    async def _reopen(self) -> None:
        """Open the device again and go on with what has not been played. Raises AudioDeviceError."""
        self._ready = False
        await self._ensure_open(time.monotonic() + self._away_s)

    async def _ensure_open(self, deadline_s: float) -> None:
        """Try, with growing pauses, until the device is open. Raises AudioDeviceError when `deadline_s` passes."""
        pause_s = _RETRY_S
        problem = AudioDeviceError(f"no speaker {self._device!r}: the sound server does not answer")
        while True:
            if self._ready and not self._fed.gone:
                return
            left_s = deadline_s - time.monotonic()
            try:
                async with asyncio.timeout(left_s):
                    await asyncio.shield(self._begin_opening())
            except TimeoutError:
                self._tell(False, f"{problem}; trying again")
                raise problem from None
            except AudioDeviceError as error:
                problem = error
                left_s = deadline_s - time.monotonic()
                if left_s <= 0:
                    raise
                _LOG.debug("%s", error)
                await asyncio.sleep(min(pause_s, left_s))
                pause_s = min(pause_s * 2, 1.0)

    def _begin_opening(self) -> "asyncio.Task[None]":
        if self._opening is None or self._opening.done():
            self._opening = asyncio.create_task(self._open(), name="open speaker")
            self._opening.add_done_callback(_seen)
        return self._opening

    async def _open(self) -> None:
        """Open the device unless it is open. Raises AudioDeviceError, and has told it then."""
        queue = self._fed
        if self._ready and not queue.gone:
            return
        try:
            opened = await self._in_lane(lambda: self._open_stream(queue))
        except AudioDeviceError as error:
            problem = AudioDeviceError(f"no speaker {self._device!r}: {error}")
            self._tell(False, f"{problem}; trying again")
            raise problem from error
        if opened.format != queue.format:
            queue.clear()
            queue.format = opened.format
        self._ready = True
        self._tell(True, f"{opened.device.name}, {opened.format.rate_hz} Hz")

    def _open_stream(self, queue: _Queue) -> OpenStream:
        """On the lane's thread."""
        self._close_stream()
        queue.gone = False
        try:
            self._stream = self._new_stream(queue)
        except AudioDeviceError:
            if not PORTAUDIO.rescan():
                raise
            self._stream = self._new_stream(queue)
        queue.asked_s = time.monotonic()
        return self._stream

    def _new_stream(self, queue: _Queue) -> OpenStream:
        return PORTAUDIO.open(
            "output", self._device, self._formats, _BLOCK_MS, _LATENCY_S, queue.callback, queue.finished
        )

    def _close_stream(self) -> None:
        """On the lane's thread."""
        stream, self._stream = self._stream, None
        if stream is not None:
            PORTAUDIO.close(stream)

    def _in_lane(self, call: Callable[[], T]) -> "asyncio.Future[T]":
        if self._lane is None:
            self._lane = Lane("speaker")
        return self._lane.submit(call)

    @property
    def _fed(self) -> _Queue:
        """Made on the first use, as it belongs to the running loop."""
        if self._queue is None:
            self._queue = _Queue(self._played)
        return self._queue

    def _keep_open(self, seconds: float | None) -> None:
        """Put off the closing of the device; None is until told otherwise."""
        if self._unused is not None:
            self._unused.cancel()
            self._unused = None
        if seconds is not None:
            self._unused = asyncio.get_running_loop().call_later(seconds, self._unused_over)

    def _unused_over(self) -> None:
        if self._told is not None and not self._told[0]:
            self._keep_open(self._unused_s)
            self._begin_opening()  # so that it is told when the device is back, before anything is to be said
        else:
            self._ready = False
            self._in_lane(self._close_stream).add_done_callback(_seen)

    def _tell(self, ok: bool, detail: str) -> None:
        if self._told != (ok, detail):
            self._told = (ok, detail)
            self._on_change(ComponentChanged(component="speaker", ok=ok, detail=detail))


def _louder(pcm: bytes, factor: float) -> bytes:
    if factor == 1.0:
        return pcm
    return np.round(np.frombuffer(pcm, "<i2") * np.float32(factor)).astype("<i2").tobytes()


def _spread(mono: bytes, form: Format) -> bytes:
    """The same sound on every channel."""
    return mono if form.channels == 1 else np.repeat(np.frombuffer(mono, "<i2"), form.channels).tobytes()


def _seen(done: "asyncio.Future[None]") -> None:
    """What became of it is told already; asyncio would log an error that nobody looked at."""
    if not done.cancelled():
        done.exception()
