"""What is said to the lists, and their answers, by language."""

from collections.abc import Mapping

from auricle.api import Sentences

JOINED: Mapping[str, str] = {"en": "and", "de": "und", "fr": "et", "es": "y"}

SENTENCES: Mapping[str, Sentences] = {
    "en": Sentences(
        intents={
            "add": (
                "(add|put|write) {item} (to|on|onto) <list>",
                "(we need|I need|buy|we are out of|we're out of) {item}",
            ),
            "remove": ("(remove|delete|take|cross) {item} (from|off|out of) <list>",),
            "read": (
                "(what is|what's|whats|read|read me|tell me|show me) [on] <list>",
                "what do (I|we) (need|have) to {chore:list}",
            ),
            "clear": ("(clear|empty|delete) <list>",),
        },
        lists={
            "list": {"(shopping|grocery)": "shopping", "(to do|to-do|todo|task)": "todo"},
            "chore": {"buy": "shopping", "do": "todo"},
        },
        wildcards=("item",),
        expansion_rules={"list": "[the|my|our] {list} list"},
        required={"add": {"item": "What shall I add?"}},
        risky={"clear": "Shall I really clear the list?"},
    ),
    "de": Sentences(
        intents={
            "add": ("(setz|setze|schreib|schreibe|pack) {item} auf <list>", "wir brauchen {item}"),
            "remove": ("(streich|streiche|nimm|lösche) {item} von <list>",),
            "read": ("was steht auf <list>", "lies [mir] <list> vor"),
            "clear": ("(leere|lösche) <list>",),
        },
        lists={"list": {"einkaufsliste": "shopping", "(aufgabenliste|to-do-liste|todo liste)": "todo"}},
        wildcards=("item",),
        expansion_rules={"list": "(die|der|meine|meiner) {list}"},
        risky={"clear": "Soll ich die Liste wirklich leeren?"},
    ),
    "fr": Sentences(
        intents={
            "add": ("(ajoute|mets) {item} (à|sur) <list>", "il nous faut {item}"),
            "remove": ("(enlève|retire|supprime) {item} de <list>",),
            "read": ("(qu'y a-t-il|qu'est-ce qu'il y a) sur <list>", "lis <list>"),
            "clear": ("(vide|efface) <list>",),
        },
        lists={"list": {"(courses|liste de courses)": "shopping", "(tâches|liste de tâches)": "todo"}},
        wildcards=("item",),
        expansion_rules={"list": "(la|ma|les) {list}"},
        risky={"clear": "Dois-je vraiment vider la liste ?"},
    ),
    "es": Sentences(
        intents={
            "add": ("(añade|pon|apunta) {item} (a|en) <list>", "necesitamos {item}"),
            "remove": ("(quita|borra|tacha) {item} de <list>",),
            "read": ("qué hay en <list>", "lee <list>"),
            "clear": ("(vacía|borra) <list>",),
        },
        lists={"list": {"lista de la compra": "shopping", "lista de tareas": "todo"}},
        wildcards=("item",),
        expansion_rules={"list": "(la|mi) {list}"},
        risky={"clear": "¿Vacío de verdad la lista?"},
    ),
}

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "shopping": "the shopping list",
        "todo": "the to-do list",
        "added": "{items} is on {list}.",
        "removed": "{items} is off {list}.",
        "not_there": "{items} is not on {list}.",
        "empty": "There is nothing on {list}.",
        "read": "On {list}: {items}.",
        "cleared": "There is nothing on {list} any more.",
        "away": "Home Assistant, which has the list, is not reachable.",
    },
    "de": {
        "shopping": "der Einkaufsliste",
        "todo": "der Aufgabenliste",
        "added": "{items} steht auf {list}.",
        "removed": "{items} ist von {list} gestrichen.",
        "not_there": "{items} steht nicht auf {list}.",
        "empty": "Auf {list} steht nichts.",
        "read": "Auf {list}: {items}.",
        "cleared": "Auf {list} steht nichts mehr.",
        "away": "Home Assistant, das die Liste hat, ist nicht erreichbar.",
    },
    "fr": {
        "shopping": "la liste de courses",
        "todo": "la liste de tâches",
        "added": "{items} est sur {list}.",
        "removed": "{items} n'est plus sur {list}.",
        "not_there": "{items} n'est pas sur {list}.",
        "empty": "Il n'y a rien sur {list}.",
        "read": "Sur {list} : {items}.",
        "cleared": "Il n'y a plus rien sur {list}.",
        "away": "Home Assistant, qui tient la liste, est injoignable.",
    },
    "es": {
        "shopping": "la lista de la compra",
        "todo": "la lista de tareas",
        "added": "{items} está en {list}.",
        "removed": "{items} ya no está en {list}.",
        "not_there": "{items} no está en {list}.",
        "empty": "No hay nada en {list}.",
        "read": "En {list}: {items}.",
        "cleared": "Ya no hay nada en {list}.",
        "away": "No se puede contactar con Home Assistant, que tiene la lista.",
    },
}
