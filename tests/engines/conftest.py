"""What the tests of engines share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.engine_parts import EngineParts


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[EngineParts]:
    made = EngineParts(tmp_path)
    try:
        yield made
    finally:
        await made.close()
