"""Plugins in the running daemon: begun and ended live, and heard of at the broker."""

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from auricle.api import PluginError
from auricle.app.daemon import Daemon
from auricle.config import load_config
from support.mosquitto import Mosquitto

pytestmark = [pytest.mark.broker, pytest.mark.models]

CONFIG = """
[site]
id = "den"
[audio.input]
device = "-"
[audio.output]
device = "null"
[mqtt]
host = "127.0.0.1"
port = {port}
"""


async def test_plugin_is_ended_and_begun_while_the_daemon_runs(
    tmp_path: Path, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    silence, writing = os.pipe()
    nothing = os.fdopen(silence, "rb")
    monkeypatch.setattr("sys.stdin", nothing)
    config = tmp_path / "config.toml"
    config.write_text(CONFIG.format(port=mosquitto.port))
    with mosquitto.collect("auricle/den/info") as info:
        async with Daemon(load_config(config), state=tmp_path / "state", cache=tmp_path / "cache") as daemon:
            assert (await daemon.assistant.ask("what day is it")).handled_by == "clock"
            await daemon.assistant.set_plugin("clock", False)
            assert (await daemon.assistant.ask("what day is it")).intent is None
            await daemon.assistant.set_plugin("clock", True)
            assert (await daemon.assistant.ask("what day is it")).handled_by == "clock"
            await daemon.assistant.reload_plugin("clock")
            assert (await daemon.assistant.ask("what day is it")).handled_by == "clock"
            with pytest.raises(PluginError, match="did you mean clock"):
                await daemon.assistant.set_plugin("clokc", True)

            def states() -> list[str]:
                told = [json.loads(info.next(timeout_s=20).payload)["plugins"]]
                return [plugin["state"] for plugin in told[0] if plugin["name"] == "clock"]

            seen: list[str] = []
            while "disabled" not in seen:
                seen += await _beside(states)
    os.close(writing)
    nothing.close()


async def _beside(work: Callable[[], list[str]]) -> list[str]:
    return await asyncio.to_thread(work)
