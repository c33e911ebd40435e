"""The sound server: whether this user reaches PipeWire or PulseAudio, or the sound cards themselves."""

import grp
import os
import pwd
import socket
from collections.abc import Iterator
from pathlib import Path

from auricle.cli.doctor.finding import Finding, ask, failed, ok, skipped, warning
from auricle.settings import Config

_CHECK = "sound server"
_ANSWER_S = 3.0
_WHY = "microphone and speaker of a desktop belong to the sound server of the user who is logged in"


def check(config: Config) -> Iterator[Finding]:
    if not uses_device(config):
        yield skipped(_CHECK, "neither microphone nor speaker is a device")
        return
    yield _server()
    if (found := _cards()) is not None:
        yield found
    if (found := _linger()) is not None:
        yield found


def uses_device(config: Config) -> bool:
    microphone, speaker = config.audio.input.device, config.audio.output.device
    files = [isinstance(device, str) and device.startswith("file:") for device in (microphone, speaker)]
    return not (files[0] or microphone == "-") or not (files[1] or speaker == "null")


def socket_path() -> Path | str:
    """Where the server is to be: a path, or in words an address that is none."""
    given = os.environ.get("PULSE_SERVER", "")
    if given.startswith(("unix:", "/")):
        return Path(given.removeprefix("unix:"))
    if given:
        return given
    runtime = os.environ.get("PULSE_RUNTIME_PATH")
    if runtime:
        return Path(runtime) / "native"
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    own = Path(runtime) / "pulse" / "native"
    for_all = Path("/run/pulse/native")
    return for_all if for_all.exists() and not own.exists() else own


def reached(where: Path | str) -> str:
    """Why the server does not answer; empty when it does."""
    if isinstance(where, str):
        return "" if ask("pactl", "info") is not None else "no answer"
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(_ANSWER_S)
        try:
            client.connect(str(where))
        except OSError as error:
            return error.strerror or str(error)
    told = ask("pactl", "info")
    return "" if told is not None or ask("pactl", "--version") is None else "it takes connections and does not answer"


def cards() -> bool:
    """Whether this machine has sound cards."""
    try:
        return "[" in Path("/proc/asound/cards").read_text()
    except OSError:
        return False


def user() -> str:
    return pwd.getpwuid(os.getuid()).pw_name


def _server() -> Finding:
    where = socket_path()
    if not (trouble := reached(where)):
        name = next(
            (line.partition(": ")[2] for line in (ask("pactl", "info") or "").splitlines() if "Name" in line), ""
        )
        return ok(_CHECK, f"{where} answers" + (f" ({name})" if name else ""))
    if isinstance(where, str) or os.environ.get("PULSE_SERVER") or os.environ.get("PULSE_RUNTIME_PATH"):
        return failed(
            _CHECK,
            f"{where}: {trouble}",
            "$PULSE_SERVER names it, so no other is tried",
            "start that server, on a desktop: systemctl --user restart pipewire-pulse.service || pulseaudio --start",
            "or take the variable away: unset PULSE_SERVER",
        )
    if not os.environ.get("XDG_RUNTIME_DIR") and Path(f"/run/user/{os.getuid()}").is_dir():
        return failed(
            _CHECK,
            f"$XDG_RUNTIME_DIR is not set, and so {where} is not found by its clients",
            f"{_WHY}; after su, sudo or in cron this variable is missing",
            f"export XDG_RUNTIME_DIR=/run/user/{os.getuid()}",
        )
    if others := _of_others():
        owner = others[0]
        return failed(
            _CHECK,
            f"none at {where} for user {user()}; user {owner} has one",
            _WHY,
            f"run Auricle as {owner}, in their session: auricle service install --user",
        )
    if cards():
        return warning(
            _CHECK,
            f"none at {where} ({trouble}); the sound cards are used directly",
            "then only one program at a time has the microphone, and USB devices may get other numbers",
            "on a desktop: systemctl --user enable --now pipewire-pulse.service, or: pulseaudio --start",
        )
    return failed(
        _CHECK,
        f"none at {where} ({trouble}), and no sound card either",
        "there is nothing to hear with",
        "plug a microphone in",
        "on a desktop: systemctl --user enable --now pipewire-pulse.service, or: pulseaudio --start",
    )


def _of_others() -> list[str]:
    """Users whose sessions have a server; all that are logged in, where one may not look."""
    found = []
    for folder in sorted(Path("/run/user").glob("*")):
        if not folder.name.isdecimal() or int(folder.name) == os.getuid():
            continue
        try:
            there = (folder / "pulse" / "native").exists()
        except PermissionError:
            there = True
        try:
            name = pwd.getpwuid(int(folder.name)).pw_name
        except KeyError:
            continue
        if there:
            found.append(name)
    return found


def _cards() -> Finding | None:
    """Rights to the cards, where they are used without a server."""
    devices = sorted(Path("/dev/snd").glob("pcm*"))
    if not devices or not reached(socket_path()):
        return None
    if all(os.access(device, os.R_OK | os.W_OK) for device in devices):
        return ok("sound cards", "may be opened")
    group = grp.getgrgid(devices[0].stat().st_gid).gr_name
    return failed(
        "sound cards",
        f"user {user()} may not open {devices[0]}",
        "without a sound server the cards themselves are used",
        f"sudo usermod -aG {group} {user()}    and log in again",
    )


def _linger() -> Finding | None:
    unit = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "systemd/user/auricle.service"
    if not unit.exists() or Path("/var/lib/systemd/linger").joinpath(user()).exists():
        return None
    return warning(
        "linger",
        f"the unit of user {user()} ends when they log out",
        "a voice assistant is to listen before anybody logs in",
        f"sudo loginctl enable-linger {user()}",
    )
