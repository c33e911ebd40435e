"""The entities and triggers of a site as Home Assistant's discovery messages describe them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from auricle.settings import Mqtt, Site
from auricle.status import Status

STATES = ("idle", "listening", "transcribing", "thinking", "speaking", "muted", "degraded")
EVENTS = ("wake", "partial", "transcript", "intent", "speech", "timer")
"""`event_type` of what is sent on `T/event`."""
DEFAULT_VOICE = "default"
"""Stands for the engine's own voice, whose name on `T/voice` is empty."""


@dataclass(frozen=True, slots=True)
class Component:
    platform: str
    options: Mapping[str, object]


def entities(settings: Mqtt, site: Site, described: Mapping[str, object], status: Status) -> dict[str, Component]:
    """Id to entity or trigger; the ids stay the same over versions."""
    root = f"{settings.topic_prefix.rstrip('/')}/{site.id}"
    voices = [DEFAULT_VOICE, *_names(described.get("voices"))]
    if status.voice and status.voice not in voices:
        voices.append(status.voice)

    def entity(platform: str, id: str, name: str, **options: object) -> tuple[str, Component]:
        common = {
            "name": name,
            "unique_id": f"auricle_{site.id}_{id}",
            "default_entity_id": f"{platform}.auricle_{_slug(site.id)}_{_slug(name)}",
            "availability_topic": f"{root}/availability",
        }
        return id, Component(platform, {**common, **options})

    found = dict(
        [
            entity("notify", "say", "Say", command_topic=f"{root}/say", qos=1, icon="mdi:bullhorn"),
            entity("event", "voice_event", "Voice", state_topic=f"{root}/event", event_types=list(EVENTS), qos=1),
            entity(
                "sensor",
                "state",
                "State",
                state_topic=f"{root}/state",
                value_template="{{ value_json.state }}",
                device_class="enum",
                options=list(STATES),
                json_attributes_topic=f"{root}/transcript",
                json_attributes_template=(
                    "{{ {'transcript': value_json.text, 'language': value_json.language, "
                    "'confidence': value_json.confidence, 'wake_word': value_json.wake_word, "
                    "'turn': value_json.turn, 'heard_at': value_json.at} | tojson }}"
                ),
                icon="mdi:account-voice",
            ),
            entity(
                "switch",
                "mute",
                "Mute",
                command_topic=f"{root}/mute/set",
                state_topic=f"{root}/mute",
                qos=1,
                icon="mdi:microphone-off",
            ),
            entity(
                "number",
                "volume",
                "Volume",
                command_topic=f"{root}/volume/set",
                state_topic=f"{root}/volume",
                min=0,
                max=100,
                step=1,
                unit_of_measurement="%",
                qos=1,
                icon="mdi:volume-high",
            ),
            entity(
                "select",
                "voice",
                "Voice choice",
                command_topic=f"{root}/voice/set",
                command_template="{{ '' if value == '" + DEFAULT_VOICE + "' else value }}",
                state_topic=f"{root}/voice",
                value_template="{{ value if value else '" + DEFAULT_VOICE + "' }}",
                options=voices,
                entity_category="config",
                qos=1,
                icon="mdi:account-tie-voice",
            ),
            entity("button", "stop", "Stop", command_topic=f"{root}/stop", payload_press="{}", qos=1, icon="mdi:stop"),
            entity(
                "button",
                "listen",
                "Listen",
                command_topic=f"{root}/listen",
                payload_press="{}",
                qos=1,
                icon="mdi:microphone",
            ),
            entity(
                "update",
                "update",
                "Version",
                state_topic=f"{root}/info",
                value_template=(
                    "{{ {'installed_version': value_json.version, 'latest_version': value_json.version} | tojson }}"
                ),
                entity_category="diagnostic",
            ),
        ]
    )
    for word in _names(described.get("wake_words")):
        found[f"wake_{_slug(word)}"] = Component(
            "device_automation",
            {
                "automation_type": "trigger",
                "type": "wake_word",
                "subtype": word,
                "topic": f"{root}/wake",
                "payload": word,
                "value_template": "{{ value_json.wake_word }}",
            },
        )
    return found


def device_message(
    site: Site, described: Mapping[str, object], parts: Mapping[str, Component], gone: Mapping[str, str]
) -> dict[str, object]:
    """One message for all. gone: id to platform of what an earlier message had, which Home Assistant then removes."""
    removed = {id: {"platform": platform} for id, platform in gone.items()}
    now = {id: {"platform": part.platform, **part.options} for id, part in parts.items()}
    return {**_about(site, described), "components": {**removed, **now}}


def entity_message(site: Site, described: Mapping[str, object], part: Component) -> dict[str, object]:
    """For Home Assistant older than 2024.12, which takes one message for each."""
    return {**_about(site, described), **part.options}


def _about(site: Site, described: Mapping[str, object]) -> dict[str, object]:
    version = str(described.get("version", ""))
    return {
        "device": {
            "identifiers": [f"auricle_{site.id}"],
            "name": site.name or f"Auricle {site.id}",
            "manufacturer": "Auricle",
            "model": "Voice daemon",
            "sw_version": version,
        },
        "origin": {"name": "Auricle", "sw_version": version},
    }


def _slug(name: str) -> str:
    return re.sub("[^a-z0-9]+", "_", name.lower()).strip("_")


def _names(found: object) -> list[str]:
    if not isinstance(found, Iterable) or isinstance(found, str):
        return []
    return list(dict.fromkeys(str(name) for name in found if str(name)))
