"""Calls to come for one plugin: by the wall clock, or by a clock that nobody sets and that runs in suspend too."""

import asyncio
import heapq
import itertools
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from auricle.api.services import Call

_LOOK_S = 1.0
"""How often the clocks are looked at while something is to come: one may be set, and the machine may sleep."""
_AT_ONCE = 32
"""Calls of one plugin that may run at the same time."""


def steady_s() -> float:
    """Seconds since the machine started, asleep or awake; never set."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


@dataclass(order=True, slots=True)
class Entry:
    """A call to come."""

    due: float
    order: int
    call: Call | None = field(compare=False)
    period_s: float | None = field(compare=False, default=None)

    def cancel(self) -> None:
        self.call = None


class PluginScheduler:
    """One plugin's calls. `run` is the task that makes them; the rest may be used from any thread."""

    def __init__(self, fire: Callable[[Call], Awaitable[None]], now: Callable[[], datetime]) -> None:
        """fire: makes one call and never raises. now: the wall clock."""
        self._fire = fire
        self._now = now
        self._order = itertools.count()
        self._lock = threading.Lock()
        self._wall: list[Entry] = []
        self._steady: list[Entry] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = asyncio.Event()
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._calls: set[asyncio.Task[None]] = set()

    def at(self, when: datetime, call: Call) -> Entry:
        return self._add(self._wall, Entry(when.timestamp(), next(self._order), call))

    def after(self, delay_s: float, call: Call) -> Entry:
        return self._add(self._steady, Entry(steady_s() + delay_s, next(self._order), call))

    def every(self, period_s: float, call: Call) -> Entry:
        if period_s <= 0:
            raise ValueError(f"a period of {period_s} s: it must be over 0")
        return self._add(self._steady, Entry(steady_s() + period_s, next(self._order), call, period_s))

    async def run(self) -> None:
        """Make the calls until cancelled; then those in hand are cancelled too."""
        self._loop = asyncio.get_running_loop()
        try:
            while True:
                self._changed.clear()
                wait_s = self._make_due()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), wait_s)
        finally:
            self._loop = None
            for task in self._calls:
                task.cancel()
            await asyncio.gather(*self._calls, return_exceptions=True)

    def clear(self) -> None:
        """Forget all that was to come."""
        with self._lock:
            self._wall.clear()
            self._steady.clear()

    def _add(self, entries: list[Entry], entry: Entry) -> Entry:
        with self._lock:
            heapq.heappush(entries, entry)
        if (loop := self._loop) is not None:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._changed.set)
        return entry

    def _make_due(self) -> float | None:
        """Begin what is due; return how long to wait for the next, None for ever."""
        waits: list[float] = []
        for entries, now_s in ((self._wall, self._now().timestamp()), (self._steady, steady_s())):
            with self._lock:
                while entries and (entries[0].due <= now_s or entries[0].call is None):
                    entry = heapq.heappop(entries)
                    if entry.call is not None:
                        self._begin(entry, now_s)
                if entries:
                    waits.append(max(0.0, entries[0].due - now_s))
        return min([*waits, _LOOK_S]) if waits else None

    def _begin(self, entry: Entry, now_s: float) -> None:
        task = asyncio.create_task(self._make(entry), name="a plugin's scheduled call")
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    async def _make(self, entry: Entry) -> None:
        async with self._slots:
            if entry.call is not None:
                await self._fire(entry.call)
        if entry.period_s is not None and entry.call is not None:
            late_s = max(0.0, steady_s() - entry.due)
            entry.due += entry.period_s * (1 + late_s // entry.period_s)
            self._add(self._steady, entry)
