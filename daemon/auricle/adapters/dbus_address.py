"""Which bus `[dbus] bus` means."""

from collections.abc import Iterator, Mapping
from pathlib import Path

_SYSTEM = "unix:path=/run/dbus/system_bus_socket"


class Bus:
    """No dataclass: commands that must be quick import this."""

    def __init__(self, kind: str, address: str) -> None:
        self.kind = kind
        """`session bus`, `system bus` or `bus`, for people."""
        self.address = address


def choose_bus(setting: str, environ: Mapping[str, str]) -> Bus | None:
    """Return the bus to be on; None: on none. setting: `auto`, `system`, `session`, `off` or an address.

    `auto` takes the session's where there is one, else the system's, else none.
    """
    return next(candidates(setting, environ), None)


def candidates(setting: str, environ: Mapping[str, str]) -> Iterator[Bus]:
    """Yield the buses that a daemon of this setting may be on, the likelier one first."""
    match setting:
        case "off":
            return
        case "system":
            yield _system(environ)
        case "session":
            if (session := _session(environ)).address:
                yield session
        case "auto":
            yield from (bus for bus in (_session(environ), _system(environ)) if _may_be_there(bus.address))
        case address:
            yield Bus("bus", address)


def _session(environ: Mapping[str, str]) -> Bus:
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    usual = f"unix:path={runtime}/bus" if runtime else ""
    return Bus("session bus", environ.get("DBUS_SESSION_BUS_ADDRESS") or usual)


def _system(environ: Mapping[str, str]) -> Bus:
    return Bus("system bus", environ.get("DBUS_SYSTEM_BUS_ADDRESS") or _SYSTEM)


def _may_be_there(address: str) -> bool:
    """False for no address, and for a socket in the file system that does not exist."""
    method, _, rest = address.partition(":")
    path = next((part.removeprefix("path=") for part in rest.split(",") if part.startswith("path=")), None)
    return bool(method) and (method != "unix" or path is None or Path(path).exists())
