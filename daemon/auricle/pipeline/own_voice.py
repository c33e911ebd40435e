"""While we speak: words that silence us, and wake words that we say ourselves and must not answer."""

import logging
from collections import deque
from collections.abc import Callable

import numpy as np

from auricle.model.audio import INBOUND_RATE_HZ, AudioFrame
from auricle.pipeline.echo import EchoCanceller
from auricle.pipeline.wake import WakeDetector, WakeHit

_LOG = logging.getLogger(__name__)
_NEAR = round(1.5 * INBOUND_RATE_HZ)
"""Samples between a wake word of ours and the one that the microphone heard of it, at most."""
_REMEMBERED = 8
GUARD_THRESHOLD = 0.1
"""Score at which our own voice counts as saying a word: lower than what wakes, since an echo may score higher."""


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
        self._said: deque[int] = deque(maxlen=_REMEMBERED)

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
            if (hit := self.own.feed(AudioFrame(pcm, frame.first_sample))) is not None:
                self._said.append(hit.sample)
        if not self._speaking():
            return None
        hit = self.stops.feed(frame)
        return hit if hit is not None and not self.says(hit) else None

    def says(self, hit: WakeHit) -> bool:
        """Whether it was us who said a word that was heard."""
        said = any(abs(hit.sample - sample) < _NEAR for sample in self._said)
        if said:
            _LOG.info("heard %s in our own voice (%.2f)", hit.wake_word, hit.score)
        return said
