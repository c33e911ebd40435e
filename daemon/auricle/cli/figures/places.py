"""Folders of a measurement's own: it changes nothing that the user's daemon keeps, and finds what was installed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from auricle.config import cache_dir, state_dir


def own_places(folder: Path) -> dict[str, str]:
    """Environment of a process whose state and caches are below `folder`; engines and models are the user's."""
    state, cache = folder / "state", folder / "cache"
    for own, users, shared in ((state, state_dir(os.environ), "engines"), (cache, cache_dir(os.environ), "models")):
        own.mkdir(exist_ok=True)
        if (users / shared).is_dir() and not (own / shared).exists():
            (own / shared).symlink_to((users / shared).resolve())
    return {"STATE_DIRECTORY": str(state), "CACHE_DIRECTORY": str(cache)}


@contextmanager
def in_own_places(folder: Path) -> Iterator[None]:
    """The same for this process, until the end of the block."""
    places = own_places(folder)
    before = {name: os.environ.get(name) for name in places}
    os.environ.update(places)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
