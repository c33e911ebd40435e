"""While we speak: words that silence us, and wake words that we say ourselves and must not answer."""

import logging
from collections import deque
from collections.abc import Callable

import numpy as np

from auricle.api import WakeScore
from auricle.model.audio import INBOUND_RATE_HZ, AudioFrame
from auricle.pipeline.echo import EchoCanceller
from auricle.pipeline.wake import WakeDetector, WakeHit

_LOG = logging.getLogger(__name__)
_NEAR = round(0.75 * INBOUND_RATE_HZ)
"""Samples between a wake word of ours and the one that the microphone heard of it, at most."""
_REMEMBERED = 512
"""Steps of detectors, each with one word: some seconds."""
_SHARE = 0.07
"""Of the score that the microphone gave a word, at which our own voice counts as having said it: an echo may score far
higher, when a faint likeness (a name that begins so) is distorted."""
_REMOVED_DB = 12.0
"""So much weaker the microphone's sound has become: what is left is what the filter did not explain, and no person. One
who speaks as loudly as the echo makes this 3 dB, one who is 10 dB below it 10."""
_WORD = round(0.6 * INBOUND_RATE_HZ)
_MOSTLY = 0.7
_LEAST = 0.005
"""Scores below this are no likeness at all, and not remembered."""


class OwnVoice:
    """Lives on the ears' thread; costs nothing while nothing is said.

    The same detectors that listen to the room listen to what the loudspeaker is given, so that a wake word in it, in
    news or a reply, wakes nobody, however well the echo is removed.
    """

    def __init__(
        self,
        own: WakeDetector,
        stops: WakeDetector,
        speaking: Callable[[], bool],
        echo: EchoCanceller | None,
    ) -> None:
        """own: hears our own voice. stops: hears the words that silence it. speaking: whether there is something to
        silence, asked on the ears' thread. echo: none where our own voice is not known.
        """
        self.own = own
        self.stops = stops
        self._speaking = speaking
        self._echo = echo
        self._said: deque[WakeScore] = deque(maxlen=_REMEMBERED)
        self._removed: deque[tuple[int, int, float]] = deque(maxlen=_REMEMBERED)
        """End and length of what was heard while our own voice sounded, and how much weaker that has become of late."""

    def load(self) -> None:
        """Raises EngineUnavailable."""
        if self._echo is not None:
            self.own.load()
        self.stops.load()

    def close(self) -> None:
        self.own.close()
        self.stops.close()

    def renew(self, other: "OwnVoice") -> None:
        """Go on with the detectors of `other`, which are loaded and nobody else's; from any thread."""
        self.own.renew(other.own)
        self.stops.renew(other.stops)

    def feed(self, frame: AudioFrame) -> WakeHit | None:
        """Take inbound audio, our own voice removed; return the word that silences us, if one was heard."""
        if self._echo is not None and len(self._echo.own):
            pcm = np.clip(self._echo.own * 32_768, -32_768, 32_767).astype("<i2").tobytes()
            self.own.feed(AudioFrame(pcm, frame.first_sample))
            if np.any(self._echo.own):
                self._removed.append((frame.end_sample, frame.samples, self._echo.removed_db))
            self._said.extend(step for step in self.own.scores.values() if step.score >= _LEAST)
        if not self._speaking():
            return None
        hit = self.stops.feed(frame)
        return hit if hit is not None and not self.says(hit) else None

    def says(self, hit: WakeHit) -> bool:
        """Whether it was us who said a word that was heard: we said that word about then, or nobody else spoke.

        What counts are the scores of our own voice, and not whether they would have woken: two words in a row are over
        any threshold as one, and the second look takes less from the microphone than the light engine does.
        """
        said = self._alone(hit) or any(
            step.wake_word == hit.wake_word
            and abs(hit.sample - step.sample) < _NEAR
            and step.score >= _SHARE * hit.score
            for step in self._said
        )
        if said:
            _LOG.info("heard %s in our own voice (%.2f)", hit.wake_word, hit.score)
        return said

    def _alone(self, hit: WakeHit) -> bool:
        """Whether our own voice sounded all through the word, and was nearly all that the microphone heard."""
        during = [
            (samples, removed_db)
            for end, samples, removed_db in self._removed
            if hit.sample - _WORD < end <= hit.sample + samples
        ]
        heard = sum(samples for samples, _ in during)
        return heard >= _MOSTLY * _WORD and min(removed_db for _, removed_db in during) >= _REMOVED_DB
