"""What rings, and how: at priority alarm, again and again, until somebody stops it or it has rung long enough."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from time import monotonic

from auricle.api import Assistant, AuricleError

PAUSE_S = 2.0
"""Between two rings."""


class Bell:
    """Rings for all that is due, in one voice. Belongs to the plugin's loop."""

    def __init__(
        self, assistant: Assistant, words: Callable[[list[str]], str], ended: Callable[[list[str]], None], ring_s: float
    ) -> None:
        """words: what is said of these ids. ended: told which ids ring no more. ring_s: longest ring."""
        self._assistant = assistant
        self._words = words
        self._ended = ended
        self._ring_s = ring_s
        self._ids: list[str] = []
        self._speech = 0
        self._task: asyncio.Task[None] | None = None
        self.stopped_at = -1e9
        """`time.monotonic` of the last end by somebody's wish."""

    @property
    def rings(self) -> bool:
        return bool(self._ids)

    def ring(self, id: str) -> None:
        """Begin, or go on for one more."""
        self._ids.append(id)
        if self._task is None:
            self._task = asyncio.create_task(self._ring(), name="bell")

    async def stop(self) -> None:
        """Somebody wants silence."""
        if not self._ids:
            return
        self.stopped_at = monotonic()
        self._end()
        if self._task is not None:
            self._task.cancel()
        with suppress(AuricleError):
            await self._assistant.stop(f"bell-{id(self)}-{self._speech}")

    async def close(self) -> None:
        """Be silent; what rang will ring again in the next life."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _ring(self) -> None:
        began = monotonic()
        try:
            while self._ids and monotonic() - began < self._ring_s:
                self._speech += 1
                speech = f"bell-{id(self)}-{self._speech}"
                with suppress(AuricleError):
                    await self._assistant.say(
                        self._words(self._ids), priority="alarm", chime=True, id=speech, wait=True
                    )
                await asyncio.sleep(PAUSE_S)
            self._end()
        finally:
            self._task = None

    def _end(self) -> None:
        ids, self._ids = self._ids, []
        self._ended(ids)
