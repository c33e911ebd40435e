"""D-Bus: the bus is there, our name is on it, and this user may call it."""

import grp
import os
from collections.abc import Iterator
from pathlib import Path

from auricle.cli.doctor.finding import Finding, ask, failed, ok, skipped, warning
from auricle.settings import Config

_CHECK = "D-Bus"
_NAME = "org.auricle.Auricle1"
_POLICIES = (Path("/etc/dbus-1/system.d"), Path("/usr/share/dbus-1/system.d"))
_WHY = "`auricle say`, `status` and other programs reach the daemon over D-Bus"


def check(config: Config) -> Iterator[Finding]:
    bus = config.dbus.bus
    if bus == "off":
        yield skipped(_CHECK, '[dbus] bus = "off"')
        return
    if ask("busctl", "--version") is None:
        yield skipped(_CHECK, "busctl, of systemd, is not here to ask")
        return
    buses = {"system": ["--system"], "session": ["--user"], "auto": ["--user", "--system"]}.get(
        bus, [f"--address={bus}"]
    )
    reached = [option for option in buses if _owned(option) is not None]
    if not reached:
        missed = warning if bus == "auto" else failed  # everything else works without it
        yield missed(
            _CHECK,
            f'the bus of [dbus] bus = "{bus}" does not answer',
            _WHY,
            "sudo systemctl start dbus    for the system's",
            "sudo loginctl enable-linger $USER    for the session's, which otherwise comes with a login",
        )
        return
    owner = next((option for option in reached if _owned(option)), None)
    if owner is None:
        yield warning(
            _CHECK,
            f"{_NAME} is not on the bus: the daemon is not running",
            _WHY,
            "auricle run, or: auricle service install",
        )
    elif ask("busctl", owner, "get-property", _NAME, "/org/auricle/Auricle1", _NAME, "Version") is None:
        yield failed(_CHECK, f"{_NAME} is on the bus and does not answer", _WHY, "systemctl restart auricle")
    else:
        yield ok(_CHECK, f"{_NAME} answers")
    if owner == "--system":
        yield _policy()


def _owned(option: str) -> bool | None:
    """Whether our name is on the bus; None if the bus does not answer."""
    bus = "org.freedesktop.DBus"
    told = ask("busctl", option, "call", bus, "/org/freedesktop/DBus", bus, "NameHasOwner", "s", _NAME)
    return None if told is None else told.strip() == "b true"


def _policy() -> Finding:
    if not any((folder / f"{_NAME}.conf").exists() for folder in _POLICIES):
        why = "without it the system bus lets nobody call the daemon"
        return failed("D-Bus policy", f"{_NAME}.conf is not installed", why, "sudo auricle service install")
    try:
        group = grp.getgrnam("auricle")
    except KeyError:
        return failed(
            "D-Bus policy", "there is no group auricle", "the policy names it", "sudo auricle service install"
        )
    if os.getuid() != 0 and group.gr_gid not in os.getgroups():
        why = "the policy lets root and that group call the daemon"
        return warning(
            "D-Bus policy",
            "this user is not in group auricle",
            why,
            f"sudo usermod -aG auricle {os.environ.get('USER', '$USER')}",
        )
    return ok("D-Bus policy", "this user may call the daemon")
