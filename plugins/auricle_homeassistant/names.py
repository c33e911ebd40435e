"""What Home Assistant has: its areas and entities by the names that people say; kept on disk for the next start."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from auricle_homeassistant.link import Away, Link

MOST_NAMES = 500
_SWITCHED = ("light", "switch", "fan", "input_boolean", "media_player", "humidifier", "siren", "automation", "group")
_MARKS = re.compile(r"[\[\](){}<>|:;\\]")


class Names(msgspec.Struct, frozen=True):
    """Each in the spelling of Home Assistant."""

    areas: tuple[str, ...] = ()
    switched: tuple[str, ...] = ()
    """What can be turned on and off."""
    lights: tuple[str, ...] = ()
    covers: tuple[str, ...] = ()


async def fetched(link: Link) -> Names:
    """Of what its voice assistant may see, as its registries have it. Raises Away."""
    areas = await link.command("config/area_registry/list")
    registry = await link.command("config/entity_registry/list")
    states = await link.command("get_states")
    exposed = await _exposed(link)
    hidden = {entry["entity_id"] for entry in registry if entry.get("hidden_by") or entry.get("disabled_by")}
    called = {entry["entity_id"]: entry.get("name") or entry.get("original_name") for entry in registry}
    for state in states:
        friendly = (state.get("attributes") or {}).get("friendly_name")
        called[state["entity_id"]] = friendly or called.get(state["entity_id"])

    def of(*domains: str) -> tuple[str, ...]:
        return _plain(
            name
            for id, name in sorted(called.items())
            if name and id.partition(".")[0] in domains and id not in hidden and (exposed is None or id in exposed)
        )

    return Names(
        areas=_plain(name for area in areas for name in (area["name"], *(area.get("aliases") or ()))),
        switched=of(*_SWITCHED),
        lights=of("light"),
        covers=of("cover"),
    )


def kept(path: Path) -> Names:
    """What was known when it was written; nothing where there is no such file, or another's."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Names)
    except (OSError, msgspec.DecodeError):
        return Names()


def keep(path: Path, names: Names) -> None:
    """Raises OSError."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(msgspec.json.encode(names))
    fresh.replace(path)


async def _exposed(link: Link) -> set[str] | None:
    """What the voice assistant may see; none where this Home Assistant does not tell."""
    try:
        answer: Mapping[str, Any] = await link.command("homeassistant/expose_entity/list")
    except Away:
        return None
    entities: Mapping[str, Mapping[str, bool]] = answer.get("exposed_entities") or {}
    return {id for id, by in entities.items() if by.get("conversation")}


def _plain(names: Iterable[str]) -> tuple[str, ...]:
    """Without marks that templates know, once each."""
    found = dict.fromkeys(" ".join(_MARKS.sub(" ", name).split()) for name in names)
    return tuple(name for name in found if any(character.isalnum() for character in name))[:MOST_NAMES]
