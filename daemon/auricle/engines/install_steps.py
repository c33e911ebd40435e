"""Single steps of making an environment: programs run with a log and a deadline, Pythons found, room looked for."""

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from pathlib import Path

from auricle.api.engines import Recipe
from auricle.model.errors import EngineUnavailable

STEP_S = 3600.0
"""Longest time of one step: PyTorch over a slow line."""
_ASK_S = 20.0
_READ_BYTES = 64 * 1024
_FOREIGN = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__", "PIP_TARGET", "PIP_PREFIX", "PIP_USER")
_SELF_TEST = (
    "import importlib, pathlib, sys\n"
    "module, _, name = sys.argv[1].partition(':')\n"
    "said = getattr(importlib.import_module(module), name)(pathlib.Path(sys.argv[2]))\n"
    "sys.stdout.flush(); sys.stderr.flush()\n"
    "print(said, flush=True)\n"
)


class StepFailed(EngineUnavailable):
    """A program of an installation did not do its work."""


async def run(
    command: Sequence[str],
    *,
    log: Path,
    on_line: Callable[[str], None],
    variables: dict[str, str] | None = None,
    limit_s: float = STEP_S,
) -> str:
    """Run a program to its end, with what it says in `log`; return its last line.

    variables: none is our own, without what would lead another Python astray. Raises StepFailed with the line that
    tells why; nothing of the program is left then, nor when this is cancelled.
    """
    if variables is None:
        variables = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    last, complaint = "", ""
    with log.open("ab", buffering=0) as file:
        file.write(f"\n$ {' '.join(command)}\n".encode())
        process = await asyncio.create_subprocess_exec(
            *command,
            env=variables,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(limit_s):
                async for line in _lines(process.stdout):
                    file.write(line.encode() + b"\n")
                    if line.strip():
                        last = line.strip()
                        on_line(last)
                    if line.startswith("ERROR: ") and not complaint:
                        complaint = line.removeprefix("ERROR: ")
                status = await process.wait()
        except TimeoutError:
            raise StepFailed(f"it was not done within {limit_s:g} s") from None
        finally:
            # The whole group: pip starts programs of its own.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if status:
        raise StepFailed(complaint or last or f"it ended with status {status}")
    return last


async def find_python(name: str, recipe: Recipe) -> tuple[Path, str]:
    """A Python of a version that the recipe allows, the daemon's own where that is one; and its version.

    Raises EngineUnavailable with what to install.
    """
    here = sys.version_info
    if not recipe.pythons or here[:2] in recipe.pythons:
        return Path(sys.executable), ".".join(map(str, here[:3]))
    for major, minor in recipe.pythons:
        found = shutil.which(f"python{major}.{minor}")
        version = await _version(found) if found else ""
        if found and version.startswith(f"{major}.{minor}."):
            return Path(found), version
    wanted = " or ".join(f"{major}.{minor}" for major, minor in recipe.pythons)
    first = ".".join(map(str, recipe.pythons[0]))
    raise EngineUnavailable(
        f"{name} needs Python {wanted}, which is not on PATH: install it (apt install python{first} "
        f"python{first}-venv, or uv python install {first}) and try again"
    )


def pip_install(python: Path) -> list[str]:
    """The command line up to what is to be installed."""
    return [str(python), "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--progress-bar=off"]


def self_test(python: Path, target: str, folder: Path) -> list[str]:
    """The command line that calls `module:function` with a folder and prints what it returns last."""
    return [str(python), "-P", "-c", _SELF_TEST, target, str(folder)]


def need_room(name: str, folder: Path, size: int) -> None:
    """Raises EngineUnavailable when the disk has less than `size` bytes free."""
    free = shutil.disk_usage(folder).free
    if free < size:
        raise EngineUnavailable(
            f"the environment of {name} takes {size // 2**20} MiB and {folder} has {free // 2**20} MiB free: make "
            "room, or set $XDG_STATE_HOME to a folder on another disk"
        )


def remove_files(environment: Path, patterns: Iterable[str]) -> None:
    """Remove the files below `site-packages` that match; none that match is well too."""
    for packages in environment.glob("lib/python*/site-packages"):
        for pattern in patterns:
            for file in packages.glob(pattern):
                file.unlink()


@contextlib.contextmanager
def locked(path: Path, name: str) -> Iterator[None]:
    """Keep other installations of the same engine out. Raises EngineUnavailable while there is one."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EngineUnavailable(f"{name} is being installed or removed by another process already") from None
        yield


async def _version(python: str) -> str:
    """Of a Python; empty when it cannot be run (a shim of a version that is not there)."""
    process = await asyncio.create_subprocess_exec(
        python,
        "-c",
        "import sys; print('.'.join(map(str, sys.version_info[:3])))",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(_ASK_S):
            said, _ = await process.communicate()
        return said.decode(errors="replace").strip()
    except TimeoutError:
        return ""
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _lines(pipe: asyncio.StreamReader) -> AsyncIterator[str]:
    """Lines of any length, cut at the length of what is read at once."""
    rest = b""
    while piece := await pipe.read(_READ_BYTES):
        *whole, rest = (rest + piece).replace(b"\r", b"\n").split(b"\n")
        for line in whole:
            yield line.decode(errors="replace").rstrip()
        if len(rest) > _READ_BYTES:
            yield rest.decode(errors="replace").rstrip()
            rest = b""
    if rest:
        yield rest.decode(errors="replace").rstrip()
