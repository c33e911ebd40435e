"""`[http] bind` as an address, and as a socket that listens there."""

import contextlib
import errno
import os
import re
import socket
import stat
from dataclasses import dataclass
from ipaddress import ip_address

from auricle.model.errors import ConfigError

_BACKLOG = 64
_TCP = re.compile(r"(?:\[(?P<six>[^\]]+)\]|(?P<host>[^:\[\]]+)):(?P<port>[0-9]{1,5})\Z")
_FITS = "ADDRESS:PORT such as 127.0.0.1:10800, [::1]:10800 or 0.0.0.0:10800, or unix:///PATH"
_SOCKET_MODE = 0o660


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen: an IP address and a port, or the path of a Unix socket."""

    text: str
    """As it was written."""
    host: str = ""
    port: int = 0
    path: str = ""

    @property
    def private(self) -> bool:
        """Whether nobody on another machine gets there."""
        return bool(self.path) or ip_address(self.host).is_loopback


def parse_bind(text: str) -> Address:
    """Raises ConfigError that names the key."""
    if text.startswith("unix://"):
        path = text.removeprefix("unix://")
        if not path.startswith("/") or "\0" in path or len(os.fsencode(path)) > 107:
            raise ConfigError(f"http.bind: a Unix socket is unix:///PATH, of at most 107 bytes, not {text}")
        return Address(text, path=path)
    match = _TCP.match(text)
    host = "" if match is None else match["six"] or match["host"]
    host = "127.0.0.1" if host == "localhost" else host
    try:
        version = ip_address(host).version
    except ValueError:
        raise ConfigError(f"http.bind: {_FITS} fits, not {text}") from None
    if match is None or (version == 6) != (match["six"] is not None):
        raise ConfigError(f"http.bind: {_FITS} fits, not {text}")
    if not 1 <= int(match["port"]) <= 65535:
        raise ConfigError(f"http.bind: a port is 1 to 65535, not {match['port']}")
    return Address(text, host=host, port=int(match["port"]))


def open_socket(address: Address) -> socket.socket:
    """Listen there. Raises ConfigError that names key and address, and says what to do."""
    try:
        return _open_path(address.path) if address.path else _open_port(address)
    except OSError as error:
        raise ConfigError(f"http.bind: {_why(address, error)}") from error


def close_socket(address: Address, opened: socket.socket) -> None:
    """Listen no more; a Unix socket's file goes too."""
    if address.path:
        with contextlib.suppress(OSError):
            os.unlink(address.path)
    opened.close()


def _open_port(address: Address) -> socket.socket:
    opened = socket.socket(socket.AF_INET6 if ":" in address.host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((address.host, address.port))
        opened.listen(_BACKLOG)
        opened.setblocking(False)
    except BaseException:
        opened.close()
        raise
    return opened


def _open_path(path: str) -> socket.socket:
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _clear(path)
        opened.bind(path)
        os.chmod(path, _SOCKET_MODE)
        opened.listen(_BACKLOG)
        opened.setblocking(False)
    except BaseException:
        opened.close()
        raise
    return opened


def _clear(path: str) -> None:
    """Take away the socket of a daemon that is gone. Raises OSError where there is anything else."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise FileExistsError(errno.EEXIST, "there is a file of that name, which is no socket")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except BlockingIOError:
            pass  # it listens, and many wait
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def _why(address: Address, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE if address.path:
            return f"{address.text} is in use by another program; end that one, or name another path"
        case errno.EADDRINUSE:
            return (
                f"{address.text} is in use by another program; choose another port, or end that one "
                f"(ss -ltnp 'sport = :{address.port}' shows it)"
            )
        case errno.EADDRNOTAVAIL:
            return f"this machine has no address {address.host}; ip address shows those that it has"
        case errno.EACCES if not address.path:
            return f"port {address.port} may not be used: choose one above 1023"
        case _:
            return f"{address.text} cannot be listened on: {error.strerror or error}"
