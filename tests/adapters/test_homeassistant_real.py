"""Every entity and trigger through a real Home Assistant: it judges the discovery message, not a copy of its schema."""

import asyncio
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from auricle.adapters.homeassistant import Discovery
from auricle.adapters.homeassistant_entities import EVENTS
from auricle.model.events import WakeHeard
from auricle.model.speech import Priority
from auricle.store import SettingsStore
from support import headless_homeassistant
from support.running_mqtt import SITE, off, running
from support.scripted_assistant import ScriptedAssistant, transcribed

ha, old_ha = headless_homeassistant.ha, headless_homeassistant.old_ha
pytestmark = pytest.mark.homeassistant


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SettingsStore]:
    made = SettingsStore(tmp_path / "state.sqlite")
    yield made
    made.close()


def house() -> ScriptedAssistant:
    assistant = ScriptedAssistant(at_once=False)
    assistant.description = {"version": "1.2.3", "voices": ["amy", "joe"], "wake_words": ["hey_jarvis", "computer"]}
    return assistant


def documented(alias: str) -> dict[str, Any]:
    """The automation of that name in `docs/home-assistant.md`, for this test's site."""
    page = (Path(__file__).parents[2] / "docs" / "home-assistant.md").read_text()
    for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL):
        for automation in yaml.safe_load(block.replace("kitchen", SITE.id)).get("automation", ()):
            if automation["alias"] == alias:
                return dict(automation)
    raise AssertionError(f"no automation {alias!r} in the page")


async def test_every_entity_goes_through_home_assistant(ha: ModuleType, store: SettingsStore) -> None:
    assistant = house()
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
        async with asyncio.timeout(30):
            while "transcript" not in (heard := await off(ha.state, found["state"]))["attributes"]:
                await asyncio.sleep(0.1)
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
    async with running(port, assistant, extensions=lambda a, s: (Discovery(a, s, SITE, store),)):
        async with asyncio.timeout(60):
            while len(triggers := await mqtt_triggers(ha)) != 1:
                await asyncio.sleep(0.2)
        assert [trigger["subtype"] for trigger in triggers] == ["hey_jarvis"]
    async with running(port, assistant, discovery="off", extensions=lambda a, s: (Discovery(a, s, SITE, store),)):
        await off(ha.wait_gone, "auricle_attic")


async def mqtt_triggers(ha: ModuleType) -> list[dict[str, Any]]:
    return [trigger for trigger in await off(ha.device_triggers, "auricle_attic") if trigger["domain"] == "mqtt"]


async def test_the_automations_of_the_page_fire(ha: ModuleType, store: SettingsStore) -> None:
    assistant = house()
    port = int(ha.settings()["mqtt_port"])
    night = documented("Auricle sleeps")
    soon = datetime.now(UTC) + timedelta(seconds=20)
    night["triggers"][0]["at"][0 if soon.hour >= 12 else 1] = soon.strftime("%H:%M:%S")
    automations = [documented("Good night"), documented("Water in the cellar"), night]
    for number, automation in enumerate(automations):
        automation["id"] = f"documented{number}"
    (ha.HA_HOME / "config" / "automations.yaml").write_text(yaml.safe_dump(automations))
    await off(ha.rest, "POST", "/api/states/binary_sensor.cellar_water", {"state": "off"})
    async with (
        running(port, assistant, extensions=lambda a, s: (Discovery(a, s, SITE, store),)) as run,
    ):
        await off(ha.wait_entities, "auricle_attic", 9)
        # What was asleep at this hour is awake and the other way round, so that the change is seen.
        assistant.set_muted(soon.hour < 12)
        await off(ha.call_service, "automation", "reload")
        await off(ha.wait_state, "automation.good_night", "on")
        with ha.Events("call_service") as calls:

            def lights() -> dict[str, Any]:
                while (data := calls.wait(60)["data"])["domain"] != "light":
                    pass
                return dict(data)

            looking = asyncio.create_task(off(lights))
            while not looking.done():  # it may not have subscribed to what is not retained yet
                assistant.publish(transcribed("t1", "Good night, everybody"))
                await asyncio.wait({looking}, timeout=2)
            called = looking.result()
        assert (called["service"], called["service_data"]["entity_id"]) == ("turn_off", "all")
        await off(ha.rest, "POST", "/api/states/binary_sensor.cellar_water", {"state": "on"})
        await run.until(lambda: bool(assistant.said), 30)
        [said] = assistant.said
        assert (said.text, said.priority, said.volume, said.chime) == (
            "Water in the cellar!",
            Priority.ALARM,
            100,
            True,
        )
        await run.until(lambda: assistant.status.muted == (soon.hour >= 12), 60)
    async with running(port, assistant, discovery="off", extensions=lambda a, s: (Discovery(a, s, SITE, store),)):
        await off(ha.wait_gone, "auricle_attic")


async def test_an_older_home_assistant_takes_a_message_for_each(old_ha: ModuleType, store: SettingsStore) -> None:
    ha, assistant = old_ha, house()
    port = int(ha.settings()["mqtt_port"])

    async def call(domain: str, service: str, id: str, **data: object) -> None:
        await off(ha.call_service, domain, service, {"entity_id": found[id], **data})

    plugged = {"extensions": lambda a, s: (Discovery(a, s, SITE, store),)}
    async with running(port, assistant, discovery="legacy", **plugged) as run:  # type: ignore[arg-type]
        await off(ha.wait_entities, "auricle_attic", 8)
        entities = await off(ha.list_entities, "auricle_attic")
        found = {entity["unique_id"].removeprefix("auricle_attic_"): entity["entity_id"] for entity in entities}
        assert sorted(found) == sorted("voice_event state mute volume voice stop listen update".split())
        await off(ha.wait_state, found["mute"], "off")  # what is unavailable obeys nobody
        await call("switch", "turn_on", "mute")
        await off(ha.wait_state, found["mute"], "on")
        await off(ha.wait_state, found["state"], "muted")
        await call("switch", "turn_off", "mute")
        await off(ha.wait_state, found["mute"], "off")
        await call("number", "set_value", "volume", value=35)
        await off(ha.wait_state, found["volume"], "35")
        await call("select", "select_option", "voice", option="joe")
        await off(ha.wait_state, found["voice"], "joe")
        await call("button", "press", "stop")
        await run.until(lambda: assistant.stopped == [None])
        await call("button", "press", "listen")
        await run.until(lambda: assistant.prompts == [None])
        await off(ha.wait_state, found["update"], "off")
        triggers = await mqtt_triggers(ha)
        assert sorted(trigger["subtype"] for trigger in triggers) == ["computer", "hey_jarvis"]
        trigger = await off(ha.Trigger, next(one for one in triggers if one["subtype"] == "computer"))
        try:
            assistant.publish(WakeHeard(turn="t3", wake_word="computer", score=0.9, sample=2))
            assert (await off(trigger.wait))["payload_json"]["turn"] == "t3"
        finally:
            trigger.__exit__(None, None, None)
    async with running(port, assistant, discovery="off", **plugged):  # type: ignore[arg-type]
        await off(ha.wait_gone, "auricle_attic")
