"""What `auricle service install` puts in place: units for systemd and files for D-Bus, fitted to this machine."""

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from auricle.model.errors import AuricleError

_HIDDEN = (Path("/home"), Path("/root"), Path("/run/user"))
"""What `ProtectHome=` hides."""
_WAITS_ON_RELOAD = 253
"""The first systemd with `Type=notify-reload`."""
_BACKS_OFF = 254
"""The first systemd with `RestartSteps=`."""
_USER_DATA = Path(".local/share")


@dataclass(frozen=True, slots=True)
class Installed:
    """One file and where it goes."""

    path: Path
    text: str
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Program:
    """How the daemon is started, and the folders that it needs to read for that."""

    command: str
    folders: tuple[Path, ...]


def this_program() -> Program:
    """The program that is running: its command, its environment, its interpreter, its packages."""
    script = Path(sys.prefix) / "bin" / "auricle"
    python = Path(sys.executable)
    command = str(script) if script.is_file() else f"{python} -m auricle"
    # `python -m` puts the working folder first, whatever that is.
    paths = [path for path in map(Path, sys.path) if path != Path.cwd() or (path / "auricle").is_dir()]
    folders = [Path(sys.prefix), Path(sys.base_prefix), *paths]
    whole = sorted({folder for path in folders if path.is_absolute() for folder in (path, path.resolve())})
    whole = [folder for folder in whole if folder.is_dir()]
    outermost = [path for path in whole if not any(path != other and path.is_relative_to(other) for other in whole)]
    return Program(command, tuple(outermost))


def system_files(program: Program, version: int) -> tuple[Installed, ...]:
    """What the system unit needs, for systemd `version`. Raises AuricleError where the unit could not run it."""
    source = source_folder()
    unit = _fitted((source / "auricle.service").read_text(), program, version)
    files = [
        Installed(Path("/etc/systemd/system/auricle.service"), _seen_from_home(unit, program)),
        Installed(Path("/etc/sysusers.d/auricle.conf"), (source / "auricle.sysusers").read_text()),
        Installed(Path("/etc/tmpfiles.d/auricle.conf"), (source / "auricle.tmpfiles").read_text()),
    ]
    for suffix, folder in (
        (".conf", Path("/etc/dbus-1/system.d")),
        (".service", Path("/usr/local/share/dbus-1/system-services")),
        (".xml", Path("/usr/local/share/dbus-1/interfaces")),
    ):
        files += [Installed(folder / path.name, path.read_text()) for path in _dbus_files(suffix)]
    return tuple(files)


def user_files(program: Program, version: int, environ: Mapping[str, str], home: Path) -> tuple[Installed, ...]:
    """What the user unit needs: below `$XDG_CONFIG_HOME` and `$XDG_DATA_HOME`, else below `home`."""
    config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    shared = Path(environ.get("XDG_DATA_HOME") or home / _USER_DATA) / "dbus-1"
    unit = _fitted((source_folder() / "user" / "auricle.service").read_text(), program, version)
    files = [Installed(config / "systemd/user/auricle.service", unit)]
    files += [Installed(shared / "services" / path.name, _of_session(path)) for path in _dbus_files(".service")]
    files += [Installed(shared / "interfaces" / path.name, path.read_text()) for path in _dbus_files(".xml")]
    return tuple(files)


def source_folder() -> Path:
    """Where the files are: in the installed package, else beside the sources. Raises AuricleError."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "systemd", package.parents[1] / "systemd"):
        if (folder / "auricle.service").is_file():
            return folder
    raise AuricleError("the unit files are not here: is Auricle installed whole?", code="service")


def unreadable(program: Program) -> Iterator[Path]:
    """Yield folders that a user of the daemon's own could not enter, whatever the unit does."""
    for folder in program.folders:
        hidden = next((home for home in _HIDDEN if folder.is_relative_to(home)), None)
        for part in (folder, *folder.parents):
            if hidden is not None and part != folder:
                break  # the unit puts folders of its own in the place of these
            if os.stat(part).st_mode & 0o005 != 0o005:
                yield part


def _fitted(unit: str, program: Program, version: int) -> str:
    lines = []
    for line in unit.splitlines():
        if line.startswith("ExecStart="):
            line = f"ExecStart={program.command} run"
        elif line == "Type=notify" and version >= _WAITS_ON_RELOAD:
            line = "Type=notify-reload"
        elif line.startswith("ExecReload=") and version >= _WAITS_ON_RELOAD:
            continue
        elif line.startswith("RestartSec=") and version >= _BACKS_OFF:
            line += "\nRestartSteps=6\nRestartMaxDelaySec=60"
        lines.append(line)
    return "\n".join(lines) + "\n"


def _seen_from_home(unit: str, program: Program) -> str:
    """A program that lives in somebody's home is bound, to be read only, into the empty one that the unit sees."""
    for folder in program.folders:
        if folder.is_relative_to("/tmp") or folder.is_relative_to("/var/tmp"):
            raise AuricleError(
                f"{folder} is temporary, and hidden from the unit: install Auricle elsewhere", code="service"
            )
    hidden = [folder for folder in program.folders if any(folder.is_relative_to(home) for home in _HIDDEN)]
    if not hidden:
        return unit
    binds = "\n".join(f"BindReadOnlyPaths={folder}" for folder in hidden)
    return unit.replace("ProtectHome=yes", f"ProtectHome=tmpfs\n{binds}")


def _dbus_files(suffix: str) -> list[Path]:
    return sorted((source_folder() / "dbus").glob(f"*{suffix}"))


def _of_session(path: Path) -> str:
    """The activation file for the session bus, where a service has the caller's user."""
    return "".join(line for line in path.read_text().splitlines(keepends=True) if not line.startswith("User="))
