"""The fixture `auricle_house` in every pytest beside Auricle: plugins as the daemon runs them, ended with the test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from auricle.testing.harness import Harness


@pytest.fixture
def auricle_house() -> "Iterator[Callable[..., Harness]]":
    """`auricle_house(Lamp).say("turn on the lamp")`; takes what `Harness` takes."""
    from auricle.testing.harness import Harness

    with ExitStack() as stack:

        def house(*plugins: type, **options: Any) -> "Harness":
            return stack.enter_context(Harness(*plugins, **options))

        yield house
