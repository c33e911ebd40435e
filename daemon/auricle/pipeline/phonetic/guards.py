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

COMMON: Mapping[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "en": "a an the this that some any i i'd i'm i'll me my we us our you your it its is are was be am do does did "
        "can could may might will would shall should let get got give have has had want need like make take bring "
        "please to of in on at for from with by and or if so as what",
        "de": "der die das den dem des ein eine einen einem einer ich mich mir mein meine wir uns unser du dich dir "
        "dein es ist sind war sei bin mach mache machen gib gebt hol haben habe hätte hast kann kannst könnte könntest "
        "will möchte würde soll brauche bitte zu im in am an auf aus bei für von mit und oder wenn als was",
        "fr": "le la les l un une du de des d je j me m moi mon ma mes nous notre tu te t toi il ce c est sont suis "
        "peux peut pourrais puis voudrais veux donne fais fait ai as a avoir être s'il plaît à au aux en dans sur pour "
        "par avec et ou si que qu",
        "es": "el la los las un una unos unas yo me mi mis nos tu te ti es son soy ser está puedo puedes puede podría "
        "quiero quisiera dame da haz hace tengo tiene por favor a al de del en con para por y o si que",
    }.items()
}
"""Words that most sentences have, whatever they are about: to have heard these tells little of which it was."""

LEAST_TELLING = 2
"""Phonemes of other words that there must be."""


def telling_distance(
    said: Sequence[str], said_phones: Sequence[tuple[str, ...]], costs: Sequence[float], family: str
) -> float | None:
    """Cost per phoneme of the words that tell which sentence it is; None where none is told from the others."""
    common = COMMON.get(family, frozenset())
    telling = [
        (cost, len(sound)) for word, sound, cost in zip(said, said_phones, costs, strict=True) if word not in common
    ]
    count = sum(length for _, length in telling)
    return sum(cost for cost, _ in telling) / count if common and count >= LEAST_TELLING else None


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
