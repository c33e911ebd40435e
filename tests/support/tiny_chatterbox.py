"""Chatterbox's own environment, made once per machine by the installer, and tiny models made in it.

The models are of random weights: what they say is noise. They prove that everything runs, not how it sounds.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from auricle.api import EngineSpec
from auricle.engines import environments, installer
from auricle.engines.supervisor import Worker
from auricle.model.events import ComponentChanged
from auricle.settings import EngineProcess
from auricle_chatterbox import Chatterbox, ChatterboxConfig
from auricle_chatterbox.recipes import LIGHT

MODELS = ("chatterbox", "multilingual", "turbo")
_RUN_S = 150.0


@dataclass(frozen=True, slots=True)
class TinyChatterbox:
    """The environment, and the models in it."""

    state_dir: Path
    models: Path
    """A folder of checkpoints, each named as its model."""

    def config(self, model: str = "chatterbox", **keys: object) -> ChatterboxConfig:
        given = {"device": "cpu", "checkpoint": str(self.models / model)} | keys
        return ChatterboxConfig(model=model, **given)  # type: ignore[arg-type]

    def worker(
        self, folder: Path, config: ChatterboxConfig, on_change: Callable[[ComponentChanged], None] = print
    ) -> Worker:
        process = EngineProcess(threads=1, start_timeout_s=120.0)
        return Worker(spec(), config, process, runtime_dir=folder, state_dir=self.state_dir, on_change=on_change)

    def run(self, folder: Path, code: str, *arguments: str) -> object:
        """Run Python code in the environment; return the JSON that it prints last."""
        return run_inside(self.state_dir, folder, code, *arguments)


@pytest.fixture(scope="session")
def tiny_chatterbox(tmp_path_factory: pytest.TempPathFactory) -> TinyChatterbox:
    if sys.version_info[:2] != (3, 11):
        pytest.skip("Chatterbox's environment is for Python 3.11; its tests run where the daemon's Python is that")
    return prepare(tmp_path_factory.mktemp("chatterbox"))


def spec() -> EngineSpec:
    """As the plugin has it, but for models that are tiny."""
    plugin = Chatterbox.__new__(Chatterbox)
    [registered] = plugin.auricle_engines()
    return replace(registered, target="auricle_chatterbox.tiny:TinyChatterbox")


def prepare(folder: Path) -> TinyChatterbox:
    """Make what is missing: minutes on a new machine, seconds afterwards."""
    cache = Path(os.environ["AURICLE_TEST_CACHE"])
    state_dir = cache / "auricle-test" / "chatterbox-env" / installer.fingerprint(LIGHT)
    found = installer.find("chatterbox", state_dir)
    if found is None or found.fingerprint != installer.fingerprint(LIGHT):
        asyncio.run(installer.install(spec(), LIGHT, state_dir=state_dir, on_progress=_show))
    models = folder / "models"
    run_inside(state_dir, folder, _BUILD, str(models), *MODELS)
    return TinyChatterbox(state_dir, models)


def run_inside(state_dir: Path, folder: Path, code: str, *arguments: str) -> object:
    python = environments.interpreter("chatterbox", None, state_dir)
    links = environments.link_packages(folder / "packages", ("auricle", "auricle_chatterbox"))
    variables = environments.environment(python, links, threads=1)
    done = subprocess.run(
        [str(python), "-P", "-W", "ignore", "-c", code, *arguments],
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_RUN_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


def _show(progress: installer.Progress) -> None:
    if not progress.line:
        print(f"chatterbox: {progress.number}/{progress.of} {progress.step}", file=sys.stderr)


_BUILD = """
import pathlib, sys
from auricle_chatterbox.tiny import build
for model in sys.argv[2:]:
    build(model, pathlib.Path(sys.argv[1]) / model)
print("null")
"""
