"""What systemd is told (sd_notify(3)); nothing happens when systemd did not start us."""

import os


def tell_systemd(*lines: str) -> None:
    """Send assignments such as `READY=1`."""
    if "NOTIFY_SOCKET" not in os.environ:
        return
    try:
        from systemd.daemon import notify
    except ImportError:
        return
    notify("\n".join(lines))
