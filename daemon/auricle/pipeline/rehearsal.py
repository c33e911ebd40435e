"""The sentences that the daemon itself says, put into the speech cache while nobody wants anything else."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence

from auricle.model.errors import AuricleError
from auricle.pipeline.dispatch import NOT_UNDERSTOOD, WENT_WRONG
from auricle.pipeline.phrases import phrase

_LOG = logging.getLogger(__name__)
_LOOK_EVERY_S = 0.05
_QUIET_S = 1.0


def canned(language: str) -> Sequence[str]:
    """What is said when something failed or was not understood, in `language`, else in English."""
    family = language.split("-")[0]
    return [phrase("failed", language), *(said.get(family, said["en"]) for said in (NOT_UNDERSTOOD, WENT_WRONG))]


async def rehearse(
    texts: Sequence[str],
    make: Callable[[str], Coroutine[None, None, bool]],
    busy: Callable[[], bool],
    *,
    quiet_s: float = _QUIET_S,
) -> None:
    """Have `make` speak each text into the cache; as soon as the house is `busy` it is cut off, and begun again later.

    make: says whether it had to ask the engine. Begins after `quiet_s` in which nothing else was wanted. An engine
    that fails ends it.
    """
    for text in texts:
        done = False
        while not done:
            await _quiet(busy, quiet_s)
            try:
                done = await _unless(busy, make(text))
            except AuricleError as error:
                _LOG.debug("not rehearsed: %s", error)
                return


async def _quiet(busy: Callable[[], bool], quiet_s: float) -> None:
    left_s = quiet_s
    while left_s > 0 or busy():
        await asyncio.sleep(_LOOK_EVERY_S)
        left_s = quiet_s if busy() else left_s - _LOOK_EVERY_S


async def _unless(busy: Callable[[], bool], work: Coroutine[None, None, bool]) -> bool:
    """Return whether `work` came to its end."""
    task = asyncio.create_task(work, name="rehearse a sentence")
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=_LOOK_EVERY_S)
            if busy() and not task.done():
                return False
        task.result()
        return True
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
