"""A plugin's code read anew from its files, while the code that runs stays as it is until that has gone well."""

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from auricle.model.errors import PluginError

_WATCHED = frozenset((".py", ".toml", ".json", ".yaml", ".yml", ".txt"))
MOST_FILES = 2_000

Seen = dict[Path, tuple[int, int]]
"""File to when it was changed, in nanoseconds, and its size in bytes."""


@contextmanager
def unimported(module: str) -> Iterator[None]:
    """Forget the package of a module, so that it is imported anew; if the block raises, it is as before.

    Raises PluginError for a package that is not a plugin's alone.
    """
    package = package_of(module)
    before = {name: found for name, found in sys.modules.items() if _within(name, package)}
    for name in before:
        del sys.modules[name]
    importlib.invalidate_caches()
    try:
        yield
    except BaseException:
        for name in [name for name in sys.modules if _within(name, package)]:
            del sys.modules[name]
        sys.modules.update(before)
        raise


def package_of(module: str) -> str:
    """Raises PluginError."""
    package = module.partition(".")[0]
    if package in ("", "auricle", "builtins", "__main__"):
        raise PluginError(f"{module or 'it'} is no package of its own: it cannot be reloaded by itself")
    return package


def seen(module: str) -> Seen:
    """The files of a module's package as they are now. Raises PluginError where it is not found."""
    package = package_of(module)
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError) as error:
        raise PluginError(f"the files of {package} are not found: {error}") from error
    if spec is None or not (spec.submodule_search_locations or spec.origin):
        raise PluginError(f"the files of {package} are not found")
    found: Seen = {}
    for folder in spec.submodule_search_locations or ():
        for path in sorted(Path(folder).rglob("*"))[: 10 * MOST_FILES]:
            if path.suffix in _WATCHED and len(found) < MOST_FILES:
                _see(path, found)
    if not spec.submodule_search_locations and spec.origin:
        _see(Path(spec.origin), found)
    return found


def _see(path: Path, found: Seen) -> None:
    try:
        stat = path.stat()
    except OSError:  # it went between being listed and being looked at
        return
    found[path] = (stat.st_mtime_ns, stat.st_size)


def _within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")
