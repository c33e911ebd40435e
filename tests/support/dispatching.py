"""Sentences of a home, an understanding that is scripted, and dispatchers with them."""

from collections.abc import Mapping

from auricle.api import Intent, Reply, Sentences, Transcript, Turn
from auricle.pipeline.dispatch import Dispatcher

HOME = Sentences(
    intents={
        "lamp": ("(turn|switch) {state} the {room} (lamp|light)", "(turn|switch) the {room} (lamp|light) {state}"),
        "dim": ("(set|dim) the {room} light to {brightness} [%|percent]",),
        "alarm": ("wake me [up] at {hour}:{minute}", "Wake me up at {hour} o'clock."),
        "heat": ("set the heating to {temperature}°C", "set the heating to {temperature} degrees"),
        "shop": ("(add|put) {item} (to|on) [the|my] shopping list",),
        "door": ("open the garage door", "is the garage door open"),
        "shut": ("close the garage door",),
        "name": ("What's the <thing>?",),
    },
    lists={"state": {"on": "ON", "off": "OFF"}, "room": ("kitchen", "living room", "garage")},
    ranges={"brightness": (0, 100), "hour": (0, 23), "minute": (0, 59), "temperature": (5, 30)},
    wildcards=("item",),
    expansion_rules={"thing": "(weather|wheather) [like]"},
)


class Scripted:
    """An understanding that answers as told, and keeps what it was asked."""

    def __init__(
        self,
        recognized: Intent | None = None,
        reply: Reply | Exception | None = Reply("Done.", handled_by="home"),  # noqa: B008 -- frozen
    ) -> None:
        self.recognized = recognized
        self.reply = reply
        self.asked: list[str] = []
        self.handled: list[Intent] = []

    async def recognize(self, transcript: Transcript, turn: Turn) -> Intent | None:
        self.asked.append(transcript.text)
        return self.recognized

    async def handle(self, intent: Intent, turn: Turn) -> Reply | None:
        self.handled.append(intent)
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply


def dispatcher(
    plugins: Mapping[str, Sentences], understanding: Scripted | None = None, *, language: str = "en", near: float = 0.86
) -> Dispatcher:
    return Dispatcher(understanding or Scripted(), {language: plugins}, near_miss=near, language=language)
