"""Fixtures for every test live in `support/`, one module per real part."""

import atexit
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TQDM_DISABLE", "1")
os.environ.setdefault("AURICLE_TEST_CACHE", os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
# No test takes the name on the bus of whoever runs it.
for _bus in ("DBUS_SESSION_BUS_ADDRESS", "DBUS_SYSTEM_BUS_ADDRESS"):
    os.environ[_bus] = "unix:path=/nonexistent/bus"
for _home in ("XDG_CACHE_HOME", "XDG_STATE_HOME"):
    os.environ[_home] = tempfile.mkdtemp(prefix="auricle-test-")
    atexit.register(shutil.rmtree, os.environ[_home], ignore_errors=True)

pytest_plugins = [
    "support.recordings",
    "support.voice",
    "support.enrolled",
    "support.coffee",
    "support.checkpoints",
    "support.pulse",
    "support.mosquitto",
    "support.message_bus",
    "support.golden",
    "support.systemd",
    "support.tiny_chatterbox",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the files in tests/golden/ anew")


@pytest.fixture(autouse=True)
def logging_is_left_as_it_was() -> Iterator[None]:
    """Commands that tests run in this process set up its logging: the next test shall not be silent for it."""
    root = logging.getLogger()
    level, handlers = root.level, {*root.handlers}
    yield
    root.setLevel(level)
    for handler in {*root.handlers} - handlers:
        root.removeHandler(handler)
