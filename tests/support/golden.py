"""Golden files: texts that users and other programs rely on, kept in `tests/golden/`.

`golden("help/run.txt", text)` compares; `pytest --update-golden` writes what is there now instead, to be read in the
diff before it is committed.
"""

import difflib
from collections.abc import Callable
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "golden"

Golden = Callable[[str | Path, str], None]


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compare a text with a file in `tests/golden/`, or with the file at a whole path."""
    update = bool(request.config.getoption("--update-golden"))

    def compare(name: str | Path, text: str) -> None:
        path = FOLDER / name
        if update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            return
        if not path.is_file():
            pytest.fail(f"there is no {path}; run pytest with --update-golden and read what it wrote", pytrace=False)
        kept = path.read_text(encoding="utf-8")
        if text != kept:
            lines = difflib.unified_diff(kept.splitlines(), text.splitlines(), "kept", "now", lineterm="", n=1)
            difference = "\n".join(list(lines)[:60])
            pytest.fail(f"{path} is not what comes out now; --update-golden writes it\n{difference}", pytrace=False)

    return compare
