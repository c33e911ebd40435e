"""The machine: clock, disk, GPU."""

import ctypes
import os
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from auricle.cli.doctor.finding import Finding, ask, failed, ok, skipped, warning
from auricle.config import cache_dir, state_dir
from auricle.settings import Config

_STA_UNSYNC = 0x0040
_ROOM_MB = 100
_LITTLE_MB = 1000
_AHEAD_S = 3600.0
_NTP = "sudo timedatectl set-ntp true"


def check(config: Config) -> Iterator[Finding]:
    yield _clock()
    yield from _disk()
    yield _gpu(config)


def _clock() -> Finding:
    why = "timers, alarms, what time it is, and TLS certificates go by it"
    now_s, newest_s, newest = time.time(), 0.0, Path()
    for path in (Path(__file__), *_written()):
        changed_s = path.stat().st_mtime
        if changed_s > newest_s:
            newest_s, newest = changed_s, path
    said = f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}"
    if newest_s > now_s + _AHEAD_S:
        at = datetime.fromtimestamp(newest_s, UTC)
        what = f"the clock says {said}, but {newest} was written at {at:%Y-%m-%d %H:%M} UTC: one of the two is wrong"
        return failed("clock", what, why, _NTP, f"if the clock is right now: touch {newest}")
    synchronised = _synchronised()
    if synchronised is False:
        return warning("clock", f"{said}; it is not synchronised with a time server", why, _NTP)
    return ok("clock", said + ("; synchronised" if synchronised else ""))


def _written() -> Iterator[Path]:
    """Files of the state folder: what the daemon wrote there shows how late it has been already."""
    try:
        yield from (path for path in state_dir().iterdir() if path.is_file())
    except OSError:
        return


def _synchronised() -> bool | None:
    """What the kernel says (adjtimex(2)); None if it cannot be asked."""

    class Timex(ctypes.Structure):
        _fields_ = [
            ("modes", ctypes.c_uint),
            ("_a", ctypes.c_long * 4),
            ("status", ctypes.c_int),
            ("_b", ctypes.c_long * 32),
        ]

    try:
        timex = Timex()
        if ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex)) < 0:
            return None
    except (OSError, AttributeError):
        return None
    return not timex.status & _STA_UNSYNC


def _disk() -> Iterator[Finding]:
    for name, folder in (("state folder", state_dir()), ("cache folder", cache_dir())):
        there = next(path for path in (folder, *folder.parents) if path.exists())
        why = (
            "mute, volume, timers and accepted requests are kept there"
            if name == "state folder"
            else ("models and speech that was made before are kept there")
        )
        if not os.access(there, os.W_OK | os.X_OK):
            yield failed(name, f"{there} may not be written to", why, f"sudo chown -R $USER {there}")
            continue
        free_mb = shutil.disk_usage(there).free // 1_000_000
        said = f"{folder}: {free_mb} MB free"
        mend = (f"free space on the disk of {there}: du -xh --max-depth=1 {there} | sort -h", "auricle cache clear")
        if free_mb < _ROOM_MB:
            yield failed(name, said, why, *mend)
        elif free_mb < _LITTLE_MB:
            yield warning(name, said, why, *mend)
        else:
            yield ok(name, said)


def _gpu(config: Config) -> Finding:
    wanting = [name for name, keys in config.engines.items() if str(keys.get("device", "")).startswith("cuda")]
    if not wanting:
        return skipped("GPU", "no engine is set to use one")
    why = f"[engines.{wanting[0]}] device wants it"
    device = Path("/dev/nvidia0")
    if not device.exists():
        return failed(
            "GPU",
            f"there is no {device}",
            why,
            "nvidia-smi    of the driver's package",
            f'or: [engines.{wanting[0]}] device = "cpu"',
        )
    if not os.access(device, os.R_OK | os.W_OK):
        return failed(
            "GPU", f"{device} may not be opened", why, "sudo usermod -aG video,render $USER    and log in again"
        )
    told = ask("nvidia-smi", "--query-gpu=name,memory.free,memory.total", "--format=csv,noheader")
    if told is None:
        return failed("GPU", "the driver does not answer nvidia-smi", why, "reboot, or reinstall the driver")
    return ok("GPU", told.strip().replace("\n", "; "))
