"""Controls, lists and announcements: what they answer and what they do; the contract of every such plugin."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from auricle.api import SpeechChanged
from auricle.model.speech import SpeechStatus
from auricle.testing import Harness
from auricle.testing.plugin_contract import PluginContract
from auricle_announce import Announce
from auricle_clock import Clock
from auricle_commands import Commands
from auricle_controls import Controls
from auricle_lists import Lists
from auricle_timers import Timers

House = Callable[..., Harness]


@pytest.mark.parametrize(
    "plugin", [Announce, Clock, Commands, Controls, Lists, Timers], ids=lambda plugin: plugin.__name__
)
class TestContract(PluginContract):
    pass


def test_volume_is_set_asked_and_stepped(auricle_house: House) -> None:
    house = auricle_house(Controls, near_miss=1.0)
    assert house.say("set the volume to forty percent") == "The volume is 40 percent."
    assert house.say("louder") == "The volume is 50 percent."
    assert house.say("turn the volume down") == "The volume is 40 percent."
    assert house.say("Volume 15%") == "The volume is 15 percent."
    assert house.say("set the volume to maximum") == "The volume is 100 percent."
    assert house.say("turn up the volume") == "The volume is 100 percent."
    assert house.say("how loud are you") == "The volume is 100 percent."
    assert house.house.status.volume == 100


def test_mute_closes_the_microphone(auricle_house: House) -> None:
    house = auricle_house(Controls, near_miss=1.0)
    assert house.say("mute yourself") == ""
    assert house.house.status.muted


def test_what_was_said_is_said_again(auricle_house: House) -> None:
    house = auricle_house(Controls, near_miss=1.0)
    assert house.say("repeat that") == "I have not said anything yet."
    house.tell(SpeechChanged(id="s", status=SpeechStatus.FINISHED, text="Dinner is at six."))
    house.until(lambda: house.say("what did you say") == "Dinner is at six.")


def test_stop_silences_all(auricle_house: House) -> None:
    house = auricle_house(Controls, near_miss=1.0)
    assert house.say("Be quiet!") == ""
    assert any(type(event).__name__ == "StopAsked" for event in house.house.events)


@pytest.mark.parametrize(("language", "text"), [("de", "lauter"), ("fr", "plus fort"), ("es", "más alto")])
def test_controls_in_other_languages(auricle_house: House, language: str, text: str) -> None:
    house = auricle_house(Controls, language=language, near_miss=1.0)
    house.say(text)
    assert house.house.status.volume == 90


def test_lists_are_kept_told_and_cleared_after_a_yes(auricle_house: House, tmp_path: Path) -> None:
    house = auricle_house(Lists, data_dir=tmp_path, near_miss=1.0)
    assert house.say("what's on the shopping list") == "There is nothing on the shopping list."
    assert house.say("add milk and bread to the shopping list") == "milk and bread is on the shopping list."
    assert house.say("we need eggs") == "eggs is on the shopping list."
    assert house.say("put call Ada on my to-do list") == "call Ada is on the to-do list."
    assert house.say("take bread off the shopping list") == "bread is off the shopping list."
    assert house.say("remove jam from the shopping list") == "jam is not on the shopping list."
    assert house.house.sent[-1] == ("plugin/lists/shopping", json.dumps(["milk", "eggs"]))
    with Harness(Lists, data_dir=tmp_path, near_miss=1.0) as again:
        assert again.say("what's on the shopping list") == "On the shopping list: milk and eggs."
        assert again.say("what do I have to do") == "On the to-do list: call Ada."
        assert again.say("clear the shopping list") == "Shall I really clear the list?"
        assert again.say("yes") == "There is nothing on the shopping list any more."
        assert again.say("read my shopping list") == "There is nothing on the shopping list."


def test_announcement_goes_to_one_room_or_to_all(auricle_house: House) -> None:
    house = auricle_house(Announce, config={"rooms": {"kitchen": "k1"}}, near_miss=1.0)
    assert house.say("announce that dinner is ready") == "Announced."
    topic, payload = house.house.sent[-1]
    assert topic == "auricle/all/say"
    assert json.loads(payload) == {"text": "dinner is ready", "chime": True, "priority": "high"}
    assert house.say("tell the kitchen that I am coming") == "Announced."
    assert house.house.sent[-1][0] == "auricle/k1/say"
