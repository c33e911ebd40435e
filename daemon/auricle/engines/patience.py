"""How long things that failed are left alone: processes before their restart, engines before they are tried again."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """How patient the supervisor is."""

    watch_every_s: float = 3.0
    """Between two looks at a running engine: ping and memory."""
    ping_timeout_s: float = 20.0
    """Long: a library that holds the interpreter while it computes is busy, not dead."""
    first_backoff_s: float = 0.25
    max_backoff_s: float = 30.0
    quick_death_s: float = 60.0
    """A process that lived less than this died quickly."""
    quick_deaths: int = 5
    """So many in a row and the engine is broken."""
    first_probe_s: float = 60.0
    """A broken engine is tried again after this, then after twice as long, and so on."""
    max_probe_s: float = 3600.0
    grace_s: float = 1.0
    """Between asking a process to end and making it."""

    def backoff_s(self, deaths: int, chance: float) -> float:
        """Wait before the next start after so many quick deaths in a row. chance: 0 to 1."""
        return min(self.max_backoff_s, self.first_backoff_s * 2.0 ** (deaths - 1)) * (0.5 + chance)

    def probe_s(self, failures: int) -> float:
        """Wait before a broken engine is tried again, after so many failures in a row."""
        return doubled(self.first_probe_s, failures, self.max_probe_s)


class Rest:
    """A time in which an engine that failed is not asked, as long as another one can be."""

    def __init__(
        self, first_s: float = 60.0, most_s: float = 3600.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._first_s = first_s
        self._most_s = most_s
        self._clock = clock
        self._failures = 0
        self._until = clock()

    @property
    def over(self) -> bool:
        return self._clock() >= self._until

    @property
    def needed(self) -> bool:
        """Whether the last that was heard is a failure."""
        return self._failures > 0

    def begin(self) -> float:
        """It failed: rest, each time in a row twice as long; returns how long. A failure during a rest adds nothing."""
        if self.over:
            self._failures += 1
            self._until = self._clock() + doubled(self._first_s, self._failures, self._most_s)
        return self._until - self._clock()

    def end(self) -> None:
        """It works."""
        self._failures = 0
        self._until = self._clock()


def doubled(first_s: float, times: int, most_s: float) -> float:
    return min(most_s, first_s * 2.0 ** min(times - 1, 64))
