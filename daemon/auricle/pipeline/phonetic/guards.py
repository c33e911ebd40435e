"""What may not be taken for something else, however alike it sounds: negations, opposites, rooms, numbers."""

from collections.abc import Mapping, Sequence

POLAR: Mapping[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "en": "on off up down open close shut lock unlock increase decrease raise lower start stop enable disable "
        "activate deactivate arm disarm left right front back warmer colder louder quieter brighter darker more less",
        "de": "an aus auf zu ein hoch runter öffne öffnen schließe schließen start starte stop stopp lauter leiser "
        "heller dunkler wärmer kälter mehr weniger links rechts vorne hinten",
        "fr": "allume allumer éteins éteindre ouvre ouvrir ferme fermer monte monter baisse baisser plus moins gauche "
        "droite augmente diminue",
        "es": "enciende encender apaga apagar abre abrir cierra cerrar sube subir baja bajar más menos izquierda "
        "derecha",
    }.items()
}
"""Words whose opposite sounds alike or may be said in their place: a sentence with one must have been heard with it."""

NEGATIONS: Mapping[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "en": "not don't dont never doesn't didn't won't cannot can't isn't",
        "de": "nicht nie niemals kein keine keinen",
        "fr": "pas jamais",
        "es": "no nunca jamás",
    }.items()
}
"""Heard and not in the sentence, they turn it round."""

KINDS: Mapping[str, tuple[frozenset[str], ...]] = {
    language: tuple(frozenset(words.split()) for words in kinds)
    for language, kinds in {
        "en": (
            "kitchen bedroom bathroom living dining hall hallway office garage cellar basement attic garden nursery "
            "study",
            "monday tuesday wednesday thursday friday saturday sunday",
            "red green blue yellow orange purple pink white black",
        ),
        "de": (
            "küche schlafzimmer badezimmer bad wohnzimmer esszimmer flur büro garage keller garten kinderzimmer",
            "montag dienstag mittwoch donnerstag freitag samstag sonntag",
        ),
        "fr": (
            "cuisine chambre bain salon salle bureau garage cave jardin couloir",
            "lundi mardi mercredi jeudi vendredi samedi dimanche",
        ),
        "es": (
            "cocina dormitorio baño salón comedor oficina garaje sótano jardín pasillo",
            "lunes martes miércoles jueves viernes sábado domingo",
        ),
    }.items()
}
"""Words of one kind: who was heard to say one meant no other."""


def objection(
    heard: Sequence[str],
    heard_phones: Sequence[tuple[str, ...]],
    said: Sequence[str],
    said_phones: Sequence[tuple[str, ...]],
    numbers: frozenset[str],
    family: str,
) -> str | None:
    """Why `said`, a sentence's words, may not be taken for the words heard; None where nothing is against it.

    numbers: those of `said` that fill a range. family: the language, `de` of `de-AT`.
    """
    sounds = set(heard_phones)
    for word in heard:
        if word in NEGATIONS.get(family, ()) and word not in said:
            return f'"{word}" was heard, and the sentence has no such word'
    for word, sound in zip(said, said_phones, strict=True):
        if word in POLAR.get(family, ()) and sound not in sounds:
            return f'"{word}" was not heard'
    for kind in KINDS.get(family, ()):
        other = [word for word in heard if word in kind and word not in said]
        if other and any(word in kind and word not in heard for word in said):
            return f'"{other[0]}" was heard'
    flat = _flat(heard_phones)
    for word, sound in zip(said, said_phones, strict=True):
        if word in numbers and _flat([sound]) not in flat:
            return f"the number {word} was not heard"
    if numbers:
        spoken = _flat(said_phones)
        for word, sound in zip(heard, heard_phones, strict=True):
            if word.isdigit() and _flat([sound]) not in spoken:
                return f"the number {word} was heard"
    return None


def _flat(sounds: Sequence[tuple[str, ...]]) -> str:
    return "".join(f"/{phone}/" for sound in sounds for phone in sound)
