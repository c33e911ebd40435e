"""One plugin's calls: blocking code on a thread of its own, coroutines on a loop of its own, with time limits."""

import asyncio
import contextvars
import functools
import inspect
import queue
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from time import monotonic

from auricle.host.own_loop import BLOCKED_S, MOST_TASKS, Cancelled, OwnLoop, Raised, Running
from auricle.model.errors import PluginError

GRACE_S = 0.5
"""How long a cancelled coroutine may take to end before it counts as stuck."""
MOST_WAITING = 16
"""Blocking calls that may wait for the plugin's thread; one more is refused."""
_LOOK_S = 0.2
"""How often it is looked whether the plugin's loop comes round, while a call is in hand."""


class Lane:
    """Runs one plugin's code. Whatever that code does comes out as a result or a PluginError, within the limit.

    Blocking calls run one at a time on one daemon thread, so a plugin needs no locks and may keep objects that
    belong to a thread; coroutines run on a loop on another. A thread cannot be killed: after a call that overran,
    others are refused until it returns. The caller's own cancellation passes.
    """

    def __init__(self, plugin: str, on_misdeed: Callable[[str], None] = lambda text: None) -> None:
        """on_misdeed: told what a call did that it should not, though it did answer."""
        self._plugin = plugin
        self._on_misdeed = on_misdeed
        self._jobs: queue.Queue[_Job | None] = queue.Queue(MOST_WAITING)
        self._thread: threading.Thread | None = None
        self._running: _Job | None = None
        self._loop = OwnLoop(plugin)
        self._overrun: dict[Running, str] = {}
        self._open = 0

    @property
    def stuck_in(self) -> str:
        """The call that ran past its limit and has not ended yet; empty when there is none."""
        job = self._running
        if job is not None and (job.given_up or monotonic() > job.deadline):
            return job.what
        for running, what in list(self._overrun.items()):
            if running.outcome.done():
                self._overrun.pop(running, None)
            else:
                return what
        return ""

    def run(self, what: str, function: Callable[[], object], limit_s: float) -> object:
        """Run `function` on the plugin's thread and wait for it, without an event loop. Raises PluginError."""
        job = self._submit(what, function, limit_s)
        try:
            return _result(what, job.outcome.result(limit_s))
        except TimeoutError:
            job.give_up()
            raise _too_long(what, limit_s) from None

    async def call(self, what: str, function: Callable[[], object], limit_s: float) -> object:
        """Call a hook, `async def` or not, and await what it returns if that can be awaited. Raises PluginError."""
        deadline = monotonic() + limit_s
        if inspect.iscoroutinefunction(inspect.unwrap(getattr(function, "func", function))):
            self._refuse_if_stuck(what)
            result = function()
        else:
            result = await self._blocking(what, function, limit_s)
        if not inspect.isawaitable(result):
            return result
        return await self._awaited(what, result, deadline, limit_s)

    def close(self) -> None:
        """End the threads; one that is stuck is left behind, and does not keep the process alive."""
        self._loop.close()
        if self._thread is None:
            return
        try:
            self._jobs.put_nowait(None)
        except queue.Full:
            return
        if not self.stuck_in:
            self._thread.join(GRACE_S)
            self._thread = None

    async def _blocking(self, what: str, function: Callable[[], object], limit_s: float) -> object:
        job = self._submit(what, function, limit_s)
        outcome = asyncio.wrap_future(job.outcome)
        try:
            done, _ = await asyncio.wait({outcome}, timeout=limit_s)
        except asyncio.CancelledError:
            job.outcome.cancel()
            raise
        if not done:
            job.give_up()
            raise _too_long(what, limit_s)
        return _result(what, outcome.result())

    async def _awaited(self, what: str, awaitable: Awaitable[object], deadline: float, limit_s: float) -> object:
        running = self._loop.run(awaitable, f"plugin-{self._plugin}-{what}")
        outcome = asyncio.wrap_future(running.outcome)
        self._open += 1
        try:
            while not outcome.done() and (left_s := deadline - monotonic()) > 0:
                await asyncio.wait({outcome}, timeout=min(_LOOK_S, left_s))
                if not outcome.done():
                    self._loop.ping()
        except asyncio.CancelledError:
            await self._end(what, running)
            raise
        finally:
            self._open -= 1
        if not outcome.done():
            await self._end(what, running)
            raise _too_long(what, limit_s)
        self._look_for_misdeeds(what)
        if isinstance(outcome.result(), Cancelled):
            raise PluginError(f"{what} cancelled itself")
        return _result(what, outcome.result())

    def _look_for_misdeeds(self, what: str) -> None:
        blocked_s, self._loop.blocked_s = self._loop.blocked_s, 0.0
        if blocked_s >= BLOCKED_S:
            self._on_misdeed(f"{what} blocked its event loop for {blocked_s:.1f} s")
        if (count := self._loop.tasks - self._open) > MOST_TASKS:
            self._loop.cancel_all()
            self._on_misdeed(f"{what} left {count} tasks running, over {MOST_TASKS}: they were cancelled")

    async def _end(self, what: str, running: Running) -> None:
        running.cancel()
        self._overrun[running] = what
        await asyncio.wait({asyncio.wrap_future(running.outcome)}, timeout=GRACE_S)
        if running.outcome.done():
            self._overrun.pop(running, None)

    def _refuse_if_stuck(self, what: str) -> None:
        if stuck := self.stuck_in:
            raise PluginError(f"{what} was not called: {stuck} has not returned yet")

    def _submit(self, what: str, function: Callable[[], object], limit_s: float) -> "_Job":
        self._refuse_if_stuck(what)
        in_context = functools.partial(contextvars.copy_context().run, function)
        job = _Job(what, in_context, monotonic() + limit_s)
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            raise PluginError(f"{what} was not called: {MOST_WAITING} calls are waiting already") from None
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=f"plugin-{self._plugin}", daemon=True)
            self._thread.start()
        return job

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            if not job.outcome.set_running_or_notify_cancel():
                continue
            self._running = job
            try:
                outcome: object = job.function()
            except BaseException as error:  # a plugin call: all that it raises, SystemExit too, ends here
                outcome = Raised(error)
            self._running = None
            job.outcome.set_result(outcome)
            del job, outcome


@dataclass(slots=True)
class _Job:
    what: str
    function: Callable[[], object]
    deadline: float
    outcome: "Future[object]" = field(default_factory=Future)
    given_up: bool = False

    def give_up(self) -> None:
        """Do not begin it any more; if it has begun, it is what the plugin is stuck in."""
        self.given_up = True
        self.outcome.cancel()


def _result(what: str, outcome: object) -> object:
    if not isinstance(outcome, Raised):
        return outcome
    error = outcome.error
    if isinstance(error, PluginError):
        raise PluginError(error.message, code=error.code) from error
    if isinstance(error, SystemExit):
        raise PluginError(f"{what} tried to end the daemon (SystemExit: {error})") from error
    raise PluginError(f"{what} raised {type(error).__name__}: {error}") from error


def _too_long(what: str, limit_s: float) -> PluginError:
    return PluginError(f"{what} took longer than {limit_s:g} s")
