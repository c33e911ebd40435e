"""The microphone kept alive: opened, watched, and opened again whatever happens to the device or its sound server."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum, auto
from itertools import count

import numpy as np

from auricle.model.audio import INBOUND_RATE_HZ, SAMPLE_BYTES
from auricle.model.errors import AudioDeviceError
from auricle.pipeline.devices import PORTAUDIO, Callback, CallbackStatus, CallbackTime, Device, Format, OpenStream
from auricle.pipeline.rate import Resampler
from auricle.pipeline.sources import Block

_LOG = logging.getLogger(__name__)
_LATENCY_S = 0.1
_QUEUE_S = 4.0
_MOST_MS = 1000
_STALL_S = 1.0
_FIRST_SOUND_S = 2.5
"""A null sink's monitor, asleep, takes up to 2 s to begin."""
_ZEROS_S = 1.5
_WATCH_S = 0.25
_STOP_S = 0.9
_RETRY_S = (0.25, 3.0)
"""First and longest pause between two attempts."""
_RETRY_ZEROS_S = (1.0, 30.0)
"""PortAudio spins until a fresh stream sounds (some 40 ms of CPU), and a server moves its streams by itself."""

Tell = Callable[[bool, str], None]


def input_formats(device: Device) -> Sequence[Format]:
    """What to try, the best first: the daemon's own rate, then what hardware has; mono, then all channels."""
    rates = dict.fromkeys((INBOUND_RATE_HZ, 48_000, 44_100, device.default_rate_hz))
    channels = dict.fromkeys((1, min(device.input_channels, 2), device.input_channels))
    return [Format(rate, n) for rate in rates for n in channels]


class _Stream:
    """One opening of the device: its callback only copies bytes into a bounded deque."""

    def __init__(self, block_ms: int, arrived: threading.Event, attention: threading.Event) -> None:
        self.blocks: deque[tuple[int, bytes, float]] = deque(maxlen=max(8, int(_QUEUE_S * 1000 / block_ms)))
        self.made_s = time.monotonic()
        self.arrived_s: float | None = None
        self.gone = False
        self.overflows = 0
        self.next_number = 0
        self._arrived = arrived
        self._attention = attention

    def opened(self, opened: OpenStream) -> None:
        self.open = opened
        self._resampler = Resampler(opened.format.rate_hz, INBOUND_RATE_HZ)

    def callback(self, form: Format) -> Callback:
        blocks, arrived, numbers, clock = self.blocks, self._arrived, count(), time.monotonic

        def take_in(sound: memoryview, frames: int, at: CallbackTime, status: CallbackStatus) -> None:
            now_s = clock()
            blocks.append((next(numbers), bytes(sound), now_s))
            if self.arrived_s is None:
                self._attention.set()
            self.arrived_s = now_s
            arrived.set()
            if status and status.input_overflow:
                self.overflows += 1

        return take_in

    def finished(self) -> None:
        self.gone = True
        self._attention.set()

    def inbound(self, sound: bytes) -> bytes:
        """Inbound audio of the device's: the first channel, since a mean of spaced microphones cancels highs."""
        if self.open.format.channels > 1:
            sound = np.frombuffer(sound, "<i2")[:: self.open.format.channels].tobytes()
        return self._resampler.feed(sound)

    def silent_s(self) -> float:
        """Seconds since the last sound came, or since the opening."""
        return time.monotonic() - (self.made_s if self.arrived_s is None else self.arrived_s)


class _Verdict(Enum):
    WAITING = auto()
    WELL = auto()
    GONE = auto()
    STALLED = auto()
    ZEROS = auto()


