"""What of a text has been heard when its speech is cut."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class SoFar:
    """Grows with the sound of one text as it goes to the speaker."""

    started_s: float | None = None
    """time.monotonic() at which the first of it was played."""
    _pieces: list[tuple[str, float]] = field(default_factory=list)
    """Each with the seconds at which it begins."""
    _made_s: float = 0.0

    def piece(self, text: str) -> None:
        """The sound that is made next says `text`."""
        self._pieces.append((text, self._made_s))

    def made(self, seconds: float) -> None:
        """So much more sound is there."""
        self._made_s += seconds

    def heard(self, now_s: float) -> str:
        """The sentences that were heard, of the one that was cut its words by their share of the time."""
        if self.started_s is None or not self._pieces:
            return ""
        ends = [*(begins for _, begins in self._pieces[1:]), self._made_s]
        return _words(self._pieces, ends, now_s - self.started_s)


def _words(pieces: Sequence[tuple[str, float]], ends: Sequence[float], heard_s: float) -> str:
    heard: list[str] = []
    for (text, begins), end in zip(pieces, ends, strict=True):
        share = (heard_s - begins) / max(end - begins, 1e-6)
        words = text.split()
        heard += words[: round(len(words) * min(1.0, max(0.0, share)))]
    return " ".join(heard)
