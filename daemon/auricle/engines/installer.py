"""Makes an engine's own environment from its recipe, proves that the engine works there, and removes it again."""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from auricle.api.engines import EngineSpec, PipStep, Recipe
from auricle.engines import environments, install_steps
from auricle.engines.install_steps import StepFailed
from auricle.model.errors import EngineUnavailable

_RECORD = "auricle-environment.json"
_MIB = 1024 * 1024
_OUR_SIDE = PipStep("the daemon's side of the process", environments.CHILD_MODULES)
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an environment that was made here; kept in it."""

    engine: str
    recipe: str
    fingerprint: str
    """Of all that the recipe says."""
    python: str
    """Its version, such as `3.11.7`."""
    done: tuple[str, ...] = ()
    """Names of the steps that are behind it."""
    verified: str = ""
    """What the self-test said; empty until it was passed."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where an installation is."""

    number: int
    """Of the step, from 1."""
    of: int
    step: str
    line: str = ""
    """What the step's program said last; empty when the step begins."""


OnProgress = Callable[[Progress], None]


def find(name: str, state_dir: Path) -> Environment | None:
    """The environment of an engine, whole and verified, if it was made here."""
    return _read(_folder(name, state_dir))


def is_half_made(name: str, state_dir: Path) -> bool:
    """Whether an installation was broken off that can be gone on with."""
    return _half(name, state_dir).is_dir()


def log_file(name: str, state_dir: Path) -> Path:
    """All that the programs of the last installation said."""
    return state_dir / "engines" / f"{name}.log"


def fingerprint(recipe: Recipe) -> str:
    """Changes with everything in the recipe that changes the environment."""
    said = repr((recipe.name, recipe.steps, recipe.remove, environments.CHILD_MODULES))
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def choose(spec: EngineSpec, recipe: str = "") -> Recipe:
    """The recipe of that name, else the usual one. Raises EngineUnavailable."""
    for candidate in spec.recipes:
        if recipe in ("", candidate.name):
            return candidate
    if not spec.recipes:
        raise EngineUnavailable(f"{spec.name} needs no environment of its own: it runs in the daemon's")
    names = ", ".join(candidate.name for candidate in spec.recipes)
    raise EngineUnavailable(f"{spec.name} has no recipe {recipe!r}: choose from {names}")


async def install(spec: EngineSpec, recipe: Recipe, *, state_dir: Path, on_progress: OnProgress) -> Environment:
    """Make the environment in `<state_dir>/engines/<name>` and run its self-test; return what was made.

    One that is there already, of the same recipe, is tested only. One that was broken off is gone on with. The engine's
    old environment stays in use until the new one has passed its test. Raises EngineUnavailable naming the step and
    the log file; cancelling leaves what can be gone on with.
    """
    python, version = await install_steps.find_python(spec.name, recipe)
    folder = _folder(spec.name, state_dir)
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with install_steps.locked(folder.with_name(f".{spec.name}.lock"), spec.name):
            return await _Installation(spec, recipe, python, version, state_dir, on_progress).run()
    except OSError as error:
        raise EngineUnavailable(
            f"the environment of {spec.name} cannot be made in {folder}: {error.strerror or error}"
        ) from error


def remove(name: str, state_dir: Path) -> bool:
    """Remove the environment, a half-made one and the log; return whether there was any. Raises EngineUnavailable."""
    if not _NAME.fullmatch(name):
        return False
    folder, half = _folder(name, state_dir), _half(name, state_dir)
    if not any(os.path.lexists(path) for path in (folder, half)):
        return False
    try:
        with install_steps.locked(folder.with_name(f".{name}.lock"), name):
            _discard(folder)
            _discard(half)
            log_file(name, state_dir).unlink(missing_ok=True)
            folder.with_name(f".{name}.lock").unlink(missing_ok=True)
    except OSError as error:
        raise EngineUnavailable(f"{folder} cannot be removed: {error.strerror or error}") from error
    return True


