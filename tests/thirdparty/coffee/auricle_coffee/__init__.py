"""A coffee machine that is ordered from by voice: what may be said to it, and what it says.

The task is Picovoice's speech-to-intent benchmark; the templates know its sentences and no mistake of any recogniser.
"""

from collections.abc import Iterable, Iterator, Mapping

from auricle.api import Intent, PluginConfig, PluginContext, Reply, Sentences, hookimpl

__all__ = ["COFFEE", "Coffee"]

_AMOUNTS = ("", "a little bit of ", "a bit of ", "some ", "a lot of ", "lots of ")
_MILKS = ("milk", "skim milk", "whole milk", "soy milk", "almond milk", "cream")
_SUGARS = ("sugar", "brown sugar", "sweetener")

COFFEE = Sentences(
    intents={"orderDrink": ("<ask> (a|an) ([{size}];[{roast}];[{numberOfShots}]) {coffeeDrink} [with <extras>]",)},
    lists={
        "size": ("small", "medium", "large", "eight ounce", "twelve ounce", "sixteen ounce", "twenty ounce"),
        "roast": ("light roast", "medium roast", "dark roast"),
        "numberOfShots": ("single shot", "double shot", "triple shot"),
        "coffeeDrink": (
            "americano",
            "cappuccino",
            "espresso",
            "iced mocha",
            "latte",
            "mocha",
            "coffee",
            "drip coffee",
            "house coffee",
            "iced coffee",
        ),
        "milkAmount": tuple(amount + milk for milk in _MILKS for amount in _AMOUNTS),
        "sugarAmount": tuple(amount + sugar for sugar in _SUGARS for amount in _AMOUNTS),
    },
    expansion_rules={
        "ask": "(brew|can I get|can I have|I want|get me|give me|I'd like|make me|may I have)",
        "extras": "({milkAmount} [and {sugarAmount}]|{sugarAmount} [and {milkAmount}])",
    },
)


class Coffee:
    """The plugin. It makes nothing; it says what it would make."""

    class Config(PluginConfig, frozen=True, kw_only=True):
        """No keys."""

    def __init__(self, context: PluginContext, config: Config) -> None:
        self.context = context
        self.config = config

    @hookimpl
    def auricle_sentences(self) -> Mapping[str, Sentences]:
        return {"en": COFFEE}

    @hookimpl
    def auricle_handle(self, intent: Intent) -> Reply | None:
        if intent.name != "orderDrink":
            return None
        drink = (intent.slots.get(slot) for slot in ("size", "numberOfShots", "roast", "coffeeDrink"))
        extras = (intent.slots.get(slot) for slot in ("milkAmount", "sugarAmount"))
        order, with_it = " ".join(_said(drink)), " and ".join(_said(extras))
        return Reply(f"One {order}{' with ' if with_it else ''}{with_it}.")


def _said(values: Iterable[object]) -> Iterator[str]:
    return (str(value) for value in values if value is not None)
