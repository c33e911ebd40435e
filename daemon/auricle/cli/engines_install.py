"""`auricle engines install` and `remove`: an engine's own environment, made while somebody watches."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from auricle.cli.common import wrong_name

if TYPE_CHECKING:
    from auricle.api import EngineSpec
    from auricle.engines.installer import OnProgress, Progress

_LINE_CHARACTERS = 70
_STEP_COLUMNS = 40


def install(name: str, recipe_name: str, specs: "Mapping[str, EngineSpec]") -> int:
    """Make the environment of `name`, or test the one that is there. Raises EngineUnavailable."""
    import asyncio

    from auricle.config import state_dir
    from auricle.engines import installer

    if name not in specs:
        return wrong_name("engine", name, specs)
    spec = specs[name]
    recipe = installer.choose(spec, recipe_name)
    folder = state_dir(os.environ)
    if installer.is_half_made(name, folder):
        print(f"{name}: an installation was broken off; going on with it if it is of the same recipe")
    about = f" ({recipe.description})" if recipe.description else ""
    print(f"{name}: making the environment '{recipe.name}'{about} in {folder / 'engines' / name}")
    with _shown() as on_progress:
        found = asyncio.run(installer.install(spec, recipe, state_dir=folder, on_progress=on_progress))
    print(f"{name}: {found.verified}")
    print(
        f"{name} is installed (recipe {found.recipe}, Python {found.python}); a running daemon takes it when restarted"
    )
    return 0


def remove(name: str) -> int:
    """Remove the environment of `name`, whether its plugin is still there or not."""
    from auricle.config import state_dir
    from auricle.engines import installer

    folder = state_dir(os.environ)
    if not installer.remove(name, folder):
        print(f"auricle: {name} has no environment in {folder / 'engines'}", file=sys.stderr)
        return 1
    print(f"the environment of {name} is removed")
    return 0


def made(name: str) -> str:
    """What there is of an engine's own environment, in a few words; empty if there is none."""
    from auricle.config import state_dir
    from auricle.engines import installer

    folder = state_dir(os.environ)
    found = installer.find(name, folder)
    if found is not None:
        return f"{found.recipe}, Python {found.python}"
    return f"half made: auricle engines install {name}" if installer.is_half_made(name, folder) else ""


@contextmanager
def _shown() -> "Iterator[OnProgress]":
    """Steps as lines; at a terminal, beside them what the running one says and how long it takes."""
    if not sys.stdout.isatty():
        yield _print_step
        return
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.table import Column

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", table_column=Column(min_width=_STEP_COLUMNS, no_wrap=True)),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[said]}", table_column=Column(no_wrap=True)),
    )
    with Bar(*columns, console=Console()) as bar:
        tasks: dict[int, int] = {}

        def show(progress: "Progress") -> None:
            if progress.number not in tasks:
                for task in tasks.values():
                    bar.update(bar.tasks[task].id, total=1, completed=1, said="")
                tasks[progress.number] = bar.add_task(_caption(progress), total=None, said="")
            bar.update(bar.tasks[tasks[progress.number]].id, said=_plain(progress.line))

        yield show


def _print_step(progress: "Progress") -> None:
    if not progress.line:
        print(_caption(progress), flush=True)


def _caption(progress: "Progress") -> str:
    return f"{progress.number}/{progress.of} {progress.step}"


def _plain(line: str) -> str:
    """Without what rich would take for markup."""
    return line[:_LINE_CHARACTERS].replace("[", "(").replace("]", ")")
