"""An event loop on a thread of its own, for one plugin's coroutines: one that blocks it blocks nobody else."""

import asyncio
import threading
from collections.abc import Awaitable
from concurrent.futures import Future
from time import monotonic

MOST_TASKS = 100
"""Tasks that a plugin may leave running; all of them are cancelled when there are more."""
BLOCKED_S = 0.5
"""A loop that does not come round for so long is blocked."""
_CLOSE_S = 0.5


class Cancelled:
    """The outcome of a coroutine that was cancelled."""


class Raised:
    """The outcome of a plugin's code that raised."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


class Running:
    """A coroutine on the plugin's loop. `outcome` is set when it has really ended, and never holds an exception."""

    def __init__(self, loop: asyncio.AbstractEventLoop, awaitable: Awaitable[object], name: str) -> None:
        self.outcome: Future[object] = Future()
        self._loop = loop
        self._task: asyncio.Task[object] | None = None
        self._cancelled = False
        loop.call_soon_threadsafe(self._begin, awaitable, name)

    def cancel(self) -> None:
        self._cancelled = True
        self._loop.call_soon_threadsafe(lambda: self._task.cancel() if self._task is not None else None)

    def _begin(self, awaitable: Awaitable[object], name: str) -> None:
        self._task = self._loop.create_task(_contained(awaitable), name=name)
        self._task.add_done_callback(self._end)
        if self._cancelled:
            self._task.cancel()

    def _end(self, task: "asyncio.Task[object]") -> None:
        self.outcome.set_result(Cancelled() if task.cancelled() else task.result())


class OwnLoop:
    """Started when it is first needed."""

    def __init__(self, plugin: str) -> None:
        self._plugin = plugin
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._asked_at: float | None = None
        self.blocked_s = 0.0
        """Longest time that the loop was seen not to come round; the owner sets it back."""

    def run(self, awaitable: Awaitable[object], name: str) -> Running:
        """Begin a coroutine. Call from any other thread."""
        if self._loop is None:
            loop = self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(
                target=self._serve, args=(loop,), name=f"plugin-{self._plugin}-loop", daemon=True
            )
            self._thread.start()
        return Running(self._loop, awaitable, name)

    def ping(self) -> None:
        """Look whether the loop comes round; `blocked_s` grows where it does not."""
        if self._loop is None:
            return
        if self._asked_at is not None:
            self.blocked_s = max(self.blocked_s, monotonic() - self._asked_at)
            return
        asked_at = self._asked_at = monotonic()

        def came_round() -> None:
            self.blocked_s = max(self.blocked_s, monotonic() - asked_at)
            self._asked_at = None

        self._loop.call_soon_threadsafe(came_round)

    @property
    def tasks(self) -> int:
        """How many tasks there are, the plugin's own and the host's."""
        return len(_tasks(self._loop)) if self._loop is not None else 0

    def cancel_all(self) -> None:
        """Cancel every task."""
        if (loop := self._loop) is not None:
            loop.call_soon_threadsafe(lambda: [task.cancel() for task in asyncio.all_tasks(loop)])

    def close(self) -> None:
        """Cancel what is left and end the thread; one that is blocked is left behind."""
        if self._loop is None or self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CLOSE_S)
        self._loop = self._thread = None

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        loop.set_exception_handler(lambda loop, context: None)  # a leaked task's error is nobody's concern
        try:
            loop.run_forever()
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            if left:
                loop.run_until_complete(asyncio.wait(left, timeout=_CLOSE_S / 2))
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()


def _tasks(loop: asyncio.AbstractEventLoop) -> "set[asyncio.Task[object]]":
    try:
        return asyncio.all_tasks(loop)
    except RuntimeError:  # changed while it was looked at, too often
        return set()


async def _contained(awaitable: Awaitable[object]) -> object:
    try:
        return await awaitable
    except asyncio.CancelledError:
        raise
    except BaseException as error:  # a plugin call: all that it raises, SystemExit too, ends here
        return Raised(error)
