"""A small D-Bus client for commands: one connection, one call at a time, and the signals that come meanwhile."""

import os
import socket
import time
from collections import deque
from collections.abc import Sequence

from auricle.cli.bus_wire import CALL, ERROR, HEAD_BYTES, RETURN, SIGNAL, Message, decode, encode, size
from auricle.model.errors import AuricleError

_BUS = "org.freedesktop.DBus"
_BUS_PATH = "/org/freedesktop/DBus"
_CONNECT_S = 5.0
CALL_S = 60.0
_LONGEST_MESSAGE = 64 * 1024 * 1024


class BusError(AuricleError):
    """The bus, or who was called, answered with an error; `name` is its D-Bus name."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message or name)
        self.name = name


class BusGone(AuricleError):
    """There is no bus at the address, or it closed the connection."""

    code = "not_reachable"


class BusClient:
    """Raises BusGone when it cannot be connected."""

    def __init__(self, address: str) -> None:
        self._serial = 0
        self._signals: deque[Message] = deque()
        self._data = b""
        self._socket = _connected(address)
        try:
            self._socket.sendall(b"\0AUTH EXTERNAL " + str(os.geteuid()).encode().hex().encode() + b"\r\n")
            if not self._line().startswith(b"OK"):
                raise BusGone(f"the bus at {address} does not know this user")
            self._socket.sendall(b"BEGIN\r\n")
            self.call(_BUS, _BUS_PATH, _BUS, "Hello")
        except OSError as error:
            self.close()
            raise BusGone(f"{address}: {error.strerror or error}") from None
        except AuricleError:
            self.close()
            raise

    def close(self) -> None:
        self._socket.close()

    def call(
        self,
        destination: str,
        path: str,
        interface: str,
        member: str,
        signature: str = "",
        body: Sequence[object] = (),
        *,
        timeout_s: float = CALL_S,
    ) -> list[object]:
        """Return the answer's values. Raises BusError, BusGone. Nothing is started to answer."""
        self._serial += 1
        call = Message(CALL, self._serial, path, interface, member, destination, signature, list(body))
        self._send(encode(call))
        until_s = time.monotonic() + timeout_s
        while True:
            message = self._next(until_s)
            if message is None:
                raise BusError(f"{_BUS}.Error.NoReply", f"no answer within {timeout_s:g} s")
            if message.kind == SIGNAL:
                self._signals.append(message)
            elif message.reply_to == self._serial and message.kind == RETURN:
                return message.body
            elif message.reply_to == self._serial and message.kind == ERROR:
                raise BusError(message.error, str(message.body[0]) if message.body else "")

    def watch(self, rule: str) -> None:
        """Have the signals that fit a match rule sent here."""
        self.call(_BUS, _BUS_PATH, _BUS, "AddMatch", "s", [rule])

    def signal(self, timeout_s: float) -> Message | None:
        """The next signal; None if none comes. Raises BusGone."""
        if self._signals:
            return self._signals.popleft()
        until_s = time.monotonic() + timeout_s
        while (message := self._next(until_s)) is not None:
            if message.kind == SIGNAL:
                return message
        return None

    def _next(self, until_s: float) -> Message | None:
        if not self._fill(HEAD_BYTES, until_s):
            return None
        count = size(self._data[:HEAD_BYTES])
        if count > _LONGEST_MESSAGE:
            raise BusGone("the bus sent what is no message")
        if not self._fill(count, until_s):
            return None
        message, self._data = decode(self._data[:count]), self._data[count:]
        return message

    def _fill(self, count: int, until_s: float) -> bool:
        while len(self._data) < count:
            self._socket.settimeout(max(0.001, until_s - time.monotonic()))
            try:
                more = self._socket.recv(65_536)
            except TimeoutError:
                return False
            except OSError as error:
                raise BusGone(f"the bus broke off: {error.strerror}") from None
            if not more:
                raise BusGone("the bus closed the connection")
            self._data += more
        return True

    def _send(self, data: bytes) -> None:
        self._socket.settimeout(_CONNECT_S)
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise BusGone(f"the bus broke off: {error.strerror or error}") from None

    def _line(self) -> bytes:
        line = b""
        while not line.endswith(b"\n"):
            byte = self._socket.recv(1)
            if not byte:
                raise BusGone("the bus closed the connection")
            line += byte
        return line


def _connected(address: str) -> socket.socket:
    """The first of the addresses (`;` between them) that answers."""
    problem = "no address"
    for one in filter(None, address.split(";")):
        method, _, rest = one.partition(":")
        keys = dict(part.partition("=")[::2] for part in rest.split(","))
        try:
            if method == "tcp":
                where = (keys.get("host", "localhost"), int(keys.get("port", "0")))
                return socket.create_connection(where, timeout=_CONNECT_S)
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.settimeout(_CONNECT_S)
                connection.connect("\0" + keys["abstract"] if "abstract" in keys else _unescaped(keys["path"]))
            except BaseException:
                connection.close()
                raise
            return connection
        except (OSError, KeyError, ValueError) as error:
            problem = str(getattr(error, "strerror", None) or error)
    raise BusGone(f"{address}: {problem}")


def _unescaped(text: str) -> str:
    parts = text.split("%")
    return parts[0] + "".join(chr(int(part[:2], 16)) + part[2:] for part in parts[1:])
