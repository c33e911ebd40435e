"""A thread of its own for calls that may hang, awaited from the event loop."""

import queue
import threading
from asyncio import AbstractEventLoop, Future, get_running_loop
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Lane:
    """Runs calls one after the other; the loop awaits them with deadlines, and the process can end without them.

    An executor's threads are joined when the interpreter ends; one that hangs in a dead sound server never returns.
    """

    def __init__(self, name: str) -> None:
        self._calls: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, call: Callable[[], T]) -> "Future[T]":
        """Run `call` after those submitted before; to be called on the event loop, as the future belongs to it."""
        loop = get_running_loop()
        future: Future[T] = loop.create_future()

        def run() -> None:
            try:
                result = call()
            except Exception as error:  # handed to the one who waits
                _tell(loop, _fail, future, error)
            else:
                _tell(loop, _finish, future, result)

        self._calls.put(run)
        return future

    def close(self) -> None:
        """Let the thread end after the calls in hand."""
        self._calls.put(None)

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            call()


def _tell(loop: AbstractEventLoop, settle: "Callable[[Future[T], R], None]", future: "Future[T]", outcome: R) -> None:
    try:
        loop.call_soon_threadsafe(settle, future, outcome)
    except RuntimeError:
        return  # the loop is closed: nobody waits any more


def _finish(future: "Future[T]", result: T) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: "Future[T]", error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