class _Installation:
    """One installation, from the virtual environment to the self-test."""

    def __init__(
        self, spec: EngineSpec, recipe: Recipe, python: Path, version: str, state_dir: Path, on_progress: OnProgress
    ) -> None:
        self._spec = spec
        self._recipe = recipe
        self._python = python
        self._wanted = Environment(
            engine=spec.name, recipe=recipe.name, fingerprint=fingerprint(recipe), python=version
        )
        self._state_dir = state_dir
        self._folder = _folder(spec.name, state_dir)
        self._half = _half(spec.name, state_dir)
        self._log = log_file(spec.name, state_dir)
        self._on_progress = on_progress
        self._steps = ("a virtual environment", *(step.name for step in (*recipe.steps, _OUR_SIDE)), "self-test")

    async def run(self) -> Environment:
        found = _read(self._folder)
        if found is not None and _same(found, self._wanted):
            with suppress(EngineUnavailable):
                return self._record(self._folder, found, verified=await self._verify(self._folder))
        elif self._folder.is_dir() and found is None:
            raise EngineUnavailable(
                f"{self._folder} was not made by `auricle engines install`: move it away, or use it as it is"
            )
        resumed = await self._open()
        await self._fill()
        try:
            said = await self._verify(self._half)
        except EngineUnavailable:
            if not resumed:
                raise
            # What the attempt that was broken off left may be the fault.
            _discard(self._half)
            await self._fill()
            said = await self._verify(self._half)
        record = self._record(self._half, _read(self._half) or self._wanted, verified=said)
        self._swap()
        return record

    async def _open(self) -> bool:
        """Whether there is an earlier attempt to go on with; one of another recipe, or broken, is discarded."""
        started = _read(self._half)
        if started is not None and started.done and _same(started, self._wanted):
            pip = [str(_python_in(self._half)), "-m", "pip", "--version"]
            with suppress(StepFailed, OSError):
                await install_steps.run(pip, log=self._log, on_line=lambda _line: None)
                return True
        _discard(self._half)
        return False

    async def _fill(self) -> None:
        """Do the steps that are not done yet."""
        record = _read(self._half) or self._wanted
        if not record.done:
            install_steps.need_room(self._spec.name, self._folder.parent, self._recipe.size_mb * _MIB)
            self._log.write_bytes(b"")
            await self._run(0, [str(self._python), "-m", "venv", "--clear", str(self._half)])
            record = self._record(self._half, record, done=(self._steps[0],))
        for number, step in enumerate((*self._recipe.steps, _OUR_SIDE), start=1):
            if step.name not in record.done:
                await self._run(number, [*install_steps.pip_install(_python_in(self._half)), *step.arguments])
                record = self._record(self._half, record, done=(*record.done, step.name))
        install_steps.remove_files(self._half, self._recipe.remove)

    async def _verify(self, folder: Path) -> str:
        """Return what the self-test says, run as the engine would be."""
        number = len(self._steps) - 1
        self._on_progress(Progress(number + 1, len(self._steps), self._steps[number]))
        python = _python_in(folder)
        with tempfile.TemporaryDirectory(prefix="auricle-") as made:
            scratch = Path(made)
            modules = ("auricle", self._recipe.self_test.partition(":")[0], self._spec.config.__module__)
            links = environments.link_packages(scratch / "packages", modules)
            variables = environments.environment(python, links, threads=1) | {"HF_HUB_OFFLINE": "1"}
            await environments.check(self._spec, python, variables)
            (scratch / "work").mkdir()
            command = install_steps.self_test(python, self._recipe.self_test, scratch / "work")
            return (await self._run(number, command, variables=variables, announce=False)).strip()

    async def _run(
        self, number: int, command: Sequence[str], *, variables: dict[str, str] | None = None, announce: bool = True
    ) -> str:
        """Run one step; return the last line that it said. Raises StepFailed."""
        progress = Progress(number + 1, len(self._steps), self._steps[number])
        if announce:
            self._on_progress(progress)

        def said(line: str) -> None:
            self._on_progress(Progress(progress.number, progress.of, progress.step, line))

        try:
            return await install_steps.run(command, log=self._log, on_line=said, variables=variables)
        except StepFailed as error:
            raise StepFailed(
                f"{self._spec.name}: the step '{progress.step}' failed: {error.message} (all that was said is in "
                f"{self._log}); `auricle engines install {self._spec.name}` goes on from there"
            ) from error

    def _record(
        self, folder: Path, record: Environment, *, done: tuple[str, ...] | None = None, verified: str = ""
    ) -> Environment:
        made = msgspec.structs.replace(record, done=record.done if done is None else done, verified=verified)
        written = folder / f"{_RECORD}.new"
        written.write_bytes(msgspec.json.format(msgspec.json.encode(made), indent=2) + b"\n")
        written.replace(folder / _RECORD)
        return made

    def _swap(self) -> None:
        """Put the new environment where the old one is, if any."""
        # Programs in `bin` name the folder that they were made in; pip still runs as `python -m pip`.
        for program in (self._half / "bin").iterdir():
            if not program.name.startswith("python"):
                program.unlink()
        _discard(self._folder)
        self._half.rename(self._folder)


def _folder(name: str, state_dir: Path) -> Path:
    return state_dir / "engines" / name


def _half(name: str, state_dir: Path) -> Path:
    return state_dir / "engines" / f".{name}.half"


def _python_in(folder: Path) -> Path:
    return folder / "bin" / "python"


def _same(found: Environment, wanted: Environment) -> bool:
    return (found.recipe, found.fingerprint, found.python) == (wanted.recipe, wanted.fingerprint, wanted.python)


def _read(folder: Path) -> Environment | None:
    try:
        return msgspec.json.decode((folder / _RECORD).read_bytes(), type=Environment)
    except (OSError, msgspec.MsgspecError):
        return None


def _discard(folder: Path) -> None:
    """Remove a folder so that it is never seen half removed under its own name."""
    if folder.is_symlink():
        folder.unlink()
    elif folder.is_dir():
        going = Path(tempfile.mkdtemp(prefix=".removing-", dir=folder.parent))
        folder.rename(going / folder.name)
        shutil.rmtree(going)
