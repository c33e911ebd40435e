"""How often something may be asked for, topic by topic."""

import time
from collections import defaultdict, deque
from collections.abc import Callable

from auricle.model.errors import RateLimited

_WINDOW_S = 60.0


class RateLimit:
    """At most so many requests in any minute, for each topic of its own."""

    def __init__(self, per_minute: int, now: Callable[[], float] = time.monotonic) -> None:
        """per_minute: 0 is no limit. now: seconds of a clock that only goes on."""
        self._per_minute = per_minute
        self._now = now
        self._taken: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=max(1, per_minute)))

    def take(self, topic: str) -> None:
        """Count a request. Raises RateLimited, and does not count it, if the minute is full."""
        if not self._per_minute:
            return
        taken, now_s = self._taken[topic], self._now()
        if len(taken) == self._per_minute and now_s - taken[0] < _WINDOW_S:
            raise RateLimited(
                f"{topic} took {self._per_minute} requests in a minute ([mqtt] say_per_minute); "
                f"try again in {_WINDOW_S - (now_s - taken[0]):.0f} s"
            )
        taken.append(now_s)
