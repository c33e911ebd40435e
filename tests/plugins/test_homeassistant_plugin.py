"""The plugin `homeassistant`: what it hands on, what it hears by name, and what happens while that is away."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from auricle.testing import Harness
from auricle.testing.plugin_contract import PluginContract
from auricle_clock import Clock
from auricle_homeassistant import HomeAssistant
from auricle_homeassistant.names import Names, kept
from auricle_lists import Lists
from support.homeassistant import TOKEN, ScriptedHomeAssistant, scripted_homeassistant
from support.mosquitto import free_port

House = Callable[..., Harness]


@pytest.fixture
def home() -> Iterator[ScriptedHomeAssistant]:
    with scripted_homeassistant() as home:
        yield home


@pytest.fixture
def house(home: ScriptedHomeAssistant, auricle_house: House, tmp_path: Path) -> Harness:
    """Connected, and with its names."""
    return connected(auricle_house(HomeAssistant, Clock, config=config(home, tmp_path), data_dir=tmp_path))


def config(home: ScriptedHomeAssistant, folder: Path) -> dict[str, object]:
    (folder / "token").write_text(f"{TOKEN}\n")
    return {"url": home.url, "token_file": str(folder / "token")}


def connected(house: Harness) -> Harness:
    house.until(lambda: house.match("turn on the desk lamp"))
    return house


class TestContract(PluginContract):
    @pytest.fixture
    def plugin(self) -> type:
        return HomeAssistant


def test_without_a_url_it_says_nothing(auricle_house: House) -> None:
    assert not auricle_house(HomeAssistant, near_miss=1.0).say("turn on the desk lamp").understood


def test_its_names_are_heard_even_when_misheard(house: Harness, home: ScriptedHomeAssistant) -> None:
    heard = house.say("Turn on the desc lamp!")
    assert (heard, heard.intent) == ("Turned on the desk lamp", "turn_on")
    assert home.asked[-1]["text"] == "turn on Desk lamp"
    assert home.asked[-1]["language"] == "en"
    assert house.match("switch off the lights in the cookery") is not None
    assert house.match("dim the hall big to 30 percent") is not None
    assert house.match("turn on the outside") is None
    assert house.faults == []


def test_what_no_sentence_matches_is_handed_on(house: Harness, home: ScriptedHomeAssistant) -> None:
    heard = house.say("what shall we eat")
    assert heard == "How about soup?"
    assert heard.asks is not None
    assert house.say("yes please") == "Soup it is."
    assert home.asked[-1]["conversation_id"] == "c1"


def test_what_it_does_not_understand_is_not_understood(house: Harness) -> None:
    heard = house.say("fly me to the moon")
    assert not heard.understood
    assert heard == "Sorry, I did not understand."


def test_others_answer_while_it_is_away_and_it_comes_back(house: Harness, home: ScriptedHomeAssistant) -> None:
    home.stop()
    house.until(lambda: house.say("turn on the desk lamp") == "Home Assistant is not reachable.")
    assert house.say("what day is it").handled_by == "clock"
    assert not house.say("what shall we eat").understood
    home.start()
    house.until(lambda: house.say("turn on the desk lamp") == "Turned on the desk lamp")


def test_names_are_kept_for_the_next_start(house: Harness, home: ScriptedHomeAssistant, tmp_path: Path) -> None:
    home.stop()
    keys = config(home, tmp_path)
    with Harness(HomeAssistant, config=keys, data_dir=tmp_path, near_miss=1.0) as again:
        assert again.say("turn on the desk lamp") == "Home Assistant is not reachable."
    names = tmp_path / "homeassistant" / "names.json"
    assert kept(names).areas == ("Kitchen", "Cookery")
    names.write_text("[]")
    assert kept(names) == Names()


def test_a_token_that_is_refused_is_told_and_not_shown(
    home: ScriptedHomeAssistant, auricle_house: House, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        house = auricle_house(HomeAssistant, config={"url": home.url, "token": "wrong-token"}, near_miss=1.0)
        house.until(lambda: "refuses the token" in caplog.text)
    assert "wrong-token" not in caplog.text


def test_nobody_is_there(auricle_house: House, caplog: pytest.LogCaptureFixture) -> None:
    keys = {"url": f"http://127.0.0.1:{free_port()}", "token": "t"}
    house = auricle_house(HomeAssistant, config=keys, near_miss=1.0)
    house.until(lambda: "Home Assistant is away: " in caplog.text)
    assert not house.say("what shall we eat").understood
    assert house.faults == []


def test_a_url_without_a_token_is_refused() -> None:
    with Harness(HomeAssistant, config={"url": "http://x"}, near_miss=1.0) as house:
        assert "neither token_file nor token is set" in house.status().detail


def test_lists_are_kept_there(home: ScriptedHomeAssistant, auricle_house: House, tmp_path: Path) -> None:
    home.items["todo.groceries"] = ["milk"]
    keys = {"url": home.url, "token": TOKEN, "entities": {"shopping": "todo.groceries"}}
    house = auricle_house(Lists, config=keys, data_dir=tmp_path, near_miss=1.0)
    assert house.say("add bread and eggs to the shopping list") == "bread and eggs is on the shopping list."
    assert home.items["todo.groceries"] == ["milk", "bread", "eggs"]
    assert house.say("take Bread off the shopping list") == "bread is off the shopping list."
    assert house.say("what's on the shopping list") == "On the shopping list: milk and eggs."
    house.say("clear the shopping list")
    assert house.say("yes") == "There is nothing on the shopping list any more."
    assert home.items["todo.groceries"] == []
    assert house.say("put call Ada on my to-do list") == "call Ada is on the to-do list."
    home.stop()
    assert house.say("we need jam") == "Home Assistant, which has the list, is not reachable."
    assert house.say("what do I have to do") == "On the to-do list: call Ada."
    assert house.faults == []


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"entities": {"wishes": "todo.x"}}, "entities.wishes is no list"),
        ({"entities": {"todo": "light.x"}}, "is no to-do entity"),
        ({"entities": {"todo": "todo.x"}, "url": "http://x"}, "token_file or token"),
    ],
)
def test_wrong_keys_of_lists_are_named(keys: dict[str, object], told: str) -> None:
    with Harness(Lists, config=keys, near_miss=1.0) as house:
        assert told in house.status().detail
