"""What is said to the controls, and their answers, by language."""

from collections.abc import Mapping

from auricle.api import Sentences

SENTENCES: Mapping[str, Sentences] = {
    "en": Sentences(
        intents={
            "volume": (
                "(set|turn|change|put) [the|your] volume [up|down] to {volume} [percent]",
                "[the] volume [to] {volume} [percent]",
                "(set|turn|put) [the|your] volume to {named}",
                "{named} volume",
            ),
            "louder": (
                "(turn|crank) [the|your] volume up",
                "(turn up|raise|increase) [the|your] volume",
                "[speak|talk|a bit|a little] louder",
                "volume up",
                "(speak|talk) up",
            ),
            "quieter": (
                "turn [the|your] volume down",
                "(turn down|lower|decrease|reduce) [the|your] volume",
                "[speak|talk|a bit|a little] (quieter|softer|more quietly)",
                "volume down",
            ),
            "which_volume": (
                "(what is|what's|whats|how loud is|tell me) [the|your] [current] volume",
                "how loud are you",
            ),
            "mute": ("mute [yourself|the microphone]", "stop listening", "turn off (the|your) microphone"),
            "stop": ("(stop|be quiet|quiet|silence|shut up|enough|that's enough|hush)",),
            "repeat": (
                "(repeat|say) (that|it) [again]",
                "what did you say",
                "say again",
                "[can you|could you] repeat [that|it]",
            ),
        },
        lists={"named": {"(maximum|max|full)": 100, "(half|medium)": 50, "(minimum|low)": 20}},
        ranges={"volume": (0, 100)},
    ),
    "de": Sentences(
        intents={
            "volume": ("(stell|stelle|setz|setze) die lautstärke auf {volume} [prozent]", "lautstärke {volume}"),
            "louder": ("[sprich|mach] [etwas] lauter", "(erhöhe|erhöh) die lautstärke"),
            "quieter": ("[sprich|mach] [etwas] leiser", "(verringere|senke) die lautstärke"),
            "which_volume": ("wie laut bist du", "wie ist die lautstärke"),
            "mute": ("(schalte|schalt) das mikrofon (aus|stumm)", "hör nicht mehr zu"),
            "stop": ("(stopp|stop|ruhe|sei still|genug|still)",),
            "repeat": ("(wiederhole das|sag das noch einmal|was hast du gesagt|noch einmal bitte|wie bitte)",),
        },
        ranges={"volume": (0, 100)},
    ),
    "fr": Sentences(
        intents={
            "volume": ("(mets|règle) le volume (à|sur) {volume} [pour cent]", "volume {volume}"),
            "louder": ("[parle] plus fort", "(monte|augmente) le volume"),
            "quieter": ("[parle] moins fort", "(baisse|diminue) le volume"),
            "which_volume": ("quel est le volume",),
            "mute": ("(coupe|désactive) le micro", "arrête d'écouter"),
            "stop": ("(stop|arrête|silence|tais-toi|ça suffit)",),
            "repeat": ("(répète|qu'as-tu dit|redis-le|répète ça)",),
        },
        ranges={"volume": (0, 100)},
    ),
    "es": Sentences(
        intents={
            "volume": ("(pon|sube|baja) el volumen (a|al) {volume} [por ciento]", "volumen {volume}"),
            "louder": ("[habla] más alto", "(sube|aumenta) el volumen"),
            "quieter": ("[habla] más bajo", "(baja|reduce) el volumen"),
            "which_volume": ("cuál es el volumen",),
            "mute": ("(apaga|silencia) el micrófono", "deja de escuchar"),
            "stop": ("(para|basta|silencio|cállate)",),
            "repeat": ("(repite|repítelo|qué has dicho|otra vez)",),
        },
        ranges={"volume": (0, 100)},
    ),
}

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "volume": "The volume is {volume} percent.",
        "muted": "I no longer listen.",
        "nothing_said": "I have not said anything yet.",
        "no_daemon": "That needs the running daemon.",
    },
    "de": {
        "volume": "Die Lautstärke ist {volume} Prozent.",
        "muted": "Ich höre nicht mehr zu.",
        "nothing_said": "Ich habe noch nichts gesagt.",
        "no_daemon": "Dazu muss der Dienst laufen.",
    },
    "fr": {
        "volume": "Le volume est à {volume} pour cent.",
        "muted": "Je n'écoute plus.",
        "nothing_said": "Je n'ai encore rien dit.",
        "no_daemon": "Il faut que le service tourne.",
    },
    "es": {
        "volume": "El volumen está al {volume} por ciento.",
        "muted": "Ya no escucho.",
        "nothing_said": "Todavía no he dicho nada.",
        "no_daemon": "Para eso tiene que funcionar el servicio.",
    },
}
