"""Turns in a row leave no task behind in the daemon's event loop."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auricle.app import Daemon
from auricle.config import load_config
from auricle.model.events import TurnEnded
from auricle.model.turn import Outcome

pytestmark = pytest.mark.models

TURNS = 40
CONFIG = """
[audio.input]
device = "file:{sound}"
pace = "fast"
[audio.output]
device = "null"
[tts]
cache_mb = 0
[engines.piper]
noise_scale = 0.0
noise_w = 0.0
"""


async def test_forty_turns_leave_no_task_more_than_the_first(tmp_path: Path, speak: Callable[..., np.ndarray]) -> None:
    quiet = np.random.default_rng(1).integers(-3, 4, 36_000).astype(np.int16)
    turn = np.concatenate([speak("hey jarvis, what day is it?"), quiet])
    soundfile.write(tmp_path / "turns.wav", np.concatenate([quiet, *[turn] * TURNS]), 16_000)
    (tmp_path / "config.toml").write_text(CONFIG.format(sound=tmp_path / "turns.wav"))
    left: list[Counter[str]] = []
    outcomes: list[Outcome] = []
    async with Daemon(load_config(tmp_path / "config.toml"), state=tmp_path / "state") as daemon:
        with daemon.bus.subscribe() as events:
            async with asyncio.timeout(150):
                async for event in events:
                    if isinstance(event, TurnEnded):
                        outcomes.append(event.outcome)
                        await daemon.assistant.settled()
                        left.append(Counter(re.split(r"[- ]", task.get_name())[0] for task in asyncio.all_tasks()))
                    if len(outcomes) == TURNS:
                        break
    assert outcomes == [Outcome.ANSWERED] * TURNS
    assert all(not now - left[0] for now in left), left
