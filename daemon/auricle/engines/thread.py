"""The one thread on which an engine lives: it loads, answers and closes there, one request at a time."""

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import TypeVar

from auricle.model.errors import EngineError

T = TypeVar("T")


class EngineThread:
    """Runs blocking calls in the order in which they came.

    The thread is a daemon thread: an engine that hangs cannot keep its process from ending.
    """

    def __init__(self, name: str) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], Callable[[], None]] | None] = queue.SimpleQueue()
        self._depth = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=f"engine {name}", daemon=True)
        self._thread.start()

    @property
    def depth(self) -> int:
        """Calls that wait or run."""
        return self._depth

    def submit(self, job: Callable[[], Callable[[], None]]) -> None:
        """job: must not raise; returns what tells of its end, called when it no longer counts in `depth`."""
        with self._lock:
            self._depth += 1
        self._jobs.put(job)

    async def call(self, function: Callable[[], T]) -> T:
        """Run `function` there. Cancelling the wait does not stop what has begun."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def job() -> Callable[[], None]:
            if future.cancelled():
                return _nothing
            try:
                result = function()
            except BaseException as error:  # an engine's top: handed to the one who waits
                return partial(_post, loop, partial(_settle, future, None, _plain(error)))
            return partial(_post, loop, partial(_settle, future, (result,), None))

        self.submit(job)
        return await future

    def stop(self, wait_s: float = 0.5) -> None:
        """End the thread after what is queued, waiting at most `wait_s` for it."""
        self._jobs.put(None)
        self._thread.join(wait_s)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            tell = job()
            with self._lock:
                self._depth -= 1
            tell()


class Pieces(AsyncIterator[T]):
    """A blocking iterator, run on an engine's thread, as an async one.

    At most `ahead` pieces wait to be taken; the thread waits then. `close()` has the blocking iterator closed between
    two pieces and does not wait for that; an iterator that runs at that moment is told by `abandon`.
    """

    def __init__(
        self,
        thread: EngineThread,
        make: Callable[[], Iterator[T]],
        *,
        ahead: int = 4,
        abandon: Callable[[], None] | None = None,
    ) -> None:
        self._make = make
        self._abandon = abandon
        self._lock = threading.Lock()
        self._running = False
        self._loop = asyncio.get_running_loop()
        self._room = threading.Semaphore(ahead)
        self._taken: asyncio.Queue[tuple[T] | None] = asyncio.Queue()
        self._error: BaseException | None = None
        self._cancelled = threading.Event()
        thread.submit(self._work)

    def __aiter__(self) -> AsyncIterator[T]:
        return self

    async def __anext__(self) -> T:
        """Raises what the blocking iterator raised."""
        piece = await self._taken.get()
        if piece is not None:
            self._room.release()
            return piece[0]
        self._taken.put_nowait(None)
        raise self._error or StopAsyncIteration

    def close(self) -> None:
        self._cancelled.set()
        self._room.release()
        # The lock: the thread may be at the next request already, which must not be told.
        with self._lock:
            if self._running and self._abandon is not None:
                self._abandon()

    def _work(self) -> Callable[[], None]:
        try:
            with self._lock:
                self._running = not self._cancelled.is_set()
            if self._running:
                self._iterate()
        except BaseException as error:  # an engine's top: handed to the one who waits
            self._error = _plain(error)
        finally:
            with self._lock:
                self._running = False
        return partial(_post, self._loop, partial(self._taken.put_nowait, None))

    def _iterate(self) -> None:
        pieces = self._make()
        try:
            for piece in pieces:
                self._room.acquire()
                if self._cancelled.is_set():
                    return
                _post(self._loop, partial(self._taken.put_nowait, (piece,)))
        finally:
            close = getattr(pieces, "close", None)
            if close is not None:
                close()


def _plain(error: BaseException) -> Exception:
    """An engine's `sys.exit()` must not end the process's loop."""
    return error if isinstance(error, Exception) else EngineError(f"the engine raised {type(error).__name__}: {error}")


def _nothing() -> None:
    """Nobody waits for the end."""


def _settle(future: "asyncio.Future[T]", result: tuple[T] | None, error: Exception | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    elif result is not None:
        future.set_result(result[0])


def _post(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
    with suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(callback)
