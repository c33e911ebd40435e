"""Files that callers hand over as descriptors: read and written with a cap and a deadline, whatever they are.

For a loop that only D-Bus waits for. Pipes and sockets are made not to block meanwhile, and given back as they were.
"""

import asyncio
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from auricle.model.errors import AuricleError, BadRequest

_CHUNK_BYTES = 65_536


async def read_file(fd: int, *, limit_bytes: int, deadline_s: float) -> bytes:
    """Return all that comes until its end. Raises BadRequest if that is more, or cannot be read, or takes longer."""
    data = bytearray()

    def step() -> bool:
        chunk = os.read(fd, _CHUNK_BYTES)
        data.extend(chunk)
        if len(data) > limit_bytes:
            raise BadRequest(f"fd: at most {limit_bytes} bytes fit", field="fd")
        return not chunk

    with _told(f"fd: no end within {deadline_s:g} s; close the writing end"):
        async with asyncio.timeout(deadline_s):
            _check(fd, os.O_RDONLY)
            with _unblocked(fd):
                await _until_done(fd, step, writes=False)
    return bytes(data)


async def write_file(fd: int, data: bytes, *, stall_s: float) -> None:
    """Write all of `data`. Raises BadRequest if it cannot be written or nothing is taken for `stall_s`."""
    rest = memoryview(data)
    loop = asyncio.get_running_loop()

    def step() -> bool:
        nonlocal rest
        rest = rest[os.write(fd, rest[:_CHUNK_BYTES]) :]
        deadline.reschedule(loop.time() + stall_s)
        return not rest

    with _told(f"fd: nothing was taken for {stall_s:g} s; read the other end"):
        async with asyncio.timeout(stall_s) as deadline:
            _check(fd, os.O_WRONLY)
            with _unblocked(fd):
                if rest:
                    await _until_done(fd, step, writes=True)


@contextmanager
def _told(too_slow: str) -> Iterator[None]:
    try:
        yield
    except TimeoutError:
        raise AuricleError(too_slow, code="timeout") from None
    except OSError as error:
        raise BadRequest(f"fd: {error.strerror}", field="fd") from None


@contextmanager
def _unblocked(fd: int) -> Iterator[None]:
    blocking = os.get_blocking(fd)
    os.set_blocking(fd, False)
    try:
        yield
    finally:
        os.set_blocking(fd, blocking)


def _check(fd: int, mode: int) -> None:
    """Raises BadRequest: what is not open for this would never be ready."""
    if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE not in (mode, os.O_RDWR):
        raise BadRequest(f"fd: not open for {'reading' if mode == os.O_RDONLY else 'writing'}", field="fd")


async def _until_done(fd: int, step: Callable[[], bool], *, writes: bool) -> None:
    """Call `step` whenever the descriptor is ready, until it says that it is done."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()
    add, remove = (loop.add_writer, loop.remove_writer) if writes else (loop.add_reader, loop.remove_reader)

    def ready() -> None:
        if done.done():
            return
        try:
            if step():
                done.set_result(None)
        except BlockingIOError:
            pass
        except Exception as error:  # handed to the one who waits
            done.set_exception(error)

    try:
        add(fd, ready)
    except PermissionError:
        # A file on disk: always ready, and epoll does not take it.
        ended = False
        while not ended:
            await asyncio.sleep(0)
            ended = step()
        return
    try:
        await done
    finally:
        remove(fd)
