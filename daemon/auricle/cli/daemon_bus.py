"""The running daemon, over D-Bus: found on the bus that the configuration names, or said how to start."""

import argparse
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from auricle.adapters.dbus_address import Bus, candidates
from auricle.cli.bus_client import CALL_S, BusClient, BusError, BusGone
from auricle.cli.bus_wire import Message
from auricle.model.errors import AuricleError

NAME = INTERFACE = "org.auricle.Auricle1"
PATH = "/org/auricle/Auricle1"
_BUS = "org.freedesktop.DBus"
_ABSENT = ("ServiceUnknown", "NameHasNoOwner")
_POLL_S = 3600.0
_UNITS = (
    ("systemctl --user start auricle", Path("~/.config/systemd/user/auricle.service")),
    ("sudo systemctl start auricle", Path("/etc/systemd/system/auricle.service")),
)


class NotReachable(AuricleError):
    """No daemon answers; the words say what to type."""

    code = "not_reachable"
    exit_status = 3


class RunningDaemon:
    """The interface of docs/dbus.md, as far as commands use it. Every method may raise AuricleError."""

    def __init__(self, client: BusClient, bus: Bus) -> None:
        self._client = client
        self.bus = bus

    def call(self, member: str, signature: str = "", *body: object, timeout_s: float = CALL_S) -> list[object]:
        return self._call(INTERFACE, member, signature, body, timeout_s)

    def get(self, name: str) -> object:
        return self._call(f"{_BUS}.Properties", "Get", "ss", (INTERFACE, name))[0]

    def set(self, name: str, value: object) -> None:
        self._call(f"{_BUS}.Properties", "Set", "ssv", (INTERFACE, name, value))

    def watch(self) -> None:
        """Call before what is waited for is asked for."""
        self._client.watch(f"type='signal',sender='{NAME}',path='{PATH}',interface='{INTERFACE}'")
        self._client.watch(f"type='signal',sender='{_BUS}',member='NameOwnerChanged',arg0='{NAME}'")

    def signals(self, timeout_s: float) -> Iterator[Message]:
        """Yield the daemon's signals, for so long. Raises NotReachable when it ends."""
        until_s = time.monotonic() + timeout_s
        while (left_s := until_s - time.monotonic()) > 0:
            message = self._client.signal(min(left_s, _POLL_S))
            if message is None:
                continue
            if message.member == "NameOwnerChanged":
                if not message.body[2]:
                    raise NotReachable("the daemon ended; what it had accepted to say it says when it is back")
            elif message.interface == INTERFACE:
                yield message

    def _call(
        self, interface: str, member: str, signature: str, body: tuple[object, ...], timeout_s: float = CALL_S
    ) -> list[object]:
        try:
            return self._client.call(NAME, PATH, interface, member, signature, body, timeout_s=timeout_s)
        except BusError as error:
            if error.name.endswith(_ABSENT):
                raise NotReachable(_start_it()) from None
            if error.name.endswith("AccessDenied"):
                raise NotReachable(
                    "this user may not use the system's Auricle; type: sudo usermod -aG auricle $USER"
                ) from None
            raise


@contextmanager
def running_daemon(args: argparse.Namespace) -> Iterator[RunningDaemon]:
    """The daemon of the configuration that `--config` names. Raises NotReachable, ConfigError."""
    for bus in candidates(_bus_setting(args), os.environ):
        try:
            client = BusClient(bus.address)
        except BusGone:
            continue
        try:
            owned = client.call(_BUS, "/org/freedesktop/DBus", _BUS, "NameHasOwner", "s", [NAME])
            if owned == [True]:
                yield RunningDaemon(client, bus)
                return
        finally:
            client.close()
    raise NotReachable(_start_it())


def _start_it() -> str:
    """What to type, by what is installed."""
    for command, unit in _UNITS:
        if unit.expanduser().exists():
            return f"no daemon is running; type: {command}"
    return "no daemon is running, or [dbus] bus is off; type: auricle run (or: auricle service install --user)"


def _bus_setting(args: argparse.Namespace) -> str:
    """`[dbus] bus`, without the time that all of the configuration takes. Raises ConfigError."""
    if (setting := os.environ.get("AURICLE__DBUS__BUS")) is not None:
        return setting
    for path in _files(args):
        if not os.path.exists(path):  # where it may not be looked at, too
            continue
        import tomllib

        try:
            tables: Mapping[str, object] = tomllib.loads(path.read_text())
        except (OSError, ValueError):
            break
        section = tables.get("dbus", {})
        bus = section.get("bus", "auto") if isinstance(section, dict) else None
        if isinstance(bus, str) and bus:
            return bus
        break
    else:
        if args.config is None:
            return "auto"
    from auricle.cli.common import load

    return load(args).config.dbus.bus


def _files(args: argparse.Namespace) -> tuple[Path, ...]:
    named = args.config or os.environ.get("AURICLE_CONFIG")
    if named:
        return (Path(named),)
    return (Path("~/.config/auricle/config.toml").expanduser(), Path("/etc/auricle/config.toml"))
