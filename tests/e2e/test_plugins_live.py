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


async def test_what_each_engine_takes_is_told_with_the_daemons_facts(
    tmp_path: Path, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    silence, writing = os.pipe()
    nothing = os.fdopen(silence, "rb")
    monkeypatch.setattr("sys.stdin", nothing)
    config = tmp_path / "config.toml"
    config.write_text(CONFIG.format(port=mosquitto.port))
    with mosquitto.collect("auricle/den/info") as info:
        async with Daemon(load_config(config), state=tmp_path / "state", cache=tmp_path / "cache") as daemon:

            def engines() -> list[dict[str, object]]:
                return [json.loads(info.next(timeout_s=20).payload)["engines"]][0]

            found = await asyncio.to_thread(engines)
            figures = {worker.name: worker for worker in daemon.fleet.workers()}
        assert {engine["name"]: engine["pid"] for engine in found} == {
            name: worker.pid for name, worker in figures.items()
        }
        for engine in found:
            assert (engine["state"], engine["device"], engine["restarts"]) == ("ready", "cpu", 0), engine
            assert isinstance(engine["rss_mb"], float)
            assert engine["rss_mb"] > 20
            assert isinstance(engine["threads"], int)
            assert engine["threads"] >= 1
            assert {"requests", "rtf", "gpu_mb"} <= engine.keys()
    os.close(writing)
    nothing.close()


async def _beside(work: Callable[[], list[str]]) -> list[str]:
    return await asyncio.to_thread(work)
