"""The plugin `homeassistant`, and lists kept there, against a real Home Assistant."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from auricle.testing import Harness
from auricle_clock import Clock
from auricle_homeassistant import HomeAssistant
from auricle_lists import Lists
from support import headless_homeassistant

ha = headless_homeassistant.ha
pytestmark = [pytest.mark.homeassistant, pytest.mark.timeout(1200)]
House = Callable[..., Harness]


def test_its_names_are_heard_and_its_reply_is_spoken(
    ha: ModuleType,
    auricle_house: House,
    tmp_path: Path,
) -> None:
    ha.expose("input_boolean.desk_lamp")
    area = ha.ws("config/area_registry/create", name="Attic")
    ha.ws("config/entity_registry/update", entity_id="input_boolean.desk_lamp", area_id=area["area_id"])
    settings = ha.settings()
    token = tmp_path / "token"
    token.write_text(settings["token"])
    keys = {"url": settings["url"], "token_file": str(token)}
    house = auricle_house(HomeAssistant, Clock, config=keys, data_dir=tmp_path)
    house.until(lambda: house.match("turn on the desk lamp"), 60)

    heard = house.say("Turn on the desc lamp.")
    assert (heard.intent, heard.slots, heard.handled_by) == ("turn_on", {"name": "Desk lamp"}, "homeassistant")
    assert "Turned on" in heard
    ha.wait_state("input_boolean.desk_lamp", "on")
    assert "Yes" in house.say("is the desk lamp on")
    assert "Turned off" in house.say("turn off the desk lamp")
    ha.wait_state("input_boolean.desk_lamp", "off")

    assert house.match("turn on the lights in the attic") is not None
    handed_on = house.say("what is the state of the desk lamp")
    assert (handed_on.intent, handed_on.handled_by) == ("conversation", "homeassistant")
    assert "off" in handed_on.text.lower()
    assert not house.say("bananas bananas bananas").understood
    assert house.say("what day is it").handled_by == "clock"
    assert house.faults == []


def test_lists_are_kept_in_its_to_do_entities(ha: ModuleType, auricle_house: House, tmp_path: Path) -> None:
    ha.config_flow("shopping_list", {})
    ha.wait_state("todo.shopping_list")
    settings = ha.settings()
    keys = {
        "url": settings["url"],
        "token": settings["token"],
        "entities": {"shopping": "todo.shopping_list"},
        "timeout_s": 20.0,
    }
    house = auricle_house(Lists, config=keys, data_dir=tmp_path, near_miss=1.0, timeout_s=30.0)
    assert house.say("add milk and bread to the shopping list") == "milk and bread is on the shopping list."
    ha.wait_state("todo.shopping_list", "2")
    assert house.say("take bread off the shopping list") == "bread is off the shopping list."
    assert house.say("what's on the shopping list") == "On the shopping list: milk."
    house.say("clear the shopping list")
    house.say("yes")
    ha.wait_state("todo.shopping_list", "0")
    assert house.faults == []
