"""Discovery by Home Assistant on a real Mosquitto; `test_homeassistant_real.py` asks a real Home Assistant."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from auricle.adapters import homeassistant
from auricle.adapters.homeassistant import Discovery
from auricle.adapters.mqtt_extension import MqttExtension
from auricle.model.events import ComponentChanged
from auricle.settings import Mqtt
from auricle.store import SettingsStore
from support.golden import Golden
from support.mosquitto import Mosquitto, free_port
from support.running_mqtt import SITE, collect, off, parsed, running
from support.scripted_assistant import ScriptedAssistant

pytestmark = pytest.mark.broker
DEVICE = "homeassistant/device/auricle_attic/config"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SettingsStore]:
    made = SettingsStore(tmp_path / "state.sqlite")
    yield made
    made.close()


def plugged(store: SettingsStore):  # type: ignore[no-untyped-def]
    def extensions(assistant: ScriptedAssistant, settings: Mqtt) -> Sequence[MqttExtension]:
        return (Discovery(assistant, settings, SITE, store),)

    return extensions


def house() -> ScriptedAssistant:
    assistant = ScriptedAssistant()
    assistant.description = {"version": "1.2.3", "voices": ["amy", "joe"], "wake_words": ["hey_jarvis", "Computer 2"]}
    return assistant


async def announced(mosquitto: Mosquitto, store: SettingsStore, **keys: object) -> None:
    """By an earlier run, which is over."""
    async with running(mosquitto.port, house(), extensions=plugged(store), **keys) as run:
        await run.until(lambda: "homeassistant" in store.load())


async def test_one_retained_message_describes_the_device(
    mosquitto: Mosquitto, store: SettingsStore, golden: Golden
) -> None:
    async with running(mosquitto.port, house(), extensions=plugged(store)):
        async with collect(mosquitto, "homeassistant/#") as seen:
            message = await off(seen.next, DEVICE)
            assert message.retain
            golden("homeassistant/device.json", json.dumps(parsed(message), indent=2, sort_keys=True) + "\n")
            assert await off(seen.rest) == []
    parts = parsed(message)["components"]
    assert isinstance(parts, dict)
    assert sorted(part["platform"] for part in parts.values()) == sorted(
        ["notify", "event", "sensor", "switch", "number", "select", "button", "button", "update"]
        + ["device_automation"] * 2
    )
    assert b"object_id" not in message.payload
    entities = [part for part in parts.values() if part["platform"] != "device_automation"]
    assert len({part["unique_id"] for part in entities}) == len(entities)
    assert all(part["default_entity_id"].startswith(part["platform"] + ".auricle_attic_") for part in entities)
    assert all(part["availability_topic"] == "auricle/attic/availability" for part in entities)


async def test_it_is_announced_again_when_home_assistant_starts(mosquitto: Mosquitto, store: SettingsStore) -> None:
    async with running(mosquitto.port, house(), extensions=plugged(store)):
        async with collect(mosquitto, DEVICE) as seen:
            first = await off(seen.next, DEVICE)
            await off(mosquitto.publish, "homeassistant/status", "offline")
            assert await off(seen.rest) == []
            await off(mosquitto.publish, "homeassistant/status", "online")
            assert (await off(seen.next, DEVICE)).payload == first.payload


async def test_it_is_announced_again_only_when_something_else_is_to_be_said(
    mosquitto: Mosquitto, store: SettingsStore
) -> None:
    assistant = house()
    async with running(mosquitto.port, assistant, extensions=plugged(store)):
        async with collect(mosquitto, DEVICE) as seen:
            await off(seen.next, DEVICE)
            change = ComponentChanged(component="piper", ok=True, detail="")
            assistant.publish(change)
            assert await off(seen.rest) == []
            assistant.description = {**assistant.description, "voices": ["amy", "joe", "kim"]}
            assistant.publish(change)
            found = parsed(await off(seen.next, DEVICE))["components"]
            assert found["voice"]["options"] == ["default", "amy", "joe", "kim"]  # type: ignore[index]


async def test_a_wake_word_that_is_no_more_is_taken_back(mosquitto: Mosquitto, store: SettingsStore) -> None:
    await announced(mosquitto, store)
    assistant = house()
    assistant.description = {**assistant.description, "wake_words": ["hey_jarvis"]}
    async with collect(mosquitto, DEVICE) as seen:
        await off(seen.next)  # what was retained before
        async with running(mosquitto.port, assistant, extensions=plugged(store)):
            found = parsed(await off(seen.next, DEVICE))["components"]
    assert found["wake_computer_2"] == {"platform": "device_automation"}  # type: ignore[index]
    assert found["wake_hey_jarvis"]["payload"] == "hey_jarvis"  # type: ignore[index]


async def test_an_older_home_assistant_gets_a_message_for_each(mosquitto: Mosquitto, store: SettingsStore) -> None:
    await announced(mosquitto, store)
    async with running(mosquitto.port, house(), discovery="legacy", extensions=plugged(store)):
        async with collect(mosquitto, "homeassistant/#") as seen:
            messages = {message.topic: parsed(message) for message in await off(seen.until, 11)}
            assert await off(seen.rest) == []
    assert DEVICE not in messages
    mute = messages["homeassistant/switch/auricle_attic/mute/config"]
    assert mute["command_topic"] == "auricle/attic/mute/set"
    assert mute["device"]["identifiers"] == ["auricle_attic"]  # type: ignore[index]
    assert messages["homeassistant/device_automation/auricle_attic/wake_hey_jarvis/config"]["subtype"] == "hey_jarvis"


@pytest.mark.parametrize("before", ["device", "legacy"])
async def test_off_takes_everything_back(mosquitto: Mosquitto, store: SettingsStore, before: str) -> None:
    await announced(mosquitto, store, discovery=before)
    async with running(mosquitto.port, house(), discovery="off", extensions=plugged(store)):
        await off(mosquitto.publish, "homeassistant/status", "online")
        async with collect(mosquitto, "homeassistant/#") as seen:
            assert [message for message in await off(seen.rest) if message.payload] == []


async def test_it_can_be_removed_with_no_daemon_running(mosquitto: Mosquitto, store: SettingsStore) -> None:
    await announced(mosquitto, store, discovery="legacy")
    settings = Mqtt(host="127.0.0.1", port=mosquitto.port)
    assert await homeassistant.remove(settings, SITE, store) is None
    async with collect(mosquitto, "homeassistant/#", "auricle/attic/availability") as seen:
        assert await off(seen.rest) == []


async def test_a_removal_without_a_broker_says_why(store: SettingsStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(homeassistant, "_REMOVAL_S", 1.0)
    trouble = await homeassistant.remove(Mqtt(host="127.0.0.1", port=free_port()), SITE, store)
    assert trouble is not None
    assert "refused the connection" in trouble
