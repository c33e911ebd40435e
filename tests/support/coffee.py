"""A coffee machine that is ordered from by voice: its sentences, as a plugin would bring them."""

from auricle.api import Sentences

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
