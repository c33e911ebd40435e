"""When a plugin that fails often is rested, and for how long. Pure: the caller passes the time."""

from collections import deque

FAULTS = 5
"""Failures within WINDOW_S that rest a plugin."""
WINDOW_S = 60.0
FIRST_REST_S = 30.0
"""The first rest; each one that follows a failed trial is twice as long, up to LONGEST_REST_S."""
LONGEST_REST_S = 600.0


class Breaker:
    """Closed while all is well; open while the plugin rests; after the rest one failure opens it again."""

    def __init__(self) -> None:
        self._faults: deque[float] = deque(maxlen=FAULTS)
        self._rest_s = FIRST_REST_S
        self._until: float | None = None
        self._on_trial = False

    def rests(self, now_s: float) -> bool:
        """Whether the plugin is not to be asked."""
        return self.left_s(now_s) > 0

    def left_s(self, now_s: float) -> float:
        """How long it still rests."""
        return max(0.0, self._until - now_s) if self._until is not None else 0.0

    def failed(self, now_s: float) -> bool:
        """Count a failure; return whether a rest begins with it."""
        if self.rests(now_s):
            return False
        self._faults.append(now_s)
        often = len(self._faults) == FAULTS and now_s - self._faults[0] <= WINDOW_S
        if not often and not self._on_trial:
            return False
        self._until = now_s + self._rest_s
        self._rest_s = min(2 * self._rest_s, LONGEST_REST_S)
        self._on_trial = True
        self._faults.clear()
        return True

    def succeeded(self, now_s: float) -> None:
        """A call went well: a plugin on trial is well again."""
        if self._on_trial and not self.rests(now_s):
            self._on_trial = False
            self._until = None
            self._rest_s = FIRST_REST_S

    def reset(self) -> None:
        """Forget all."""
        self.__init__()  # type: ignore[misc]
