"""What is said to Home Assistant with its own names, and how each command reads in its own words."""

from collections.abc import Mapping

from auricle.api import Sentences
from auricle_homeassistant.names import Names

TEMPLATES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "en": {
        "turn_on": ("(turn|switch) on [the] {name}", "(turn|switch) [the] {name} on"),
        "turn_off": ("(turn|switch) off [the] {name}", "(turn|switch) [the] {name} off"),
        "lights_on": (
            "(turn|switch) on [all] [the] light[s] in [the] {area}",
            "(turn|switch) on [all] [the] {area} light[s]",
            "(turn|switch) [all] [the] light[s] on in [the] {area}",
            "(turn|switch) [all] [the] {area} light[s] on",
        ),
        "lights_off": (
            "(turn|switch) off [all] [the] light[s] in [the] {area}",
            "(turn|switch) off [all] [the] {area} light[s]",
            "(turn|switch) [all] [the] light[s] off in [the] {area}",
            "(turn|switch) [all] [the] {area} light[s] off",
        ),
        "brightness": ("(set|dim|change) [the] {light} [brightness] to {brightness} percent",),
        "open": ("(open|raise) [the] {cover}",),
        "close": ("(close|lower|shut) [the] {cover}",),
        "is_on": ("is [the] {name} [turned|switched] on",),
    },
    "de": {
        "turn_on": ("(schalte|schalt|mach|mache) [(den|die|das)] {name} (ein|an)",),
        "turn_off": ("(schalte|schalt|mach|mache) [(den|die|das)] {name} aus",),
        "lights_on": ("(schalte|schalt|mach|mache) (das licht|die lichter) (im|in der|in dem) {area} (ein|an)",),
        "lights_off": ("(schalte|schalt|mach|mache) (das licht|die lichter) (im|in der|in dem) {area} aus",),
        "open": ("(öffne|mach) [(den|die|das)] {cover} [auf]",),
        "close": ("(schließe|schließ|mach) [(den|die|das)] {cover} [zu]",),
    },
    "fr": {
        "turn_on": ("allume [(le|la|les)] {name}",),
        "turn_off": ("éteins [(le|la|les)] {name}",),
        "open": ("ouvre [(le|la|les)] {cover}",),
        "close": ("ferme [(le|la|les)] {cover}",),
    },
    "es": {
        "turn_on": ("enciende [(el|la|los|las)] {name}",),
        "turn_off": ("apaga [(el|la|los|las)] {name}",),
        "open": ("abre [(el|la|los|las)] {cover}",),
        "close": ("cierra [(el|la|los|las)] {cover}",),
    },
}
IN_ITS_WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "turn_on": "turn on {name}",
        "turn_off": "turn off {name}",
        "lights_on": "turn on the lights in the {area}",
        "lights_off": "turn off the lights in the {area}",
        "brightness": "set {light} brightness to {brightness}%",
        "open": "open {cover}",
        "close": "close {cover}",
        "is_on": "is {name} on?",
    },
    "de": {
        "turn_on": "schalte {name} ein",
        "turn_off": "schalte {name} aus",
        "lights_on": "schalte die Lichter im {area} ein",
        "lights_off": "schalte die Lichter im {area} aus",
        "open": "öffne {cover}",
        "close": "schließe {cover}",
    },
    "fr": {
        "turn_on": "allume {name}",
        "turn_off": "éteins {name}",
        "open": "ouvre {cover}",
        "close": "ferme {cover}",
    },
    "es": {
        "turn_on": "enciende {name}",
        "turn_off": "apaga {name}",
        "open": "abre {cover}",
        "close": "cierra {cover}",
    },
}
WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {"away": "Home Assistant is not reachable."},
    "de": {"away": "Home Assistant ist nicht erreichbar."},
    "fr": {"away": "Home Assistant est injoignable."},
    "es": {"away": "No se puede contactar con Home Assistant."},
}


def sentences(names: Names) -> Mapping[str, Sentences]:
    """Those whose names there are."""
    lists = {"area": names.areas, "name": names.switched, "light": names.lights, "cover": names.covers}
    there = {slot: words for slot, words in lists.items() if words}
    missing = lists.keys() - there.keys()
    found = {}
    for language, templates in TEMPLATES.items():
        intents = {
            intent: texts
            for intent, texts in templates.items()
            if not any(f"{{{slot}}}" in texts[0] for slot in missing)
        }
        if intents:
            found[language] = Sentences(intents=intents, lists=there, ranges={"brightness": (0, 100)})
    return found
