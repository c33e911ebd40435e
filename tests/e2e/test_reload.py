"""The configuration read anew by a real daemon: all of it or nothing, over SIGHUP and over D-Bus."""

import asyncio
import json
import os
import signal
import time
from pathlib import Path

import pytest

from support.daemon import RunningDaemon, running_daemon
from support.message_bus import CallFailed, MessageBus
from support.mosquitto import Mosquitto

pytestmark = [pytest.mark.bus, pytest.mark.models, pytest.mark.broker]

BEFORE = """
[site]
id = "kitchen"
[audio.input]
device = "file:{silence}"
pace = "real"
[audio.output]
device = "null"
volume = 70
[dbus]
bus = "{bus}"
"""
AFTER = """
[wake]
words = [{{ model = "hey_jarvis", threshold = 0.5 }}, {{ model = "okay_nabu" }}]
[listen]
silence_s = 1.1
follow_up_s = 2
[tts]
speed = 1.3
cache_mb = 0
[log]
level = "debug"
[mqtt]
host = "127.0.0.1"
port = {port}
[plugins]
disabled = ["clock"]
"""
REFUSED = {
    "[wake]\nwords = [{ model = 'hey_nobody' }]\n": ("wake.words", "hey_nobody", "hey_jarvis"),
    "[tts]\nvoice = 'nobody'\n": ("tts.voice", "nobody"),
    "[mqtt]\nhost = '127.0.0.1'\ntls = { ca = '/nowhere/ca.pem' }\n": ("mqtt.tls.ca", "/nowhere/ca.pem"),
    "[mqtt]\nhost = '127.0.0.1'\npassword_file = '/nowhere/word'\n": ("mqtt.password_file", "/nowhere/word"),
    "[wake]\nwords = [{ model = 'hey_nobody' }]\n[tts]\nvoice = 'nobody'\n": ("hey_nobody", "tts.voice"),
}
"""What no reading of the file alone shows, and what the refusal names."""


def logged(daemon: RunningDaemon, text: str) -> str:
    """The next line of the log with `text` in it."""
    until_s = time.monotonic() + 60
    while time.monotonic() < until_s:
        if lines := [line for line in daemon.log_path.read_text().splitlines() if text in line]:
            return lines[-1]
        time.sleep(0.05)
    raise AssertionError(f"no {text}\n{daemon.story()}")


async def test_what_changed_holds_and_a_bad_file_changes_nothing(
    tmp_path: Path, message_bus: MessageBus, mosquitto: Mosquitto
) -> None:
    silence = tmp_path / "silence.wav"
    _write_silence(silence, 600)
    before = BEFORE.format(silence=silence, bus=message_bus.address)
    (tmp_path / "daemon").mkdir()
    with running_daemon(tmp_path / "daemon", before, {**os.environ, "AURICLE__TTS__QUEUE": "64"}) as daemon:
        await message_bus.until_served()
        [reply] = await message_bus.call("Ask", "sa{sv}", "what time is it", "0")
        assert (reply["handled_by"], await message_bus.get("WakeWords")) == ("clock", ["hey_jarvis"])
        [id] = await message_bus.call("Say", "sa{sv}", "Hello.", "0")
        assert daemon.wait("speech", lambda speech: speech["status"] == "finished", timeout_s=60)["id"] == id

        daemon.config_path.write_text(before + "[listen]\nsilence_s = 99\n[nonsense]\n")
        with pytest.raises(CallFailed) as failed:
            await message_bus.call("Reload")
        assert "listen.silence_s is 99" in failed.value.words
        assert "nonsense" in failed.value.words
        daemon.process.send_signal(signal.SIGHUP)
        await asyncio.to_thread(logged, daemon, "not reloaded, the old settings stay")
        assert await message_bus.get("WakeWords") == ["hey_jarvis"]

        changed = before.replace("volume = 70", "volume = 11") + "[log]\nlevel = 'debug'\n"
        for wrong, named in REFUSED.items():
            daemon.config_path.write_text(changed + wrong)
            with pytest.raises(CallFailed) as failed:
                await message_bus.call("Reload")
            for words in named:
                assert words in failed.value.words
        assert await message_bus.get("Volume") == 70
        assert await message_bus.get("WakeWords") == ["hey_jarvis"]
        assert not [line for line in daemon.log_path.read_text().splitlines() if "reloaded /" in line]

        daemon.config_path.write_text(before.replace("volume = 70", "volume = 40") + AFTER.format(port=mosquitto.port))
        with mosquitto.collect("auricle/kitchen/availability") as heard:
            daemon.process.send_signal(signal.SIGHUP)
            live = await asyncio.to_thread(logged, daemon, "reloaded ")
            assert (await asyncio.to_thread(heard.next)).payload == b"online"
        for key in ("audio.output.volume", "listen.silence_s", "wake.words", "mqtt.host", "tts.speed", "log.level"):
            assert key in live
        restart = await asyncio.to_thread(logged, daemon, "changed, but only after a restart")
        assert restart.endswith(": tts.cache_mb")
        assert await message_bus.get("WakeWords") == ["hey_jarvis", "okay_nabu"]
        assert await message_bus.get("Volume") == 40
        [reply] = await message_bus.call("Ask", "sa{sv}", "what time is it", "0")
        assert reply["handled_by"] != "clock"
        [told] = await message_bus.call("Describe")
        states = {plugin["name"]: plugin["state"] for plugin in json.loads(told)["plugins"]}
        assert states["clock"] == "disabled"
        await message_bus.call("Say", "sa{sv}", "Hello again.", "0")
        daemon.wait("speech", lambda speech: speech["status"] == "finished", timeout_s=60)

        daemon.config_path.write_text(before)
        await message_bus.call("Reload")
        [reply] = await message_bus.call("Ask", "sa{sv}", "what time is it", "0")
        assert reply["handled_by"] == "clock"
        assert await message_bus.get("Volume") == 70


def _write_silence(path: Path, seconds: int) -> None:
    import wave

    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 16_000 * seconds))
