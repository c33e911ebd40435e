"""The daemon as systemd sees it: when it is ready, how it is in words, and whether it lives."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from auricle.bus import EventBus
from auricle.notify import tell_systemd, watchdog_s
from auricle.pipeline.capture import Capture
from auricle.pipeline.ears import Ears
from auricle.status import Status

_LOG = logging.getLogger("auricle.systemd")
_MORE_TIME_S = 30.0
"""Asked for again and again while the parts start: each has a deadline of its own."""
_ASK_EVERY_S = 5.0
_MICROPHONE_S = 20.0
"""So long the unit is not active without a microphone; then it is, degraded, so that the machine's start goes on."""
_STATUS_EVENTS = 64
_PINGS = 3
"""In each of systemd's intervals."""
_QUIET_S = 5.0
"""Sound comes many times a second; what is late by this much has stalled."""
_STUCK_S = 120.0
"""A microphone that is known to be unwell is looked after this often at the least, or its keeper hangs."""


@dataclass(frozen=True, slots=True)
class Signs:
    """Signs of life, as `time.monotonic()`; they are read by the watchdog, and written by whoever lives."""

    heard_s: Callable[[], float]
    """When the ears last had sound."""
    turned_s: Callable[[], float]
    """When the ears last looked for sound."""
    kept_s: Callable[[], float]
    """When the microphone was last looked after."""
    waits: Callable[[], bool]
    """Whether the sound waits for its listeners, as a file that is read at once does."""


def signs_of(ears: Ears, capture: Capture) -> Signs:
    return Signs(
        heard_s=lambda: ears.heard_s,
        turned_s=lambda: ears.turned_s,
        kept_s=lambda: capture.kept_s,
        waits=lambda: capture.lossless,
    )


class Systemd:
    """Tells systemd. Belongs to the event loop: what it sends also shows that the loop turns."""

    def __init__(self, bus: EventBus, status: Callable[[], Status], words: Sequence[str]) -> None:
        """words: the wake words' models, as configured."""
        self._bus = bus
        self._status = status
        self.words = words
        self._told = ""
        self._ready = False

    @contextlib.contextmanager
    def starting(self) -> Iterator[None]:
        """While the block runs, the time limit of the start is put off as long as the loop turns."""
        task = asyncio.create_task(self._ask_for_time(), name="more time from systemd")
        try:
            yield
        finally:
            task.cancel()

    async def run(self, signs: Signs) -> None:
        """Tell when a wake word would be heard, follow the state in words, and ping while there is life."""
        interval_s = watchdog_s()
        watching = asyncio.create_task(self._watch(signs, interval_s), name="watchdog") if interval_s else None
        try:
            with self._bus.subscribe(_STATUS_EVENTS) as events:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_MICROPHONE_S):
                        with self.starting():
                            await self._until_heard()
                self._ready = True
                self._tell("READY=1", again=True)
                async for _ in events:
                    self._tell()
        finally:
            if watching is not None:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)

    async def _until_heard(self) -> None:
        with self._bus.subscribe(_STATUS_EVENTS) as events:
            if not would_hear(self._status()):
                self._tell()
                async for _ in events:
                    if would_hear(self._status()):
                        return
                    self._tell()

    async def _ask_for_time(self) -> None:
        while True:
            tell_systemd(f"EXTEND_TIMEOUT_USEC={int(_MORE_TIME_S * 1e6)}")
            self._tell()
            await asyncio.sleep(_ASK_EVERY_S)

    def _tell(self, *lines: str, again: bool = False) -> None:
        text = in_words(self._status(), self.words)
        if again or text != self._told:
            self._told = text
            tell_systemd(*lines, f"STATUS={text}")

    async def _watch(self, signs: Signs, interval_s: float) -> None:
        withheld = ""
        while True:
            reason = withheld_for(signs, self._status(), time.monotonic())
            if not reason:
                tell_systemd("WATCHDOG=1")
            if reason != withheld:
                if reason:
                    _LOG.error("%s: systemd is not told that all is well, and starts the daemon anew", reason)
                else:
                    _LOG.info("all is well again")
                withheld = reason
            await asyncio.sleep(interval_s / _PINGS)


def would_hear(status: Status) -> bool:
    """Whether a wake word would be heard now, or is not to be."""
    return status.muted or ("microphone" in status.well and "start" not in status.faults)


def withheld_for(signs: Signs, status: Status, now_s: float) -> str:
    """Why the watchdog is not to be pinged; empty when there is life.

    No sound is no fault where that is the declared state: muted, or a microphone that is known to be unwell.
    """
    if signs.waits():
        return ""
    if now_s - signs.turned_s() > _QUIET_S:
        return f"the ears have stalled for {now_s - signs.turned_s():.0f} s"
    if "microphone" not in status.well:
        stuck_s = now_s - signs.kept_s()
        return f"the sound server or driver has not answered for {stuck_s:.0f} s" if stuck_s > _STUCK_S else ""
    if status.muted:
        return ""
    quiet = now_s - signs.heard_s() > _QUIET_S
    return f"no sound has come from {status.well['microphone']}" if quiet else ""


def in_words(status: Status, words: Sequence[str]) -> str:
    """The state as `systemctl status` shows it: `listening for hey jarvis on USB mic`."""
    if "start" in status.faults:
        return "starting"
    if (fault := status.faults.get("microphone")) is not None:
        reason = fault.removesuffix("; trying again")
        if fault.startswith("no microphone"):
            return f"degraded: no microphone, retrying ({reason.partition(': ')[2] or reason})"
        return f"degraded: {reason}, retrying"
    if status.faults:
        return f"degraded: {status.detail}"
    if status.muted:
        return "muted"
    if status.state != "idle":
        return f"in a turn: {status.state}" if status.turn is not None else status.state
    if "microphone" not in status.well:
        return "degraded: no microphone, retrying (the sound server or driver has not answered yet)"
    names = " or ".join(_spoken(word) for word in words)
    return f"listening for {names or 'no wake word'} on {status.well['microphone'].partition(',')[0]}"


def _spoken(model: str) -> str:
    """`hey jarvis` of `hey_jarvis` or `/etc/auricle/hey_jarvis.tflite`."""
    return PurePath(model).stem.replace("_", " ")
