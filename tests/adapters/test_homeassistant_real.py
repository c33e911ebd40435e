"""Every entity and trigger through a real Home Assistant: it judges the discovery message, not a copy of its schema.

Set up once, in minutes and a gigabyte, below the user's cache folder ($HA_HOME to choose); the harness that builds and
drives it is found in $AURICLE_HA_HARNESS, else in `../shared/ha` beside this repository.
"""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from auricle.adapters.homeassistant import Discovery
from auricle.adapters.homeassistant_entities import EVENTS
from auricle.model.events import WakeHeard
from auricle.store import SettingsStore
from support.mosquitto import free_port
from support.running_mqtt import SITE, off, running
from support.scripted_assistant import ScriptedAssistant, transcribed

pytestmark = pytest.mark.homeassistant
VERSION = "2025.4.4"
HARNESS = Path(os.environ.get("AURICLE_HA_HARNESS", Path(__file__).parents[3] / "shared" / "ha"))


@pytest.fixture(scope="module")
def ha() -> Iterator[ModuleType]:
    """A running Home Assistant, connected to a broker of its own."""
    assert (HARNESS / "ha_client.py").is_file(), f"no harness in {HARNESS}: set AURICLE_HA_HARNESS"
    home = Path(os.environ.get("HA_HOME", Path("~/.cache/auricle-test/homeassistant").expanduser()))
    home.mkdir(parents=True, exist_ok=True)
    ports = {"HA_PORT": str(free_port()), "HA_MQTT_PORT": str(free_port())}
    env = {**os.environ, "HA_HOME": str(home), "HA_VERSION": VERSION, **ports}
    subprocess.run(["bash", HARNESS / "setup_ha.sh", "--fresh-config"], env=env, check=True, timeout=900)
    os.environ["HA_HOME"] = str(home)  # read by the client module at its import
    spec = importlib.util.spec_from_file_location("ha_client", HARNESS / "ha_client.py")
    assert spec is not None
    assert spec.loader is not None
    client = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(client)
    # Its own command starts and stops: what it leaves running is no child of this process.
    command = [sys.executable, str(HARNESS / "ha_client.py")]
    subprocess.run([*command, "start"], check=True, timeout=60, stdout=subprocess.DEVNULL)
    try:
        assert client.wait_ready()["version"] == VERSION
        client.add_mqtt()
        yield client
    finally:
        subprocess.run([*command, "stop"], check=True, timeout=120, stdout=subprocess.DEVNULL)


async def test_every_entity_goes_through_home_assistant(
    ha: ModuleType, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    assistant = ScriptedAssistant(at_once=False)
    assistant.description = {"version": "1.2.3", "voices": ["amy", "joe"], "wake_words": ["hey_jarvis", "computer"]}
    store = SettingsStore(tmp_path / "state.sqlite")
    request.addfinalizer(store.close)
    port = int(ha.settings()["mqtt_port"])

    async def call(domain: str, service: str, id: str, **data: object) -> None:
        await off(ha.call_service, domain, service, {"entity_id": found[id], **data})

    async with running(port, assistant, extensions=lambda a, s: (Discovery(a, s, SITE, store),)) as run:
        await off(ha.wait_entities, "auricle_attic", 9)
        entities = await off(ha.list_entities, "auricle_attic")
        found = {entity["unique_id"].removeprefix("auricle_attic_"): entity["entity_id"] for entity in entities}
        assert sorted(found) == sorted(
            ["say", "voice_event", "state", "mute", "volume", "voice", "stop", "listen", "update"]
        )
        assert (await off(ha.device, "auricle_attic"))["sw_version"] == "1.2.3"

        await off(ha.wait_state, found["mute"], "off")
        await call("switch", "turn_on", "mute")
        await off(ha.wait_state, found["mute"], "on")
        assert assistant.status.muted
        await off(ha.wait_state, found["state"], "muted")
        await call("switch", "turn_off", "mute")
        await off(ha.wait_state, found["mute"], "off")

        await call("number", "set_value", "volume", value=35)
        await off(ha.wait_state, found["volume"], "35")
        assert assistant.status.volume == 35

        await call("select", "select_option", "voice", option="joe")
        await off(ha.wait_state, found["voice"], "joe")
        assert assistant.status.voice == "joe"
        await call("select", "select_option", "voice", option="default")
        await off(ha.wait_state, found["voice"], "default")
        assert assistant.status.voice == ""

        await call("notify", "send_message", "say", message="dinner is ready")
        await run.until(lambda: bool(assistant.said))
        assert assistant.said[0].text == "dinner is ready"
        await call("button", "press", "stop")
        await run.until(lambda: assistant.stopped == [None])
        await call("button", "press", "listen")
        await run.until(lambda: assistant.prompts == [None])
        heard = await off(ha.wait_state, found["state"])
        assert heard["attributes"]["transcript"] == assistant.hears

        update = await off(ha.wait_state, found["update"], "off")
        assert update["attributes"]["installed_version"] == "1.2.3"
        assert (await off(ha.state, found["voice_event"]))["attributes"]["event_types"] == list(EVENTS)
        long = "word " * 400
        with ha.Events("state_changed") as events:
            assistant.publish(transcribed("t1", long))

            def transcript() -> dict[str, object]:
                while True:
                    data = events.wait()["data"]
                    attributes = data["new_state"]["attributes"]
                    if data["entity_id"] == found["voice_event"] and attributes["event_type"] == "transcript":
                        return dict(attributes)

            assert (await off(transcript))["text"] == long

        triggers = [
            trigger for trigger in await off(ha.device_triggers, "auricle_attic") if trigger["domain"] == "mqtt"
        ]
        assert sorted(trigger["subtype"] for trigger in triggers) == ["computer", "hey_jarvis"]
        computer = next(trigger for trigger in triggers if trigger["subtype"] == "computer")
        trigger = await off(ha.Trigger, computer)
        try:
            assistant.publish(WakeHeard(turn="t2", wake_word="hey_jarvis", score=0.9, sample=1))
            assistant.publish(WakeHeard(turn="t3", wake_word="computer", score=0.9, sample=2))
            assert (await off(trigger.wait))["payload_json"]["turn"] == "t3"
        finally:
            trigger.__exit__(None, None, None)
        await off(ha.reload_entry, ha.list_entries("mqtt")[0]["entry_id"])
        await off(ha.wait_entities, "auricle_attic", 9)
    assert [line for line in await off(ha.log_problems, "mqtt") if "auricle" in line] == []

    assistant.description = {**assistant.description, "wake_words": ["hey_jarvis"]}
    async with running(port, assistant, extensions=lambda a, s: (Discovery(a, s, SITE, store),)) as run:
        for _ in range(50):
            triggers = [t for t in await off(ha.device_triggers, "auricle_attic") if t["domain"] == "mqtt"]
            if len(triggers) == 1:
                break
        assert [trigger["subtype"] for trigger in triggers] == ["hey_jarvis"]
    async with running(port, assistant, discovery="off", extensions=lambda a, s: (Discovery(a, s, SITE, store),)):
        await off(ha.wait_gone, "auricle_attic")
    store.close()
