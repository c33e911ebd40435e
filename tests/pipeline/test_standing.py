"""How words stand to the known sentences, while somebody may go on speaking."""

import pytest

from auricle.api import Intent, Reply, Sentences, Transcript, Turn
from auricle.model.intent import Standing
from auricle.pipeline.dispatch import Dispatcher

HOUSE = Sentences(
    intents={
        "light": ("turn (on|off) the light [in the {room}]", "good night"),
        "timer": ("set a timer for {minutes} minutes",),
    },
    lists={"room": ("kitchen", "living room")},
    ranges={"minutes": (1, 120)},
)
LIST = Sentences(intents={"add": ("add {item}",)}, wildcards=("item",))


class Nobody:
    async def recognize(self, transcript: Transcript, turn: Turn) -> Intent | None:
        return None

    async def handle(self, intent: Intent, turn: Turn) -> Reply | None:
        return None


@pytest.mark.parametrize(
    ("text", "standing"),
    [
        ("Good night.", Standing.WHOLE),
        ("Turn on the light in the kitchen.", Standing.WHOLE),
        ("Turn on the light.", Standing.OPEN),
        ("Set a timer for 10 minutes.", Standing.WHOLE),
        ("Set a timer for", Standing.UNFINISHED),
        ("Set a timer for ten", Standing.UNKNOWN),
        ("Set a timer for 10", Standing.UNFINISHED),
        ("Turn on the light in the", Standing.UNFINISHED),
        ("I would like to talk to", Standing.UNFINISHED),
        ("the weather was fine yesterday", Standing.UNKNOWN),
        ("Add milk", Standing.UNKNOWN),
        ("", Standing.UNKNOWN),
        ("...", Standing.UNKNOWN),
    ],
)
def test_words_stand_to_the_sentences(text: str, standing: Standing) -> None:
    dispatcher = Dispatcher(Nobody(), {"en": {"house": HOUSE, "list": LIST}}, near_miss=0.86, language="en")
    # A free slot makes the grammar endless: what looks whole may go on somewhere.
    expected = Standing.OPEN if standing is Standing.WHOLE else standing
    assert dispatcher.standing(text) is expected
    dispatcher = Dispatcher(Nobody(), {"en": {"house": HOUSE}}, near_miss=0.86, language="en")
    if text != "Add milk":
        assert dispatcher.standing(text) is standing
