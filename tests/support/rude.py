"""The rude package of `tests/thirdparty`, as pip would install it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_RUDE = Path(__file__).parents[1] / "thirdparty" / "rude"
_ENTRY = """[auricle.plugins]
rude = auricle_rude:Rude
"""


@contextmanager
def rude_installed(site: Path) -> Iterator[None]:
    """site: an empty folder for it."""
    (site / "auricle_rude").symlink_to(_RUDE / "auricle_rude")
    info = site / "auricle_rude-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: auricle-rude\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text(_ENTRY)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        patch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)
        yield
