"""Calls between the daemon and a plugin's process: frames of msgpack over a private socket, both ways at once."""

import contextlib
import itertools
import socket
import struct
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import msgspec

from auricle.model.errors import PluginError

LONGEST_FRAME = 16 * 1024 * 1024
_HEAD = struct.Struct("!I")


class Call(msgspec.Struct, tag="call", frozen=True):
    """Somebody wants something done."""

    id: int
    method: str
    arguments: msgspec.Raw


class Return(msgspec.Struct, tag="return", frozen=True):
    """It was done."""

    id: int
    value: msgspec.Raw


class Failure(msgspec.Struct, tag="failure", frozen=True):
    """It could not be done."""

    id: int
    code: str
    message: str


_DECODER = msgspec.msgpack.Decoder(Call | Return | Failure)


def encode(value: object) -> msgspec.Raw:
    """What msgpack has no word for is sent as its text."""
    return msgspec.Raw(msgspec.msgpack.encode(value, enc_hook=str))


class Wire:
    """One end. `serve` reads until the other end is gone; the rest may be used from any thread."""

    def __init__(self, end: socket.socket, take: Callable[[Call], None]) -> None:
        """take: begins what the other end wants, without waiting, and answers it later."""
        self._end = end
        self._take = take
        self._ids = itertools.count(1)
        self._pending: dict[int, Future[msgspec.Raw]] = {}
        self._lock = threading.Lock()
        self._sending = threading.Lock()

    def request(self, method: str, arguments: object = None) -> "Future[msgspec.Raw]":
        """Ask the other end. The future fails with PluginError."""
        future: Future[msgspec.Raw] = Future()
        id = next(self._ids)
        with self._lock:
            self._pending[id] = future
        try:
            self._send(Call(id, method, encode(arguments)))
        except (OSError, PluginError) as error:
            failure = PluginError(f"{method}: {error}")
            self._settle(id, lambda waiting: waiting.set_exception(failure))
        return future

    def answer(self, call: Call, value: object) -> None:
        with contextlib.suppress(OSError):
            self._send(Return(call.id, encode(value)))

    def refuse(self, call: Call, error: Exception) -> None:
        code, message = getattr(error, "code", "plugin"), getattr(error, "message", str(error))
        with contextlib.suppress(OSError):
            self._send(Failure(call.id, str(code), str(message)))

    @property
    def waited_for(self) -> int:
        return len(self._pending)

    def serve(self) -> None:
        """Read until the end of the stream, or nonsense."""
        with contextlib.suppress(OSError, msgspec.DecodeError, EOFError):
            while True:
                (length,) = _HEAD.unpack(self._read(_HEAD.size))
                if length > LONGEST_FRAME:
                    return
                match _DECODER.decode(self._read(length)):
                    case Call() as call:
                        self._take(call)
                    case Return(id=id, value=value):
                        self._settle(id, lambda waiting, value=value: waiting.set_result(value))  # type: ignore[misc]
                    case Failure(id=id, code=code, message=message):
                        error = PluginError(message, code=code)
                        self._settle(id, lambda waiting, error=error: waiting.set_exception(error))  # type: ignore[misc]

    def fail(self, reason: str) -> None:
        """Nobody answers any more."""
        with self._lock:
            pending = list(self._pending)
        for id in pending:
            self._settle(id, lambda waiting: waiting.set_exception(PluginError(reason)))

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._end.shutdown(socket.SHUT_RDWR)
        self._end.close()

    def _settle(self, id: int, settle: Callable[["Future[Any]"], None]) -> None:
        with self._lock:
            waiting = self._pending.pop(id, None)
        if waiting is not None and waiting.set_running_or_notify_cancel():
            settle(waiting)

    def _send(self, message: Call | Return | Failure) -> None:
        frame = msgspec.msgpack.encode(message)
        if len(frame) > LONGEST_FRAME:
            raise PluginError(f"a message of {len(frame)} bytes: at most {LONGEST_FRAME} fit")
        with self._sending:
            self._end.sendall(_HEAD.pack(len(frame)) + frame)

    def _read(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            piece = self._end.recv(count - len(data))
            if not piece:
                raise EOFError
            data += piece
        return bytes(data)
