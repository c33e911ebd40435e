"""One thing that the doctor looked at."""

import os
import shutil
import subprocess
from dataclasses import asdict, dataclass
from typing import Literal

_COMMAND_S = 5.0
_COLOURS = {"ok": 32, "failed": 31, "warning": 33, "skipped": 2}


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    """Such as `microphone`, `broker rights`."""
    state: Literal["ok", "warning", "failed", "skipped"]
    what: str
    why: str = ""
    """Why it matters; said of what is not as it should be."""
    mend: tuple[str, ...] = ()
    """What to type, or to write into the configuration, line by line."""

    def in_lines(self, *, colour: bool) -> str:
        state = f"{self.state:<8}"
        if colour:
            state = f"\x1b[{_COLOURS[self.state]}m{state}\x1b[0m"
        lines = [f"{state} {self.check}: {self.what}"]
        if self.why:
            lines.append(f"         why: {self.why}")
        if self.mend:
            first, *rest = self.mend
            lines += [f"         do:  {first}", *(f"              {line}" for line in rest)]
        return "\n".join(lines)

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def ok(check: str, what: str) -> Finding:
    return Finding(check, "ok", what)


def skipped(check: str, what: str) -> Finding:
    return Finding(check, "skipped", what)


def failed(check: str, what: str, why: str, *mend: str) -> Finding:
    return Finding(check, "failed", what, why, mend)


def warning(check: str, what: str, why: str, *mend: str) -> Finding:
    return Finding(check, "warning", what, why, mend)


def ask(*command: str) -> str | None:
    """What a program of the system prints; None if it is not here, fails or does not answer."""
    if shutil.which(command[0]) is None:
        return None
    try:
        done = subprocess.run(
            command,
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_COMMAND_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
