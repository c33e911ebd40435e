"""The machine's audio devices: listed, found by name, opened; the only place that talks to PortAudio."""

import atexit
import difflib
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Literal, Protocol

from auricle.model.errors import AudioDeviceError
from auricle.pipeline import alsa

_LOG = logging.getLogger(__name__)
_EXIT_WAIT_S = 0.5
_CLOSE_S = 2.0
"""A stream that is not closed by then is given up. When its server dies, libpulse can wait for ever for a piece of
shared memory, which ALSA's plugin would give back had it the lock that libpulse holds meanwhile."""
_FORMAT_REFUSED = frozenset({-9994, -9997, -9998, -9999})
"""Sample format, rate, channels, and what the host API says of its own: worth another try with another format."""
_NOT_OPENED = -9993

Direction = Literal["input", "output"]


class RawStream(Protocol):
    """What is used of sounddevice's raw streams."""

    @property
    def latency(self) -> float: ...

    def start(self) -> None: ...

    def abort(self) -> None: ...

    def close(self) -> None: ...


class CallbackStatus(Protocol):
    input_overflow: bool
    output_underflow: bool


class CallbackTime(Protocol):
    currentTime: float  # noqa: N815 -- PortAudio's names
    outputBufferDacTime: float  # noqa: N815


Callback = Callable[[memoryview, int, CallbackTime, CallbackStatus], None]


@dataclass(frozen=True, slots=True)
class Device:
    """One device as PortAudio tells it."""

    index: int
    name: str
    host_api: str
    input_channels: int
    output_channels: int
    default_rate_hz: int
    default_input: bool = False
    default_output: bool = False

    def channels(self, direction: Direction) -> int:
        return self.input_channels if direction == "input" else self.output_channels


@dataclass(frozen=True, slots=True)
class Format:
    """How a device is run; samples are 16-bit, channels interleaved."""

    rate_hz: int
    channels: int


@dataclass(frozen=True, slots=True)
class OpenStream:
    """A running stream and what came of opening it."""

    stream: RawStream
    device: Device
    format: Format
    latency_s: float


class PortAudio:
    """PortAudio keeps one state for the whole process and is not thread-safe: every call goes through this lock.

    Any call may hang while a sound server does not answer, so none is made on the event loop or on the ears' thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._module: ModuleType | None = None
        self._open: set[RawStream] = set()
        """Streams that are not closed, those that were given up too."""

    def devices(self) -> Sequence[Device]:
        """Devices as of the last scan. Raises AudioDeviceError if PortAudio is not installed."""
        with self._lock:
            return self._listed()

    def rescan(self) -> bool:
        """Look for devices anew; False if that had to be left, since streams are open and a scan would end them."""
        with self._lock:
            if self._open:
                return False
            if self._module is None:
                self._load()
            else:
                with _said_plainly(self._module):
                    while self._module._initialized:
                        self._module._terminate()
                    alsa.hide_encoder()
                    self._module._initialize()
            return True

    def open(
        self,
        direction: Direction,
        wanted: str | int,
        formats: Callable[[Device], Sequence[Format]],
        block_ms: int,
        latency_s: float,
        callback: Callable[[Format], Callback],
        finished: Callable[[], None],
    ) -> OpenStream:
        """Open and start the first format of `formats` that the device can do.

        callback: makes the stream's callback for a format; finished: called when the stream ends by itself, too.
        Raises AudioDeviceError.
        """
        with self._lock:
            device = find(self._listed(), wanted, direction)
            module = self._load()
            kind = module.RawInputStream if direction == "input" else module.RawOutputStream
            refused = ""
            for form in formats(device):
                try:
                    stream = kind(
                        device=device.index,
                        samplerate=form.rate_hz,
                        channels=form.channels,
                        dtype="int16",
                        blocksize=form.rate_hz * block_ms // 1000,
                        latency=latency_s,
                        callback=callback(form),
                        finished_callback=finished,
                    )
                except (module.PortAudioError, ValueError) as error:
                    refused = refused or _in_words(error)
                    if _code(error) in _FORMAT_REFUSED:
                        continue
                    break
                try:
                    stream.start()
                    latency = float(stream.latency)
                except module.PortAudioError as error:
                    stream.close(ignore_errors=True)
                    refused = _in_words(error)
                    break
                self._open.add(stream)
                return OpenStream(stream, device, form, latency)
        raise AudioDeviceError(f"{device.name} cannot be opened: {refused or 'it has no usable format'}")

    def close(self, opened: OpenStream) -> None:
        """Silence and close the stream, whatever state it is in; one that hangs is left to a thread of its own.

        Other streams can be opened beside it, but PortAudio's list of devices stays as it is until it has ended.
        """
        with self._lock:
            closing = threading.Thread(target=self._end, args=(opened, self._load()), name="close", daemon=True)
            closing.start()
            closing.join(_CLOSE_S)
            if closing.is_alive():
                _LOG.warning("%s hangs as it is closed, and is left behind", opened.device.name)

    def _end(self, opened: OpenStream, module: ModuleType) -> None:
        try:
            opened.stream.abort()
            opened.stream.close()
        except module.PortAudioError as error:
            _LOG.debug("closing %s: %s", opened.device.name, _in_words(error))
        finally:
            self._open.discard(opened.stream)

    def _listed(self) -> Sequence[Device]:
        module = self._load()
        with _said_plainly(module):
            apis = [api["name"] for api in module.query_hostapis()]
            default_input, default_output = _defaults(module)
            return [
                Device(
                    index=index,
                    name=told["name"],
                    host_api=apis[told["hostapi"]],
                    input_channels=told["max_input_channels"],
                    output_channels=told["max_output_channels"],
                    default_rate_hz=int(told["default_samplerate"]),
                    default_input=index == default_input,
                    default_output=index == default_output,
                )
                for index, told in enumerate(module.query_devices())
            ]

    def _load(self) -> ModuleType:
        """Importing sounddevice starts PortAudio, which opens devices: so it is imported on the first real use."""
        if self._module is None:
            alsa.silence()
            alsa.hide_encoder()
            try:
                import sounddevice
            except (ImportError, OSError) as error:
                raise AudioDeviceError(
                    f"PortAudio cannot be used ({error}): install it, on Debian with `apt install libportaudio2`"
                ) from error
            except Exception as error:
                # sounddevice's own error class cannot be named before the import is done.
                if type(error).__name__ != "PortAudioError":
                    raise
                raise AudioDeviceError(f"PortAudio does not start: {_in_words(error)}") from error
            atexit.unregister(sounddevice._exit_handler)
            atexit.register(self._at_exit)
            self._module = sounddevice
        return self._module

    def _at_exit(self) -> None:
        """A sound server that hangs must not hold up the end of the process."""
        if self._module is not None and self._lock.acquire(timeout=_EXIT_WAIT_S):
            try:
                if not self._open:
                    self._module._terminate()
            finally:
                self._lock.release()


PORTAUDIO = PortAudio()
"""PortAudio's state belongs to the process, so its owner does too."""


