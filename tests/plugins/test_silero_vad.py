"""Silero VAD tells voice from other sound, on one thread."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from auricle.api import PluginContext
from auricle.testing.wake_contracts import Samples, VadContract
from auricle_silero_vad import SileroVad, SileroVadConfig
from auricle_silero_vad.engine import Engine
from support.voice import Speak

pytestmark = pytest.mark.models


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine(SileroVadConfig())
    engine.load()
    yield engine
    engine.close()


@pytest.fixture
def spoken(speak: Speak) -> Samples:
    return speak("Turn on the light in the kitchen.")


class TestSileroVad(VadContract):
    pass


def test_plugin_brings_the_engine_silero_vad() -> None:
    (spec,) = SileroVad(PluginContext("silero_vad"), SileroVad.Config()).auricle_engines()
    assert (spec.name, spec.kind, spec.target) == ("silero_vad", "vad", "auricle_silero_vad.engine:Engine")


def test_loading_leaves_the_environment_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_THREAD_LIMIT", raising=False)
    Engine(SileroVadConfig()).load()
    assert "OMP_THREAD_LIMIT" not in os.environ
    monkeypatch.setenv("OMP_THREAD_LIMIT", "7")
    Engine(SileroVadConfig()).load()
    assert os.environ["OMP_THREAD_LIMIT"] == "7"


_ALONE = """
import os, sys, threading
from auricle_silero_vad import SileroVadConfig
from auricle_silero_vad.engine import Engine

sound = sys.stdin.buffer.read()
engine = Engine(SileroVadConfig())
engine.load()
windows = [sound[at : at + 1024] for at in range(0, len(sound) - 1023, 1024)]
before = len(os.listdir("/proc/self/task"))
def judge():
    print(max(map(engine.probability, windows)), len(os.listdir("/proc/self/task")))
judging = threading.Thread(target=judge)
judging.start()
judging.join()
print(before)
"""


def test_a_window_is_judged_on_the_calling_thread_alone(spoken: Samples) -> None:
    # In a process of its own, as in the daemon: OpenMP of other engines would count too.
    done = subprocess.run(
        [sys.executable, "-c", _ALONE], input=spoken.tobytes(), capture_output=True, timeout=60, check=True
    )
    highest, tasks, before = map(float, done.stdout.split())
    assert highest > 0.9
    assert tasks <= before + 1
