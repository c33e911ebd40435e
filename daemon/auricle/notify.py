"""What systemd is told (sd_notify(3)); nothing happens when systemd did not start us."""

import os
import time


def tell_systemd(*lines: str) -> None:
    """Send assignments such as `READY=1`."""
    if "NOTIFY_SOCKET" not in os.environ:
        return
    try:
        from systemd.daemon import notify
    except ImportError:
        return
    notify("\n".join(lines))


def tell_reloading() -> None:
    """A reload begins; `tell_systemd("READY=1")` ends it, whether it went well or not (systemd.service(5))."""
    tell_systemd("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")


def watchdog_s() -> float | None:
    """Longest time that systemd waits for a ping; None: it does not watch this process (sd_watchdog_enabled(3))."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    if not microseconds.isdecimal() or int(microseconds) == 0:
        return None
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(microseconds) / 1e6
