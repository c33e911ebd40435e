"""Timers and alarms in French."""

from auricle.api import Sentences

SENTENCES = Sentences(
    intents={
        "set_timer": (
            "<set> [un|le] minuteur",
            "<set> [un|le] minuteur (de|pour|à) <duration>",
            "<set> [un|le] minuteur (de|pour) <duration> (pour|nommé|appelé) {name}",
            "minuteur [de] <duration>",
            "(rappelle-moi|réveille-moi) dans <duration>",
        ),
        "add_time": ("ajoute <duration> [au minuteur [{name}]]", "<duration> de plus"),
        "remaining": ("(combien de temps|combien) (reste-t-il|il reste) [sur le minuteur [{name}]]",),
        "cancel_timer": ("<cancel> le minuteur [{name}]",),
        "cancel_timers": ("<cancel> tous les minuteurs",),
        "set_alarm": (
            "<set> (un réveil|une alarme|le réveil) [(à|pour) <when>]",
            "réveille-moi <when>",
        ),
        "alarms": ("(quels réveils|quelles alarmes) sont (réglés|réglées)", "à quelle heure est [le|mon] réveil"),
        "cancel_alarm": ("<cancel> (le réveil|l'alarme) [(de|à) <clock_time>]",),
        "cancel_alarms": ("<cancel> (tous les réveils|toutes les alarmes)",),
    },
    lists={
        "day_offset": {"aujourd'hui": 0, "ce soir": 0, "demain": 1, "après-demain": 2},
        "weekday": {
            "lundi": 0,
            "mardi": 1,
            "mercredi": 2,
            "jeudi": 3,
            "vendredi": 4,
            "samedi": 5,
            "dimanche": 6,
        },
        "days": {
            "(tous les jours|chaque jour|tous les matins)": 127,
            "en semaine": 31,
            "le week-end": 96,
            "(tous les lundis|chaque lundi)": 1,
            "(tous les mardis|chaque mardi)": 2,
            "(tous les mercredis|chaque mercredi)": 4,
            "(tous les jeudis|chaque jeudi)": 8,
            "(tous les vendredis|chaque vendredi)": 16,
            "(tous les samedis|chaque samedi)": 32,
            "(tous les dimanches|chaque dimanche)": 64,
        },
    },
    wildcards=("name",),
    expansion_rules={
        "set": "(mets|lance|démarre|règle|crée|mettre)",
        "cancel": "(annule|arrête|supprime|coupe)",
        "when": (
            "([à] <clock_time>|{day_offset} [à] <clock_time>|[à] <clock_time> {day_offset}"
            "|{weekday} [à] <clock_time>|{days} [à] <clock_time>)"
        ),
    },
)

WORDS = {
    "how_long": "Pour combien de temps ?",
    "what_time": "Pour quelle heure ?",
    "set": "{name}, c'est parti.",
    "set_named": "Minuteur {name} de {length}, c'est parti.",
    "plain": "Minuteur de {length}",
    "corrected": "D'accord, {length}.",
    "added": "{length} de plus. Il reste {left}.",
    "left": "Il reste {left} pour {name}.",
    "one": "le minuteur {name}",
    "unnamed": "le minuteur de {length}",
    "none": "Aucun minuteur n'est en marche.",
    "none_named": "Il n'y a pas de minuteur {name}.",
    "cancelled": "{name} : annulé.",
    "cancelled_all": "{count} minuteurs annulés.",
    "done": "Terminé : {name}.",
    "done_many": "Terminés : {name}.",
    "alarm_done": "Il est {time}. {name}",
    "alarm_name": "Réveil.",
    "late": "C'est avec {late} de retard.",
    "alarm_set": "Réveil réglé pour {time}{day}.",
    "alarm": "le réveil de {time}{day}",
    "alarms": "Réglés : {names}.",
    "no_alarm": "Aucun réveil n'est réglé.",
    "alarm_cancelled": "{name} : annulé.",
    "alarms_cancelled": "{count} réveils annulés.",
    "stopped": "D'accord.",
    "full": "Il y a déjà {count} minuteurs ; annulez-en d'abord.",
    "no_daemon": "Les minuteurs ont besoin du service.",
    "which": "Lequel : {names} ?",
    "today": "",
    "tomorrow": " demain",
    "on_day": " {day}",
    "every": " {days}",
    "daily": "tous les jours",
    "weekdays": "en semaine",
    "weekend": "le week-end",
}
DAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
EVERY = "chaque {day}"