class Microphone:
    """A device as a source of inbound audio; it never ends and never fails, it tells how it is.

    device: "default", an index, or a name or part of one. tell(ok, detail): called on this object's own thread.
    """

    ended = False

    def __init__(
        self,
        device: str | int,
        *,
        block_ms: int,
        tell: Tell,
        formats: Callable[[Device], Sequence[Format]] = input_formats,
    ) -> None:
        self._device = device
        self._block_ms = block_ms
        self._formats = formats
        self._tell_listener = tell
        self._told: tuple[bool, str] | None = None
        self._stopping = threading.Event()
        self._arrived = threading.Event()
        self._attention = threading.Event()
        self._swapping = threading.Lock()
        self._stream: _Stream | None = None
        self._device_overflows = 0
        self._dropped = 0
        self._last_sound_s: float | None = None
        self._zero_s = 0.0
        self._gap = False
        self.kept_s = time.monotonic()
        """When the device was last looked after; long ago if PortAudio hangs."""
        self._thread = threading.Thread(target=self._keep, name="microphone", daemon=True)
        self._thread.start()

    @property
    def overflows(self) -> int:
        """How often sound was lost: in the device, or since nobody took it for some seconds."""
        stream = self._stream
        return self._dropped + self._device_overflows + (stream.overflows if stream is not None else 0)

    def read(self, timeout_s: float) -> Block | None:
        """Inbound audio that has come since the last call, a second at most; None if none comes in time."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            self._arrived.clear()
            with self._swapping:
                block = self._drain()
            if block is not None:
                return block
            left_s = deadline_s - time.monotonic()
            if left_s <= 0 or self._stopping.is_set() or not self._arrived.wait(left_s):
                return None

    def stop(self) -> None:
        """Returns within a second, even where PortAudio hangs; its thread is then left behind."""
        self._stopping.set()
        self._attention.set()
        self._arrived.set()
        self._thread.join(_STOP_S)
        if self._thread.is_alive():
            _LOG.warning("the sound server does not answer; the microphone is left open")

    def _drain(self) -> Block | None:
        stream = self._stream
        if stream is None or not stream.blocks:
            return None
        pieces: list[bytes] = []
        arrivals: list[tuple[int, float]] = []
        lost_samples = 0
        while stream.blocks and len(pieces) * self._block_ms < _MOST_MS:
            number, sound, arrived_s = stream.blocks[0]
            missing = self._missing(number - stream.next_number, arrived_s)
            if missing and pieces:
                break
            stream.blocks.popleft()
            self._dropped += number != stream.next_number
            stream.next_number = number + 1
            self._gap = False
            self._last_sound_s = arrived_s
            lost_samples += missing
            self._count_zeros(sound)
            pcm = stream.inbound(sound)
            if pcm:
                pieces.append(pcm)
                arrivals.append((len(pcm) // SAMPLE_BYTES, arrived_s))
        return Block(b"".join(pieces), arrivals, lost_samples) if pieces else None

    def _missing(self, dropped_blocks: int, arrived_s: float) -> int:
        """Samples of sound that are lost before a block; at least a second's worth where any are."""
        if dropped_blocks:
            return max(INBOUND_RATE_HZ, dropped_blocks * self._block_ms * INBOUND_RATE_HZ // 1000)
        if self._last_sound_s is None:
            return 0
        silent_s = arrived_s - self._last_sound_s
        return max(INBOUND_RATE_HZ, int(silent_s * INBOUND_RATE_HZ)) if self._gap or silent_s >= _STALL_S else 0

    def _count_zeros(self, sound: bytes) -> None:
        before_s = self._zero_s
        self._zero_s = before_s + self._block_ms / 1000 if sound == bytes(len(sound)) else 0.0
        if (before_s >= _ZEROS_S) != (self._zero_s >= _ZEROS_S):
            self._attention.set()

    def _keep(self) -> None:
        """The thread's life: open, watch, replace."""
        pause, look = _BackOff(*_RETRY_S), _BackOff(*_RETRY_ZEROS_S)
        while not self._stopping.is_set():
            self.kept_s = time.monotonic()
            try:
                self._stream = stream = self._stream or self._open()
                verdict = self._watch(stream)
                if verdict in (_Verdict.WELL, _Verdict.ZEROS):
                    pause = _BackOff(*_RETRY_S)
                if verdict is _Verdict.WELL:
                    look = _BackOff(*_RETRY_ZEROS_S)
                elif verdict is _Verdict.ZEROS and look.over():
                    self._replace(verdict)
                    look.longer()
                elif verdict is _Verdict.STALLED and pause.over():
                    self._replace(verdict)
                    pause.longer()
                elif verdict is _Verdict.GONE:
                    self._drop()
                    pause.sleep(self._stopping)
            except AudioDeviceError as error:
                self._tell(False, f"no microphone {self._device!r}: {error}; trying again")
                pause.sleep(self._stopping)
                self._scan()
        self._drop()

    def _watch(self, stream: _Stream) -> _Verdict:
        """Wait until something happens or a short while passes, tell how the stream is, and return it."""
        if not stream.gone:
            self._attention.wait(_WATCH_S)
        self._attention.clear()
        name = stream.open.device.name
        if self._stopping.is_set():
            return _Verdict.WAITING
        if stream.gone:
            self._tell(False, f"no microphone: {name} is gone; trying again")
            return _Verdict.GONE
        if stream.silent_s() > (_FIRST_SOUND_S if stream.arrived_s is None else _STALL_S):
            self._tell(False, f"{name} has stalled: no sound comes from it; trying again")
            return _Verdict.STALLED
        if stream.arrived_s is None:
            return _Verdict.WAITING
        if self._zero_s >= _ZEROS_S:
            self._tell(False, f"{name} delivers only zeros: is it muted?")
            return _Verdict.ZEROS
        self._tell(True, f"{name}, {stream.open.format.rate_hz} Hz")
        return _Verdict.WELL

    def _replace(self, verdict: _Verdict) -> None:
        """Put a fresh stream in the place of the one that is unwell; the old one is heard until the new one sounds."""
        try:
            fresh = self._open()
        except AudioDeviceError:
            if verdict is _Verdict.STALLED:
                self._drop()  # a device that only one may open: the next round opens it
            return
        began_s = time.monotonic()
        while fresh.arrived_s is None and not self._stopping.is_set() and time.monotonic() - began_s < _FIRST_SOUND_S:
            self._attention.wait(_WATCH_S)
            self._attention.clear()
            if self._recovered(verdict):
                break
        with self._swapping:
            old = self._stream
            keep_old = fresh.arrived_s is None or self._recovered(verdict)
            if not keep_old:
                self._stream = fresh
                if verdict is _Verdict.STALLED:
                    self._gap, self._zero_s = True, 0.0
        self._close(fresh if keep_old else old)

    def _recovered(self, verdict: _Verdict) -> bool:
        """Whether the old stream sounds again, so that a fresh one would only cut into it."""
        stream = self._stream
        if stream is None or stream.gone:
            return False
        if verdict is _Verdict.STALLED:
            return stream.silent_s() < _WATCH_S
        return self._zero_s == 0 or any(sound != bytes(len(sound)) for _, sound, _ in list(stream.blocks))

    def _open(self) -> _Stream:
        stream = _Stream(self._block_ms, self._arrived, self._attention)
        stream.opened(
            PORTAUDIO.open(
                "input",
                self._device,
                self._formats,
                self._block_ms,
                _LATENCY_S,
                stream.callback,
                stream.finished,
            )
        )
        return stream

    def _drop(self) -> None:
        with self._swapping:
            old, self._stream = self._stream, None
            self._gap, self._zero_s = True, 0.0
        self._close(old)

    def _close(self, stream: _Stream | None) -> None:
        if stream is not None:
            PORTAUDIO.close(stream.open)
            self._device_overflows += stream.overflows

    def _scan(self) -> None:
        try:
            PORTAUDIO.rescan()
        except AudioDeviceError as error:
            _LOG.debug("looking for devices: %s", error)

    def _tell(self, ok: bool, detail: str) -> None:
        if self._stopping.is_set():
            return
        if self._told != (ok, detail):
            self._told = (ok, detail)
            self._tell_listener(ok, detail)


class _BackOff:
    """Pauses that double."""

    def __init__(self, first_s: float, most_s: float) -> None:
        self._pause_s = first_s
        self._most_s = most_s
        self._next_s = time.monotonic() + first_s

    def over(self) -> bool:
        return time.monotonic() >= self._next_s

    def longer(self) -> None:
        self._pause_s = min(self._pause_s * 2, self._most_s)
        self._next_s = time.monotonic() + self._pause_s

    def sleep(self, stopping: threading.Event) -> None:
        stopping.wait(self._pause_s)
        self.longer()
