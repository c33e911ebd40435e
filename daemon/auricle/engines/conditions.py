"""Under what conditions an engine's process runs: its cores, its niceness, its share of the GPU, how slow it may be."""

import contextlib
import ctypes
import os
import signal
import sys

import msgspec

_PR_SET_PDEATHSIG = 1
_OOM_SCORE_ADJ = "300"


class Conditions(msgspec.Struct, frozen=True, kw_only=True):
    """As the supervisor gives them to the process that it starts."""

    nice: int = 0
    cpus: tuple[int, ...] = ()
    gpu_memory_share: float = 0.0
    slowest_rtf: float = 0.0
    """On a CPU in place of a GPU: seconds of computing for a second of sound, above which it is of no use; 0: any."""


def live_with(parent: int) -> None:
    """End when the daemon ends, however that comes, and before it when memory runs out."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have gone before the line above.
    if os.getppid() != parent:
        os._exit(1)
    # When memory runs out, the engine is to go before the daemon that can start it again.
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write(_OOM_SCORE_ADJ)


def settle_in(conditions: Conditions) -> None:
    """Take the cores and the niceness; before the engine is imported, since libraries count the cores then.

    Raises OSError where the system does not let us.
    """
    if conditions.nice:
        os.nice(conditions.nice)
    if conditions.cpus and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, conditions.cpus)
