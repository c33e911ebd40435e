"""Every entity and trigger through a real Home Assistant: it judges the discovery message, not a copy of its schema."""

from pathlib import Path
from types import ModuleType

import pytest

from auricle.adapters.homeassistant import Discovery
from auricle.adapters.homeassistant_entities import EVENTS
from auricle.model.events import WakeHeard
from auricle.store import SettingsStore
from support import headless_homeassistant
from support.running_mqtt import SITE, off, running
from support.scripted_assistant import ScriptedAssistant, transcribed

ha = headless_homeassistant.ha
pytestmark = pytest.mark.homeassistant


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
