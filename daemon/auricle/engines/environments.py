"""Which interpreter runs an engine, what that one can import, and what to type when something is missing."""

import asyncio
import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from auricle.api.engines import EngineSpec
from auricle.model.errors import EngineUnavailable

CHILD_MODULES = ("msgspec", "numpy", "pluggy", "soxr", "wyoming")
"""What an environment of an engine's own must hold beside the engine, for our side of the process."""
_CHECK_S = 30.0
_CHECK = (
    "import importlib.util, json, sys\n"
    "found = [m for m in sys.argv[1:] if importlib.util.find_spec(m.partition('.')[0]) is None]\n"
    "print(json.dumps([list(sys.version_info[:2]), found]))\n"
)
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_OURS_ONLY = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")


def interpreter(name: str, configured: str | None, state_dir: Path) -> Path:
    """The configured one, else that of the engine's own environment, else the daemon's.

    Raises EngineUnavailable when the configured one is not there.
    """
    if configured:
        path = Path(configured).expanduser()
        if not path.is_absolute() or not os.access(path, os.X_OK) or path.is_dir():
            raise EngineUnavailable(f"[engines.{name}] python: {configured} is no program that can be run")
        return path
    own = state_dir / "engines" / name / "bin" / "python"
    return own if os.access(own, os.X_OK) else Path(sys.executable)


def is_foreign(python: Path) -> bool:
    """Links are not followed: the Python of every virtual environment is one to the same program."""
    return os.path.abspath(python) != os.path.abspath(sys.executable)


def link_packages(folder: Path, modules: Iterable[str]) -> Path:
    """Fill `folder` with links to the top-level packages of `modules`, and nothing else, for a child's import path.

    The folders that hold our packages would do for a checkout, but installed they are our site-packages, whose
    numpy and torch must not get into an environment that has its own. Raises EngineUnavailable.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in sorted({module.partition(".")[0] for module in modules}):
        try:
            found = importlib.util.find_spec(name)
        except (ImportError, ValueError) as error:
            raise EngineUnavailable(f"the package {name} cannot be found: {error}") from error
        if found is None:
            raise EngineUnavailable(f"the package {name} cannot be found")
        locations = list(found.submodule_search_locations or ())
        source = Path(locations[0]) if locations else Path(found.origin or "")
        link = folder / source.name
        with suppress(FileNotFoundError):
            link.unlink()
        link.symlink_to(source.resolve())
    return folder


def environment(
    python: Path, import_path: Path, threads: int, environ: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Variables that the child is started with. threads: 0 leaves the number to the engine."""
    variables = dict(environ)
    paths = [str(import_path)]
    if is_foreign(python):
        for name in _OURS_ONLY:
            variables.pop(name, None)
    elif variables.get("PYTHONPATH"):
        paths.append(variables["PYTHONPATH"])
    variables["PYTHONPATH"] = os.pathsep.join(paths)
    if threads:
        variables |= dict.fromkeys(_THREAD_VARIABLES, str(threads))
    return variables


async def check(spec: EngineSpec, python: Path, variables: Mapping[str, str]) -> None:
    """Raises EngineUnavailable, with what to type, when modules that the engine needs are not to be had."""
    if not is_foreign(python):
        missing = missing_here(spec.requires)
        if missing:
            raise EngineUnavailable(f"{spec.name} needs {_listed(missing)}: {_advice(spec, None)}")
        return
    version, missing = await _ask(spec, python, variables)
    if version < (3, 11):
        raise EngineUnavailable(
            f"{spec.name}: {python} is Python {version[0]}.{version[1]}; 3.11 is the oldest that does"
        )
    if missing:
        raise EngineUnavailable(f"{spec.name} needs {_listed(missing)} in {python}: {_advice(spec, python, missing)}")


def missing_here(modules: Iterable[str]) -> list[str]:
    """Those of `modules` that this interpreter cannot import."""
    return [module for module in modules if importlib.util.find_spec(module.partition(".")[0]) is None]


async def _ask(spec: EngineSpec, python: Path, variables: Mapping[str, str]) -> tuple[tuple[int, int], list[str]]:
    try:
        asking = await asyncio.create_subprocess_exec(
            str(python),
            "-P",
            "-c",
            _CHECK,
            *CHILD_MODULES,
            *spec.requires,
            env=dict(variables),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise EngineUnavailable(f"{spec.name}: {python} cannot be run: {error.strerror or error}") from error
    try:
        async with asyncio.timeout(_CHECK_S):
            output, complaint = await asking.communicate()
        version, missing = json.loads(output)
        return (int(version[0]), int(version[1])), [str(module) for module in missing]
    except TimeoutError:
        raise EngineUnavailable(f"{spec.name}: {python} did not answer within {_CHECK_S:g} s") from None
    except (ValueError, TypeError, IndexError):
        said = complaint.decode(errors="replace").strip().splitlines()[-1:]
        raise EngineUnavailable(f"{spec.name}: {python} is no Python that can be used: {' '.join(said)}") from None
    finally:
        if asking.returncode is None:
            with suppress(ProcessLookupError):
                asking.kill()
            await asking.wait()


def _advice(spec: EngineSpec, python: Path | None, missing: Sequence[str] = ()) -> str:
    if spec.recipes:
        return f"auricle engines install {spec.name}"
    if python is None:
        return f"pip install 'auricle[{spec.extra}]'" if spec.extra else f"pip install {' '.join(spec.requires)}"
    if shutil.which("uv") and not (python.parent / "pip").exists():
        return f"uv pip install --python {python} {' '.join(missing)}"
    return f"{python} -m pip install {' '.join(missing)}"


def _listed(modules: Sequence[str]) -> str:
    return ", ".join(modules)