def find(devices: Sequence[Device], wanted: str | int, direction: Direction) -> Device:
    """Return the device that `wanted` means: "default", an index, a name or a part of one (in any case of letters).

    Raises AudioDeviceError that names the nearest device.
    """
    usable = [device for device in devices if device.channels(direction) > 0]
    if not usable:
        raise AudioDeviceError(f"this machine has no {direction} device; is a sound server running?")
    if wanted == "default":
        for device in usable:
            if device.default_input if direction == "input" else device.default_output:
                return device
        return usable[0]
    if isinstance(wanted, int) or wanted.isdecimal():
        for device in usable:
            if device.index == int(wanted):
                return device
        indexes = ", ".join(str(device.index) for device in usable)
        raise AudioDeviceError(f"no {direction} device has the index {wanted}, only {indexes} (`auricle devices`)")
    name = wanted.casefold()
    for fits in (str.__eq__, str.__contains__):
        for device in usable:
            if fits(device.name.casefold(), name):
                return device
    near = difflib.get_close_matches(name, [device.name.casefold() for device in usable], n=1, cutoff=0.0)
    nearest = next(device.name for device in usable if device.name.casefold() == near[0])
    raise AudioDeviceError(f"no {direction} device is named {wanted!r}; the nearest is {nearest!r} (`auricle devices`)")


def _defaults(module: ModuleType) -> tuple[int, int]:
    """The default input and output: of the first host API that has them, as PortAudio's own rule is."""
    apis = module.query_hostapis()
    inputs = [api["default_input_device"] for api in apis if api["default_input_device"] >= 0]
    outputs = [api["default_output_device"] for api in apis if api["default_output_device"] >= 0]
    return (inputs or [-1])[0], (outputs or [-1])[0]


@contextmanager
def _said_plainly(module: ModuleType) -> Iterator[None]:
    try:
        yield
    except module.PortAudioError as error:
        raise AudioDeviceError(f"PortAudio: {_in_words(error)}") from error


def _code(error: Exception) -> int:
    return error.args[1] if len(error.args) > 1 and isinstance(error.args[1], int) else 0


def _in_words(error: Exception) -> str:
    if _code(error) == _NOT_OPENED:
        return "the sound server or driver behind it does not answer"  # PortAudio speaks of a "combination" here
    return str(error.args[0] if error.args else error).rsplit("Stream: ", 1)[-1]
