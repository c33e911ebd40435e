"""Fixtures for every test live in `support/`, one module per real part."""

import os

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TQDM_DISABLE", "1")

pytest_plugins = ["support.recordings", "support.voice", "support.pulse", "support.mosquitto", "support.golden"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the files in tests/golden/ anew")
