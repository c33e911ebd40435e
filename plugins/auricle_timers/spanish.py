"""Timers and alarms in Spanish."""

from auricle.api import Sentences

SENTENCES = Sentences(
    intents={
        "set_timer": (
            "<set> [un|el] temporizador",
            "<set> [un|el] temporizador (de|para|por) <duration>",
            "<set> [un|el] temporizador de <duration> (para|llamado) {name}",
            "temporizador [de] <duration>",
            "(avísame|despiértame|recuérdame) en <duration>",
        ),
        "add_time": ("añade <duration> [al temporizador [{name}]]", "<duration> más"),
        "remaining": ("cuánto [tiempo] (queda|falta) [en el temporizador [{name}]]",),
        "cancel_timer": ("<cancel> el temporizador [{name}]",),
        "cancel_timers": ("<cancel> todos los temporizadores",),
        "set_alarm": ("<set> (una alarma|el despertador) [(a|para) <when>]", "despiértame <when>"),
        "alarms": ("qué alarmas (hay|están puestas|tengo)", "a qué hora es la alarma"),
        "cancel_alarm": ("<cancel> (la alarma|el despertador) [de <clock_time>]",),
        "cancel_alarms": ("<cancel> todas las alarmas",),
    },
    lists={
        "day_offset": {"hoy": 0, "esta noche": 0, "mañana": 1, "pasado mañana": 2},
        "weekday": {
            "el lunes": 0,
            "el martes": 1,
            "el miércoles": 2,
            "el jueves": 3,
            "el viernes": 4,
            "el sábado": 5,
            "el domingo": 6,
        },
        "days": {
            "(todos los días|cada día|todas las mañanas)": 127,
            "entre semana": 31,
            "los fines de semana": 96,
            "(todos los lunes|cada lunes)": 1,
            "(todos los martes|cada martes)": 2,
            "(todos los miércoles|cada miércoles)": 4,
            "(todos los jueves|cada jueves)": 8,
            "(todos los viernes|cada viernes)": 16,
            "(todos los sábados|cada sábado)": 32,
            "(todos los domingos|cada domingo)": 64,
        },
    },
    wildcards=("name",),
    expansion_rules={
        "set": "(pon|ponme|inicia|crea|programa)",
        "cancel": "(cancela|para|borra|quita|apaga)",
        "when": (
            "([a] <clock_time>|{day_offset} [a] <clock_time>|[a] <clock_time> {day_offset}"
            "|{weekday} [a] <clock_time>|{days} [a] <clock_time>)"
        ),
    },
)

WORDS = {
    "how_long": "¿De cuánto tiempo?",
    "what_time": "¿Para qué hora?",
    "set": "{name}, empieza ya.",
    "set_named": "Temporizador {name} de {length}, empieza ya.",
    "plain": "Temporizador de {length}",
    "corrected": "De acuerdo, {length}.",
    "added": "{length} más. Quedan {left}.",
    "left": "Quedan {left} para {name}.",
    "one": "el temporizador {name}",
    "unnamed": "el temporizador de {length}",
    "none": "No hay ningún temporizador en marcha.",
    "none_named": "No hay ningún temporizador {name}.",
    "cancelled": "{name}: cancelado.",
    "cancelled_all": "{count} temporizadores cancelados.",
    "done": "Terminado: {name}.",
    "done_many": "Terminados: {name}.",
    "alarm_done": "Son {time}. {name}",
    "alarm_name": "Alarma.",
    "late": "Con {late} de retraso.",
    "alarm_set": "Alarma puesta para {time}{day}.",
    "alarm": "la alarma de {time}{day}",
    "alarms": "Puestas: {names}.",
    "no_alarm": "No hay ninguna alarma puesta.",
    "alarm_cancelled": "{name}: cancelada.",
    "alarms_cancelled": "{count} alarmas canceladas.",
    "stopped": "De acuerdo.",
    "full": "Ya hay {count} temporizadores; cancela alguno primero.",
    "no_daemon": "Los temporizadores necesitan el servicio.",
    "which": "¿Cuál: {names}?",
    "today": "",
    "tomorrow": " mañana",
    "on_day": " {day}",
    "every": " {days}",
    "daily": "todos los días",
    "weekdays": "entre semana",
    "weekend": "los fines de semana",
}
DAYS = ("el lunes", "el martes", "el miércoles", "el jueves", "el viernes", "el sábado", "el domingo")
EVERY = "cada {day}"
