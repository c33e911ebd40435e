"""The coffee machine of `tests/thirdparty/coffee`, beside the installed plugins as pip would put it there."""

import tomllib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "thirdparty" / "coffee"


@pytest.fixture
def coffee_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the host find the plugin `coffee`, by its own entry point."""
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    installed = tmp_path / "installed" / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    installed.mkdir(parents=True)
    about = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (installed / "METADATA").write_text(about, encoding="utf-8")
    lines: list[str] = []
    for group, own in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {target}" for name, target in own.items())]
    (installed / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.syspath_prepend(str(installed.parent))
