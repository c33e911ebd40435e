"""Getting to know a user's way of saying a wake word: the sayings in recordings, and a profile from them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from auricle import __version__
from auricle.model.audio import INBOUND_RATE_HZ, SAMPLE_BYTES, AudioFrame
from auricle.model.errors import AuricleError
from auricle.pipeline.hit import WakeHit
from auricle.pipeline.profiles import LAYOUT, Profile
from auricle.pipeline.recent import RecentSound
from auricle.pipeline.voiceprint import BEFORE_SAMPLES, Vector, learn, likeness, voice_of
from auricle.pipeline.wake import WakeDetector

FEWEST, MOST = 3, 50
"""Sayings of the word that a profile is made of."""
LONGEST_S = 120.0
"""Of one recording."""
_SILENT = 33
"""-60 dBFS: what peaks below it is no voice near a microphone."""
_CLIP_LEVEL = 32_700
_CLIPPED_SAMPLES = 32
_AFTER = bytes(INBOUND_RATE_HZ // 2 * SAMPLE_BYTES)
"""A detector answers a little after the word; a recording may end with it."""


class EnrolmentError(AuricleError):
    """A recording cannot be used, or the recordings make no profile; the message says which and why."""

    code = "enrolment"


@dataclass(frozen=True, slots=True)
class Saying:
    """The word, said once."""

    source: str
    """The recording, as the user named it."""
    hit: WakeHit
    voice: Vector


def sayings(source: str, frames: Iterable[AudioFrame], detector: WakeDetector) -> Iterator[Saying]:
    """Yield each saying of the detector's word, as it is heard. detector: loaded, of one word, and hears everybody.

    frames: consecutive inbound audio. Raises EnrolmentError for a saying that is overdriven.
    """
    detector.reset()
    recent = RecentSound()
    for frame in frames:
        recent.remember(frame)
        if (hit := detector.feed(frame)) is not None:
            sound = recent.between(hit.sample - BEFORE_SAMPLES, hit.sample)
            samples = np.frombuffer(sound.pcm, "<i2").astype(np.int32)
            if np.count_nonzero(np.abs(samples) >= _CLIP_LEVEL) >= _CLIPPED_SAMPLES:
                at_s = hit.sample / INBOUND_RATE_HZ
                raise EnrolmentError(f"{source}: overdriven at {at_s:.1f} s; lower the microphone's gain, or step back")
            yield Saying(source, hit, voice_of(sound))


def sayings_of_file(name: str, frames: Iterable[AudioFrame], detector: WakeDetector, word: str) -> list[Saying]:
    """Every saying in a recording; one at least. Raises EnrolmentError naming the file."""
    heard = _Heard(name, frames)
    found = list(sayings(name, heard, detector))
    if found:
        return found
    if heard.peak < _SILENT:
        raise EnrolmentError(f"{name}: nothing but silence; is the microphone muted?")
    raise EnrolmentError(f"{name}: {word} is not heard in it; say it as you would to wake, and nothing over it")


def make_profile(name: str, word: str, said: Sequence[Saying]) -> Profile:
    """The profile of a user for a word. Raises EnrolmentError."""
    if not FEWEST <= len(said) <= MOST:
        wanted = f"at least {FEWEST}" if len(said) < FEWEST else f"at most {MOST}"
        raise EnrolmentError(f"{word} is heard {len(said)} times in the recordings; {wanted} make a profile")
    return Profile(
        layout=LAYOUT,
        name=name,
        word=word,
        at=datetime.now(UTC).replace(microsecond=0),
        made_by=__version__,
        recordings=len(said),
        voiceprint=learn([saying.voice for saying in said]),
    )


def likenesses(said: Sequence[Saying]) -> list[float]:
    """How like each saying is to what the others make: one that is not like them had better not be among them."""
    return [likeness(learn([other.voice for other in said if other is not saying]), saying.voice) for saying in said]


class _Heard:
    """Frames of a recording, with half a second of quiet after them, and how loud they were."""

    def __init__(self, name: str, frames: Iterable[AudioFrame]) -> None:
        self._name = name
        self._frames = frames
        self.peak = 0

    def __iter__(self) -> Iterator[AudioFrame]:
        end = 0
        for frame in self._frames:
            if frame.end_sample > LONGEST_S * INBOUND_RATE_HZ:
                raise EnrolmentError(f"{self._name}: longer than {LONGEST_S:g} s; only the word is wanted, said once")
            end = frame.end_sample
            self.peak = max(self.peak, int(np.abs(np.frombuffer(frame.pcm, "<i2").astype(np.int32)).max(initial=0)))
            yield frame
        yield AudioFrame(_AFTER, end)
