"""What the sentences can ask for, by name."""

import pytest

from auricle.api import BadRequest, KnownSlot, Sentences, spoken
from auricle.pipeline.known import known_intent, known_intents

LAMP = Sentences(
    intents={"light": ("turn {state} <where>", "{level} percent <where>"), "note": ("note {text}",)},
    lists={"state": {"(on|bright)": True, "off": False}, "room": ("kitchen", "attic")},
    ranges={"level": (0, 100)},
    wildcards=("text",),
    expansion_rules={"where": "[the] {room:area} <again>", "again": "[<where>]"},
    required={"light": {"area": "Where?"}},
)
KNOWN = {"lamp": LAMP, "timers": spoken.with_durations(Sentences(intents={"set": ("timer <duration>",)}), "en")}


def test_every_intent_has_its_slots_with_what_fits() -> None:
    light, note, timer = known_intents(KNOWN)
    assert (light.plugin, light.name, light.templates) == ("lamp", "light", LAMP.intents["light"])
    assert light.slots == {
        "state": KnownSlot(("on", "off")),
        "level": KnownSlot(lowest=0, highest=100),
        "area": KnownSlot(("kitchen", "attic"), required=True),
    }
    assert note.slots == {"text": KnownSlot()}
    assert {"minutes", "seconds"} <= set(timer.slots)


def test_words_become_what_they_stand_for() -> None:
    intent = known_intent(KNOWN, "lamp", "light", {"state": "Bright", "level": "40", "area": "attic"})
    assert (intent.plugin, intent.name) == ("lamp", "light")
    assert intent.slots == {"state": True, "level": 40, "area": "attic"}
    assert known_intent(KNOWN, "lamp", "light", {"state": "False"}).slots == {"state": False}
    assert known_intent(KNOWN, "lamp", "note", {"text": "call Ada"}).slots == {"text": "call Ada"}


@pytest.mark.parametrize(
    ("plugin", "name", "slots", "told"),
    [
        ("lamp", "heat", {}, "there is no intent heat of a plugin lamp"),
        ("oven", "light", {}, "there is no intent light of a plugin oven"),
        ("lamp", "light", {"colour": "red"}, "light has no slot colour; it has"),
        ("lamp", "light", {"area": "garden"}, "area: there is no 'garden'; there are kitchen, attic"),
        ("lamp", "light", {"level": 101}, "level: 101 is not from 0 to 100"),
        ("lamp", "light", {"level": "much"}, "level: 'much' is no whole number"),
    ],
)
def test_what_does_not_fit_is_named(plugin: str, name: str, slots: dict[str, object], told: str) -> None:
    with pytest.raises(BadRequest) as refused:
        known_intent(KNOWN, plugin, name, slots)
    assert told in refused.value.message
