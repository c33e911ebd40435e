"""`auricle wake enroll --record`: sayings of the wake word from the configured microphone, one by one."""

import sys
from collections.abc import Iterator
from dataclasses import replace

from auricle.model.audio import INBOUND_RATE_HZ, AudioFrame
from auricle.model.errors import AudioDeviceError
from auricle.model.events import ComponentChanged
from auricle.pipeline.capture import Capture
from auricle.pipeline.enrolment import EnrolmentError, Saying, sayings
from auricle.pipeline.wake import WakeDetector
from auricle.settings import AudioInput

_TAKE_S = 0.25
_NO_SOUND_S = 5.0
_PATIENCE_S = 30.0


def record(settings: AudioInput, detector: WakeDetector, word: str, count: int) -> list[Saying]:
    """Ask for the word `count` times and wait for it each time. detector: see `sayings`.

    Raises AudioDeviceError where no sound comes, AudioFileError, EnrolmentError where the word does not.
    """
    microphone = _Microphone(settings, word)
    said: list[Saying] = []
    microphone.start()
    try:
        _ask(word, 1, count)
        for saying in sayings("microphone", microphone.frames(), detector):
            said.append(replace(saying, source=f"recording {len(said) + 1}"))
            microphone.last_sample = saying.hit.sample
            print(f"  heard ({saying.hit.score:.2f})", file=sys.stderr, flush=True)
            if len(said) == count:
                return said
            _ask(word, len(said) + 1, count)
    finally:
        microphone.stop()
    raise EnrolmentError(f"the sound ended after {len(said)} of {count} times {word}")


class _Microphone:
    """The configured input, with an end to waiting for it."""

    def __init__(self, settings: AudioInput, word: str) -> None:
        self._device = settings.device
        self._word = word
        self._capture = Capture(settings, on_change=self._tell, on_quality=lambda event: None)
        self._detail = ""
        self.last_sample = 0
        """Where the word was heard last."""

    def start(self) -> None:
        self._capture.start()

    def stop(self) -> None:
        self._capture.stop()

    def frames(self) -> Iterator[AudioFrame]:
        quiet_s = 0.0
        while not self._capture.ended:
            if (frame := self._capture.take(_TAKE_S)) is not None:
                quiet_s = 0.0
                if frame.end_sample - self.last_sample > _PATIENCE_S * INBOUND_RATE_HZ:
                    raise EnrolmentError(
                        f"{self._word} was not heard for {_PATIENCE_S:g} s; come nearer, or see what `auricle doctor` "
                        "says of the microphone"
                    )
                yield frame
                continue
            quiet_s += _TAKE_S
            if quiet_s >= _NO_SOUND_S and not self._capture.ended:
                raise AudioDeviceError(
                    f"no sound comes from [audio.input] device {self._device!r}: {self._detail or 'nothing is told'}; "
                    "`auricle devices` lists what there is"
                )

    def _tell(self, event: ComponentChanged) -> None:
        self._detail = event.detail


def _ask(word: str, number: int, count: int) -> None:
    spoken = word.replace("_", " ")
    print(f"{number} of {count}: say “{spoken}”, as you would to wake", file=sys.stderr, flush=True)
