"""Configuration files of a test, and the problems that are found in them."""

from pathlib import Path

import pytest

from auricle.config import load_config
from auricle.model.errors import ConfigError


@pytest.fixture(name="home")
def home_fixture(tmp_path: Path) -> dict[str, str]:
    """An environment in which no configuration of this machine's is found."""
    return {"HOME": str(tmp_path / "home")}


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "config.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def problems(path: Path | None, environ: dict[str, str], **types: object) -> list[str]:
    """Every problem, the file's name left out."""
    with pytest.raises(ConfigError) as caught:
        load_config(path, environ, **types)  # type: ignore[arg-type]
    assert caught.value.code == "config"
    assert all(problem in str(caught.value) for problem in caught.value.problems)
    return [problem.removeprefix(f"{path}:") for problem in caught.value.problems]
