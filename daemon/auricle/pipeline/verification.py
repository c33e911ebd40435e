"""Whose word it was: a word that somebody is enrolled for wakes if it sounds like one of them."""

import logging
from collections import deque
from dataclasses import dataclass

from auricle.pipeline.hit import WakeHit
from auricle.pipeline.profiles import Profiles
from auricle.pipeline.recent import RecentSound
from auricle.pipeline.voiceprint import BEFORE_SAMPLES, likeness, voice_of

_LOG = logging.getLogger(__name__)
_KEPT = 32


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a wake word that somebody is enrolled for."""

    hit: WakeHit
    accepted: bool
    user: str
    """Of the enrolled, the one whom it is most like."""
    likeness: float
    """0 to 1."""


class Verification:
    """Judges words that were heard; on the ears' thread, in some milliseconds.

    Nothing is kept or read but at a heard word, so idle listening costs nothing, and whoever is enrolled or forgotten
    meanwhile counts from the next word on.
    """

    def __init__(self, profiles: Profiles, threshold: float) -> None:
        """threshold: likeness from which on a word is a user's."""
        self._profiles = profiles
        self._threshold = threshold
        self.told: deque[Verdict] = deque(maxlen=_KEPT)
        """The last verdicts."""
        self.refused = 0
        """How many words were somebody else's."""

    def accepts(self, hit: WakeHit, recent: RecentSound) -> bool:
        """Whether a word wakes: it is an enrolled user's, or nobody is enrolled for it. recent: sound up to its end."""
        enrolled = self._profiles.of(hit.wake_word)
        if not enrolled:
            return True
        voice = voice_of(recent.between(hit.sample - BEFORE_SAMPLES, hit.sample))
        alike, user = max((likeness(profile.voiceprint, voice), profile.name) for profile in enrolled)
        verdict = Verdict(hit, alike >= self._threshold, user, alike)
        self.told.append(verdict)
        self.refused += not verdict.accepted
        said = "wakes" if verdict.accepted else "is somebody else's"
        _LOG.info("%s (%.2f) %s: %.2f like %s", hit.wake_word, hit.score, said, alike, user)
        return verdict.accepted
