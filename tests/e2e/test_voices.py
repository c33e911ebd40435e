"""A voice that the engine has not is refused wherever it is set, and does not silence the site."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from auricle.store import SettingsStore
from support.daemon import running_daemon
from support.message_bus import CallFailed, MessageBus

pytestmark = [pytest.mark.bus, pytest.mark.models]

CONFIG = """
[audio.input]
device = "file:{silence}"
[audio.output]
device = "null"
[wake]
words = []
[dbus]
bus = "{bus}"
"""


async def test_a_voice_that_there_is_not_is_refused_and_a_lost_one_is_not_used(
    tmp_path: Path, message_bus: MessageBus
) -> None:
    silence = tmp_path / "silence.wav"
    soundfile.write(silence, np.zeros(16_000 * 600, np.int16), 16_000)
    (tmp_path / "state" / "auricle").mkdir(parents=True)
    store = SettingsStore(tmp_path / "state" / "auricle" / "auricle.sqlite")
    store.save("voice", "of another engine")
    store.close()
    before = CONFIG.format(silence=silence, bus=message_bus.address)
    with running_daemon(tmp_path, before) as daemon:
        await message_bus.until_served()
        assert await message_bus.get("Voice") == ""
        with pytest.raises(CallFailed, match="voice: one of en_US-joe-medium fits, not 'nobody'"):
            await message_bus.set("Voice", "s", "nobody")
        assert await message_bus.get("Voice") == ""
        await message_bus.call("Say", "sa{sv}", "Hello.", "0")
        daemon.wait("speech", lambda speech: speech["status"] == "finished", timeout_s=60)

        daemon.config_path.write_text(before + "[tts]\nvoice = 'joe'\n")
        await message_bus.call("Reload")
        await message_bus.set("Voice", "s", "joe")
        assert await message_bus.get("Voice") == "joe"
        await message_bus.call("Say", "sa{sv}", "Hello again.", "0")
        daemon.wait("speech", lambda speech: speech["status"] == "finished", timeout_s=60)
