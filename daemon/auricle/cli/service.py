"""`auricle service`: the unit for systemd and the files for D-Bus, put in place and taken away."""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from auricle.cli.common import ActionParsers
from auricle.model.errors import AuricleError

if TYPE_CHECKING:
    from auricle.cli.unit_files import Installed

EXAMPLES = """\
examples:
  sudo auricle service install       for the machine: ALSA, or a sound server for all users
  auricle service install --user     for one person: beside their PipeWire or PulseAudio
  auricle service uninstall --user
"""

_COMMAND_S = 30.0
_OLDEST = 252


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = ActionParsers(parser)
    for name, line in (
        ("install", "put the unit, D-Bus and sysusers files in place; again after an upgrade"),
        ("uninstall", "stop the unit and take the files away; settings, models and recordings stay"),
    ):
        action = actions.add(name, line)
        action.add_argument("--user", action="store_true", help="the unit of this user's session")
        action.add_argument("--root", metavar="DIR", default="/", help="write below DIR and run nothing, for packages")
        action.add_argument("--dry-run", action="store_true", help="only say what would be done")


def run(args: argparse.Namespace) -> int:
    from auricle.cli.unit_files import system_files, this_program, unreadable, user_files

    program, version = this_program(), systemd_version()
    if args.user:
        files: Sequence[Installed] = user_files(program, version, os.environ, Path("~").expanduser())
    else:
        if os.geteuid() != 0 and args.root == "/" and not args.dry_run:
            raise AuricleError(
                f"the system unit needs root; type: sudo {program.command} service {args.action}\n"
                f"or, for your own session: auricle service {args.action} --user",
                code="service",
            )
        files = system_files(program, version)
    if args.action == "uninstall":
        return _uninstall(args, files)
    for folder in () if args.user else unreadable(program):
        print(f"auricle: warning: user auricle may not read {folder}; type: chmod o+rx {folder}", file=sys.stderr)
    return _install(args, files, program.command)


def systemd_version() -> int:
    """The version of this machine's systemd; the oldest that is known to do where it cannot be asked."""
    try:
        said = subprocess.run(
            ["systemctl", "--version"], capture_output=True, text=True, timeout=_COMMAND_S, check=True
        )
        return int(said.stdout.split()[1])
    except (OSError, subprocess.SubprocessError, IndexError, ValueError):
        return _OLDEST


def _install(args: argparse.Namespace, files: "Sequence[Installed]", command: str) -> int:
    for file in files:
        path = _below(args.root, file.path)
        now = path.read_text() if path.is_file() else None
        print(f"{'kept' if now == file.text else 'would write' if args.dry_run else 'wrote'} {path}")
        if args.dry_run or now == file.text:
            continue
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f".{path.name}.part")
            part.write_text(file.text)
            part.chmod(file.mode)
            part.replace(path)
        except OSError as error:
            raise AuricleError(f"{path} cannot be written: {error.strerror}", code="service") from error
    if args.dry_run:
        return 0
    failed = False
    if args.root == "/":
        if not args.user:
            failed |= not _run("systemd-sysusers", "/etc/sysusers.d/auricle.conf")
            failed |= not _run("systemd-tmpfiles", "--create", "/etc/tmpfiles.d/auricle.conf")
        if _systemd_runs(args.user):
            failed |= not _run(*_systemctl(args.user), "daemon-reload")
    print(_hint(args.user, command))
    return 1 if failed else 0


def _uninstall(args: argparse.Namespace, files: "Sequence[Installed]") -> int:
    real = args.root == "/" and not args.dry_run
    if real and _systemd_runs(args.user) and files[0].path.exists():
        _run(*_systemctl(args.user), "disable", "--now", "auricle.service")
    if real:
        _leave_homeassistant(args)
    for file in files:
        path = _below(args.root, file.path)
        if not path.exists():
            continue
        print(f"{'would remove' if args.dry_run else 'removed'} {path}")
        if not args.dry_run:
            try:
                path.unlink()
            except OSError as error:
                raise AuricleError(f"{path} cannot be removed: {error.strerror}", code="service") from error
    if real and _systemd_runs(args.user):
        _run(*_systemctl(args.user), "daemon-reload")
    where = (
        "~/.config/auricle, ~/.local/state/auricle and ~/.cache/auricle"
        if args.user
        else ("/etc/auricle, /var/lib/auricle and /var/cache/auricle, and the user auricle,")
    )
    print(f"{where} are left as they are")
    return 0


def _leave_homeassistant(args: argparse.Namespace) -> None:
    """Take the site's entities out of Home Assistant, where a broker is set; a broker that is away is no failure."""
    import asyncio

    from auricle.adapters.homeassistant import remove
    from auricle.config import load_config, state_dir
    from auricle.store import SettingsStore

    path = args.config or (None if args.user else Path("/etc/auricle/config.toml"))
    state = state_dir(os.environ) if args.user else Path("/var/lib/auricle")
    config = None
    try:
        config = load_config(path, os.environ).config if path is None or Path(path).is_file() else None
        if config is None or config.mqtt.host is None or not (state / "auricle.sqlite").exists():
            return
        store = SettingsStore(state / "auricle.sqlite")
        try:
            trouble = asyncio.run(remove(config.mqtt, config.site, store))
        finally:
            store.close()
    except AuricleError as error:
        trouble = error.message
    if trouble:
        print(f"auricle: warning: not taken out of Home Assistant: {trouble}", file=sys.stderr)
    elif config is not None:
        print(f"took {config.site.id} out of Home Assistant")


def _hint(user: bool, command: str) -> str:
    if not user:
        return (
            "settings: /etc/auricle/config.toml (`auricle config example` shows them all)\n"
            "now type: systemctl enable --now auricle\n"
            f"look:     systemctl status auricle; journalctl -u auricle; sudo -u auricle {command} doctor"
        )
    return (
        "settings: ~/.config/auricle/config.toml (`auricle config example` shows them all)\n"
        "now type: systemctl --user enable --now auricle\n"
        "and, for it to run while nobody is logged in: sudo loginctl enable-linger $USER\n"
        "look:     systemctl --user status auricle; journalctl --user -u auricle; auricle doctor"
    )


def _below(root: str, path: Path) -> Path:
    return Path(root) / path.relative_to("/")


def _systemctl(user: bool) -> tuple[str, ...]:
    return ("systemctl", "--user") if user else ("systemctl",)


def _systemd_runs(user: bool) -> bool:
    """sd_booted(3); for a user, whether their manager has its socket."""
    if not user:
        return Path("/run/systemd/system").is_dir()
    return (Path(os.environ.get("XDG_RUNTIME_DIR", "/nonexistent")) / "systemd" / "private").exists()


def _run(*command: str) -> bool:
    """Run a program of systemd's; what it complains about is passed on."""
    if shutil.which(command[0]) is None:
        print(f"auricle: {command[0]} is not here; type later: {' '.join(command)}", file=sys.stderr)
        return False
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, timeout=_COMMAND_S, check=False)
    except subprocess.TimeoutExpired:
        print(f"auricle: no end within {_COMMAND_S:g} s: {' '.join(command)}", file=sys.stderr)
        return False
    return done.returncode == 0
