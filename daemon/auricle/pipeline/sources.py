"""Where inbound audio comes from beside a microphone: sound files and raw sound on standard input."""

import os
import select
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import soundfile

from auricle.model.audio import INBOUND_RATE_HZ, SAMPLE_BYTES
from auricle.model.errors import AudioFileError
from auricle.pipeline.rate import Resampler


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of inbound audio on its way in."""

    pcm: bytes
    arrivals: Sequence[tuple[int, float]]
    """(samples, time.monotonic) of each piece that `pcm` was joined from, in order."""
    lost_samples: int = 0
    """Sound that is missing right before; 0 where the block continues the last one."""


class Source(Protocol):
    """A stream of inbound audio, running once it is made; one thread reads it, any thread may stop it."""

    @property
    def ended(self) -> bool: ...

    @property
    def overflows(self) -> int:
        """How often sound was lost because nobody read it in time."""
        ...

    def read(self, timeout_s: float) -> Block | None: ...

    def stop(self) -> None: ...


class _Pace:
    """When the next piece is due: as spoken, or at once."""

    def __init__(self, real: bool) -> None:
        self._real = real
        self._due_s: float | None = None

    def wait_s(self, now_s: float) -> float:
        if self._due_s is None:
            self._due_s = now_s
        return max(0.0, self._due_s - now_s) if self._real else 0.0

    def passed(self, seconds: float, now_s: float) -> float:
        """Count a piece as handed over; return when it arrived, by the clock that paces it."""
        if not self._real or self._due_s is None:
            return now_s
        arrived_s = self._due_s
        self._due_s += seconds
        return arrived_s

    def late(self, now_s: float) -> None:
        """The other side had nothing yet: its clock counts, so that the delay is not made up for by haste."""
        self._due_s = now_s


class SoundFile:
    """A WAV, FLAC or OGG file of any rate and channels, read piece by piece; of several channels the mean.

    Raises AudioFileError if the file cannot be read.
    """

    overflows = 0

    def __init__(self, path: str, *, real: bool, block_ms: int) -> None:
        self._path = path
        self._block_ms = block_ms
        self._pace = _Pace(real)
        self._stopped = threading.Event()
        self._reading = threading.Lock()
        self._ended = False
        try:
            self._file = soundfile.SoundFile(self._path)
        except (OSError, soundfile.SoundFileError) as error:
            reason = _fault_of(self._path) or _reason(error)
            raise AudioFileError(f"{self._path} cannot be read as sound: {reason}") from error
        self._frames = max(1, self._file.samplerate * self._block_ms // 1000)
        self._resampler = Resampler(self._file.samplerate, INBOUND_RATE_HZ)

    @property
    def ended(self) -> bool:
        return self._ended

    def read(self, timeout_s: float) -> Block | None:
        """Raises AudioFileError if the file turns out to be broken on the way; it has ended then."""
        wait_s = self._pace.wait_s(time.monotonic())
        if self._stopped.wait(min(wait_s, timeout_s)) or wait_s > timeout_s:
            return None
        with self._reading:
            pcm = b""
            while not pcm and not self._ended:
                pcm = self._next()
        if not pcm:
            return None
        samples = len(pcm) // SAMPLE_BYTES
        return Block(pcm, ((samples, self._pace.passed(samples / INBOUND_RATE_HZ, time.monotonic())),))

    def stop(self) -> None:
        self._stopped.set()
        with self._reading:
            self._end()

    def _next(self) -> bytes:
        try:
            read = self._file.read(self._frames, dtype="int16", always_2d=True)
        except (OSError, soundfile.SoundFileError) as error:
            self._end()
            raise AudioFileError(f"{self._path} is broken: {_reason(error)}") from error
        if not len(read):
            self._end()
            return self._resampler.finish()
        mono = read[:, 0] if read.shape[1] == 1 else read.mean(axis=1).astype(np.int16)
        return self._resampler.feed(mono.tobytes())

    def _end(self) -> None:
        self._ended = True
        self._file.close()


class StandardInput:
    """Raw inbound audio (16 kHz, 16-bit, mono) from standard input, or the file descriptor that is given.

    Raises AudioFileError if there is none.
    """

    overflows = 0

    def __init__(self, *, real: bool, block_ms: int, descriptor: int | None = None) -> None:
        try:
            self._descriptor = sys.stdin.fileno() if descriptor is None else descriptor
            os.fstat(self._descriptor)
        except (OSError, ValueError, AttributeError) as error:
            raise AudioFileError("standard input cannot be read as sound: it is closed") from error
        self._block_bytes = INBOUND_RATE_HZ * block_ms // 1000 * SAMPLE_BYTES
        self._pace = _Pace(real)
        self._rest = b""
        self._ended = False
        self._stopped = threading.Event()
        self._reading = threading.Lock()
        self._bell: tuple[int, int] | None = os.pipe()

    @property
    def ended(self) -> bool:
        return self._ended

    def read(self, timeout_s: float) -> Block | None:
        deadline_s = time.monotonic() + timeout_s
        with self._reading:
            wait_s = self._pace.wait_s(time.monotonic())
            if self._ended or self._stopped.wait(min(wait_s, timeout_s)) or wait_s > timeout_s:
                return None
            while len(self._rest) < self._block_bytes:
                left_s = deadline_s - time.monotonic()
                if not self._ready(0.0):
                    if left_s <= 0 or not self._ready(left_s):
                        return None
                    self._pace.late(time.monotonic())
                try:
                    got = os.read(self._descriptor, self._block_bytes - len(self._rest))
                except OSError:
                    got = b""
                self._rest += got
                if not got:
                    self._ended = True
                    break
            whole = len(self._rest) // SAMPLE_BYTES * SAMPLE_BYTES
            pcm, self._rest = self._rest[:whole], b""
            if not pcm:
                return None
            samples = whole // SAMPLE_BYTES
            return Block(pcm, ((samples, self._pace.passed(samples / INBOUND_RATE_HZ, time.monotonic())),))

    def stop(self) -> None:
        self._stopped.set()
        bell, self._bell = self._bell, None
        if bell is not None:
            os.write(bell[1], b"\0")
            with self._reading:
                self._ended = True
                for end in bell:
                    os.close(end)

    def _ready(self, timeout_s: float) -> bool:
        """Whether something, or the end, can be read; False on the timeout and when stopped."""
        bell = self._bell
        if bell is None:
            return False
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        poll.register(bell[0], select.POLLIN)
        ready = {descriptor for descriptor, _ in poll.poll(timeout_s * 1000)}
        return self._descriptor in ready and bell[0] not in ready


def _fault_of(path: str) -> str:
    """What keeps a file from being opened, where the system knows: libsndfile only says "System error". Else empty."""
    try:
        with open(path, "rb") as file:
            return "" if file.read(1) else "it is empty"
    except OSError as error:
        return "there is no such file" if isinstance(error, FileNotFoundError) else error.strerror or str(error)


def _reason(error: Exception) -> str:
    """libsndfile's messages repeat the path before a colon."""
    text = str(error)
    return text.rsplit(": ", 1)[-1] if ": " in text else text
