"""Which of an engine's failures call for more than an apology: told by name, since no library of theirs is imported."""

from collections.abc import Iterator

from auricle.model.errors import DeviceLost, EngineError, EngineOutOfMemory, EngineWrecked

_NO_ROOM = ("out of memory", "failed to allocate memory", "can't allocate memory", "cublas_status_alloc_failed")
_LOST = (
    "no cuda-capable device",
    "no cuda gpus are available",
    "found no nvidia driver",
    "cuda driver version is insufficient",
    "cuda driver initialization failed",
    "devices are busy or unavailable",
    "device is busy or unavailable",
    "unknown error",
    "uncorrectable ecc",
    "gpu is lost",
    "device has been removed",
    "not compiled with cuda",
)
_WRECKED = (
    "device-side assert",
    "illegal memory access",
    "illegal address",
    "illegal instruction",
    "misaligned address",
    "no kernel image",
    "invalid device function",
    "unspecified launch failure",
    "launch timed out",
    "cublas_status",
    "cublas error",
    "cudnn_status",
    "cudnn error",
    "cuda error",
    "cuda failed with error",
    "hip error",
)
_MOST_CAUSES = 8


def engine_fault(error: BaseException) -> EngineError | None:
    """What an error of a computing library means for its process: EngineOutOfMemory, EngineWrecked or DeviceLost.

    None for any other. Its causes are looked at too.
    """
    for cause in _causes(error):
        if isinstance(cause, EngineOutOfMemory | EngineWrecked):
            return cause
        text = str(cause).lower()
        said = f"{type(cause).__name__}: {(str(cause).strip().splitlines() or ['no more is said'])[0]}"
        if isinstance(cause, MemoryError) or type(cause).__name__ == "OutOfMemoryError" or _any(_NO_ROOM, text):
            return EngineOutOfMemory(said)
        if not isinstance(cause, RuntimeError | AssertionError):
            continue
        gpu = any(word in text for word in ("cuda", "gpu", "nvidia", "hip", "device", "cudnn", "cublas"))
        if gpu and _any(_LOST, text):
            return DeviceLost(said)
        if gpu and _any(_WRECKED, text):
            return EngineWrecked(said)
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error itself and what led to it."""
    cause: BaseException | None = error
    for _ in range(_MOST_CAUSES):
        if cause is None:
            return
        yield cause
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)


def _any(phrases: tuple[str, ...], text: str) -> bool:
    return any(phrase in text for phrase in phrases)
