"""Where an engine listens: `tcp://host:port` or `unix:///path`; connecting to it and listening there."""

import asyncio
import contextlib
import os
import socket
import stat
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never
from urllib.parse import urlsplit

from auricle.model.errors import ConfigError, EngineUnavailable

_PATH_BYTES = 107
"""Longest path of a Unix socket on Linux."""
_READ_AHEAD_BYTES = 1024 * 1024
"""A client buffers up to twice this, so that a reply is taken from the server while it is still being played."""

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class TcpAddress:
    host: str
    port: int
    """0 lets the system choose when listening."""

    def __str__(self) -> str:
        return f"tcp://[{self.host}]:{self.port}" if ":" in self.host else f"tcp://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UnixAddress:
    path: Path

    def __str__(self) -> str:
        return f"unix://{self.path}"


def parse(uri: str) -> TcpAddress | UnixAddress:
    """Raises ConfigError for anything but `tcp://host:port` and `unix:///path`."""
    wrong = ConfigError(f"uri {uri!r} is neither tcp://host:port nor unix:///path")
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        raise wrong from None
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise wrong
    if parts.scheme == "tcp" and parts.hostname and port is not None and parts.path in ("", "/"):
        return TcpAddress(parts.hostname, port)
    if parts.scheme == "unix" and not parts.netloc and parts.path.startswith("/") and parts.path != "/":
        if len(os.fsencode(parts.path)) > _PATH_BYTES or "\0" in parts.path:
            raise ConfigError(f"uri {uri!r}: the path of a Unix socket is at most {_PATH_BYTES} bytes long")
        return UnixAddress(Path(parts.path))
    raise wrong


async def connect(uri: str, timeout_s: float = 5.0) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Raises EngineUnavailable when nobody answers there within `timeout_s`, ConfigError for a wrong uri."""
    address = parse(uri)
    try:
        async with asyncio.timeout(timeout_s):
            match address:
                case TcpAddress():
                    return await asyncio.open_connection(address.host, address.port, limit=_READ_AHEAD_BYTES)
                case UnixAddress():
                    return await asyncio.open_unix_connection(address.path, limit=_READ_AHEAD_BYTES)
                case _:
                    assert_never(address)
    except TimeoutError:
        raise EngineUnavailable(f"{uri} did not accept a connection within {timeout_s:g} s") from None
    except OSError as error:
        raise EngineUnavailable(f"nothing can be reached at {uri}: {error.strerror or error}") from error


class Listening:
    """A server's socket and the tasks of its connections."""

    def __init__(self, handler: Handler, name: str) -> None:
        self.uri = ""
        """Where it listens, with the real port."""
        self._handler = handler
        self._name = name
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._path: Path | None = None
        self._inode = 0

    async def open(self, uri: str) -> None:
        address = parse(uri)
        try:
            match address:
                case TcpAddress():
                    self._server = await asyncio.start_server(self._accept, address.host, address.port)
                    port = self._server.sockets[0].getsockname()[1]
                    self.uri = str(TcpAddress(address.host, port))
                case UnixAddress():
                    listener = await _private_socket(address.path)
                    self._server = await asyncio.start_unix_server(self._accept, sock=listener)
                    self._path, self._inode = address.path, address.path.stat().st_ino
                    self.uri = str(address)
                case _:
                    assert_never(address)
        except OSError as error:
            raise EngineUnavailable(f"cannot listen at {uri}: {error.strerror or error}") from error

    async def close(self) -> None:
        """Close the socket and cancel every connection."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await server.wait_closed()
        if self._path is not None:
            with contextlib.suppress(OSError):
                if self._path.stat().st_ino == self._inode:
                    self._path.unlink()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        endpoint = writer.get_extra_info("socket")
        if endpoint is not None and endpoint.family != socket.AF_UNIX:
            endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        task = asyncio.create_task(self._run(reader, writer), name=f"{self._name} connection")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._handler(reader, writer)
        finally:
            await close_writer(writer)


async def serve(uri: str, handler: Handler, *, name: str = "wyoming") -> Listening:
    """Listen at `uri`; `handler` runs as a task per connection, which is closed when it returns.

    A Unix socket is the owner's alone (0600, its folder made 0700); a dead one is replaced, one in use is not.
    Raises EngineUnavailable when that cannot be, ConfigError for a wrong uri.
    """
    listening = Listening(handler, name)
    await listening.open(uri)
    return listening


async def close_writer(writer: asyncio.StreamWriter, linger_s: float = 1.0) -> None:
    """Flush and close; what the peer does not take within `linger_s` is dropped."""
    writer.close()
    try:
        async with asyncio.timeout(linger_s):
            await writer.wait_closed()
    except (TimeoutError, OSError):
        writer.transport.abort()
    except asyncio.CancelledError:
        writer.transport.abort()
        raise


async def _private_socket(path: Path) -> socket.socket:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    await _clear_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # The file must never be open to others, not even between bind and chmod.
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(before)
    return listener


async def _clear_stale(path: Path) -> None:
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise EngineUnavailable(f"cannot listen at unix://{path}: the file there is no socket; remove it")
    try:
        async with asyncio.timeout(1.0):
            _, writer = await asyncio.open_unix_connection(path)
    except (OSError, TimeoutError):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        return
    await close_writer(writer)
    raise EngineUnavailable(f"cannot listen at unix://{path}: another program listens there")
