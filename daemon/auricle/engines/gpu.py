"""What an engine's process asks of its GPU through torch, if the engine has imported that: nothing here imports it."""

import logging
import sys
from typing import Any, Final

_log = logging.getLogger(__name__)
_MIB: Final = 1024 * 1024


def memory_mb() -> float | None:
    """What torch's allocator holds on the GPU, in MiB; none without a GPU that is in use."""
    torch = _torch()
    if torch is None or not torch.cuda.is_initialized():
        return None
    return float(torch.cuda.memory_reserved()) / _MIB


def limit_memory(name: str, share: float) -> float | None:
    """Let torch take no more than `share` of the GPU's memory, nor more than is free now; returns the share set.

    share: above 0, at most 1, of all that the GPU has. None, and nothing is done, where torch has no CUDA. What is
    outside of torch's allocator, the CUDA context first of all, is in use already when this looks, and so not counted
    as free. To be called once the engine's modules are imported and before its model is loaded.
    """
    torch = _torch()
    if torch is None or not torch.cuda.is_available():
        _log.info("[engines.%s] gpu_memory_share has no effect: %s", name, _why_not(torch))
        return None
    free, total = torch.cuda.mem_get_info()
    usable = free / total
    if usable < share:
        _log.warning(
            "[engines.%s] gpu_memory_share = %g of %d MiB is more than the %d MiB that are free: %.2f is taken",
            name,
            share,
            total // _MIB,
            free // _MIB,
            usable,
        )
    settled = float(min(share, usable))
    torch.cuda.set_per_process_memory_fraction(settled)
    return settled


def _torch() -> Any:
    return sys.modules.get("torch")


def _why_not(torch: Any) -> str:
    return "the engine does not use torch" if torch is None else "torch finds no CUDA here"
