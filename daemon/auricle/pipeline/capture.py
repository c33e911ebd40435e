"""Inbound audio as the ears take it: from a microphone, a file or standard input, converted, with positions."""

import threading
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence

from auricle.model.audio import INBOUND_RATE_HZ, SAMPLE_BYTES, AudioFrame
from auricle.model.errors import AudioFileError
from auricle.model.events import ComponentChanged, QualityFound
from auricle.pipeline.conditioning import conditioner
from auricle.pipeline.devices import Device, Format
from auricle.pipeline.echo import EchoCanceller
from auricle.pipeline.microphone import Microphone, input_formats
from auricle.pipeline.quality import QualityCheck
from auricle.pipeline.sources import Block, SoundFile, Source, StandardInput
from auricle.settings import AudioInput

_HISTORY_S = 60
_COMPONENT = "microphone"


class Capture:
    """The site's inbound audio. One consumer thread calls `take`; `on_change` and `on_quality` come from any thread."""

    def __init__(
        self,
        settings: AudioInput,
        *,
        on_change: Callable[[ComponentChanged], None],
        on_quality: Callable[[QualityFound], None],
        formats: Callable[[Device], Sequence[Format]] = input_formats,
        echo: EchoCanceller | None = None,
    ) -> None:
        """echo: takes our own voice out of what a device hears; none leaves it in."""
        self._echo = echo
        self._settings = settings
        self._on_change = on_change
        self._on_quality = on_quality
        self._formats = formats
        self._source: Source | None = None
        self._conditioner = conditioner(settings)
        self._quality = QualityCheck()
        self._next_sample = 0
        self._arrivals: deque[tuple[int, float]] = deque(maxlen=_HISTORY_S * 1000 // settings.block_ms)
        self._history = threading.Lock()

    @property
    def lossless(self) -> bool:
        """Whether sound waits for its consumer, so that nothing is ever dropped: a file or pipe, read at once."""
        return self._settings.pace == "fast" and not self._is_device

    @property
    def ended(self) -> bool:
        """Whether the file or the pipe is at its end; a microphone never is."""
        return self._source is not None and self._source.ended

    @property
    def overflows(self) -> int:
        """How often sound was lost because it was not taken in time."""
        return self._source.overflows if self._source is not None else 0

    @property
    def kept_s(self) -> float:
        """time.monotonic() when the device was last looked after; now for sound that is no device's."""
        return self._source.kept_s if isinstance(self._source, Microphone) else time.monotonic()

    def start(self) -> None:
        """Begin to capture. A device that is missing is told by `on_change`, and looked for on and on.

        Raises AudioFileError for a file that is missing or no sound.
        """
        device, real, block_ms = self._settings.device, self._settings.pace == "real", self._settings.block_ms
        if isinstance(device, str) and device.startswith("file:"):
            path = device.removeprefix("file:")
            self._source = SoundFile(path, real=real, block_ms=block_ms)
            self._tell(True, path)
        elif device == "-":
            self._source = StandardInput(real=real, block_ms=block_ms)
            self._tell(True, "standard input")
        else:
            self._source = Microphone(device, block_ms=block_ms, tell=self._tell, formats=self._formats)

    def take(self, timeout_s: float) -> AudioFrame | None:
        """Return the next inbound audio, `block_ms` of it or more; None if none comes in time or the end is reached.

        A jump in `first_sample` of a second or more says that sound is missing in between.
        """
        source = self._source
        if source is None:
            raise RuntimeError("take() before start()")
        try:
            block = source.read(timeout_s)
        except AudioFileError as error:
            self._tell(False, error.message)
            return None
        return self._frame(block) if block is not None else None

    def arrived_at(self, sample: int) -> float:
        """time.monotonic() when `sample` arrived; the nearest that is known for one older than a minute, or to come."""
        with self._history:
            known = list(self._arrivals)
        if not known:
            return time.monotonic()
        at = bisect_right(known, sample, key=lambda arrival: arrival[0])
        return known[min(at, len(known) - 1)][1]

    def stop(self) -> None:
        """End the capture; returns within a second, and `take` returns None from then on."""
        if self._source is not None:
            self._source.stop()

    @property
    def _is_device(self) -> bool:
        device = self._settings.device
        return not (isinstance(device, str) and (device == "-" or device.startswith("file:")))

    def _frame(self, block: Block) -> AudioFrame | None:
        if block.lost_samples:
            self._next_sample += block.lost_samples
            self._quality.reset()
            if self._echo is not None:
                self._echo.reset()
            if self._conditioner is not None:
                self._conditioner.reset()
        end = self._next_sample
        with self._history:
            for samples, arrived_s in block.arrivals:
                end += samples
                self._arrivals.append((end, arrived_s))
        found = self._quality.feed(block.pcm)
        if found is not None:
            self._on_quality(found)
        pcm = block.pcm if self._echo is None else self._echo.feed(block.pcm, block.arrivals[-1][1])
        if self._conditioner is not None:
            pcm = self._conditioner.feed(pcm)
        if not pcm:
            return None
        frame = AudioFrame(pcm, self._next_sample, INBOUND_RATE_HZ)
        self._next_sample += len(pcm) // SAMPLE_BYTES
        return frame

    def _tell(self, ok: bool, detail: str) -> None:
        self._on_change(ComponentChanged(component=_COMPONENT, ok=ok, detail=detail))
