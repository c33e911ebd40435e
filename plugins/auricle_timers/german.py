"""Timers and alarms in German."""

from auricle.api import Sentences

SENTENCES = Sentences(
    intents={
        "set_timer": (
            "<set> [einen|den|noch einen] <timer>",
            "<set> [einen|den|noch einen] <timer> (auf|für|von|mit) <duration>",
            "<set> [einen|den|noch einen] <timer> (auf|für|von) <duration> (für|namens|mit dem namen) {name}",
            "<set> [einen|den|noch einen] <timer> (für|namens) {name} (auf|für|von) <duration>",
            "<set> [einen|den|noch einen] {name} <timer> [(auf|für|von) <duration>]",
            "<timer> [auf|für|von] <duration>",
            "(erinnere|weck|wecke) mich in <duration>",
        ),
        "add_time": (
            "(verlängere|verlänger) [den|meinen] [{name}] <timer> um <duration>",
            "(gib|füge) [dem|zum] [{name}] <timer> [noch] <duration> [mehr|hinzu]",
            "noch <duration> [mehr]",
        ),
        "remaining": (
            "wie (lange|viel zeit) (läuft|bleibt|hat|habe ich|ist) [noch] [<der> [{name}] <timer>] [noch] [übrig]",
            "wie lange [geht|dauert] [der] [{name}] <timer> noch",
            "(welche|was für) <timer> (laufen|gibt es|sind gestellt)",
        ),
        "cancel_timer": (
            "<cancel> [den|meinen] <timer> [ab|aus]",
            "<cancel> [den|meinen] {name} <timer> [ab|aus]",
        ),
        "cancel_timers": ("<cancel> (alle|sämtliche) [meine] <timer> [ab|aus]",),
        "set_alarm": (
            "<set> [einen|den|meinen] <alarm> [(für|auf|um) <when>]",
            "(weck|wecke) mich <when> [auf]",
            "<alarm> [für|auf|um] <when>",
        ),
        "alarms": ("(welche <alarm> (sind gestellt|gibt es|habe ich)|wann klingelt [der|mein] <alarm>)",),
        "cancel_alarm": (
            "<cancel> [den|meinen] <alarm> [ab|aus]",
            "<cancel> [den|meinen] <alarm> (um|für) <clock_time> [ab|aus]",
        ),
        "cancel_alarms": ("<cancel> (alle|sämtliche) [meine] <alarm> [ab|aus]",),
    },
    lists={
        "day_offset": {"heute": 0, "heute abend": 0, "morgen": 1, "morgen früh": 1, "übermorgen": 2},
        "weekday": {
            "montag": 0,
            "dienstag": 1,
            "mittwoch": 2,
            "donnerstag": 3,
            "freitag": 4,
            "samstag": 5,
            "sonntag": 6,
        },
        "days": {
            "(jeden tag|täglich|jeden morgen)": 127,
            "(werktags|an werktagen|jeden werktag)": 31,
            "(am wochenende|an wochenenden)": 96,
            "(jeden montag|montags)": 1,
            "(jeden dienstag|dienstags)": 2,
            "(jeden mittwoch|mittwochs)": 4,
            "(jeden donnerstag|donnerstags)": 8,
            "(jeden freitag|freitags)": 16,
            "(jeden samstag|samstags)": 32,
            "(jeden sonntag|sonntags)": 64,
        },
    },
    wildcards=("name",),
    expansion_rules={
        "der": "(der|dem|den)",
        "set": "(stell|stelle|starte|setz|setze|mach|mache|erstelle)",
        "timer": "(timer|kurzzeitwecker|countdown)",
        "alarm": "(wecker|alarm|alarme)",
        "cancel": "(brich|stopp|stoppe|beende|lösche|stell|stelle|schalte|schalt)",
        "when": (
            "([um] <clock_time>|[für] {day_offset} [um] <clock_time>|[um] <clock_time> {day_offset}"
            "|[am] {weekday} [um] <clock_time>|{days} [um] <clock_time>)"
        ),
    },
)

WORDS = {
    "how_long": "Für wie lange?",
    "what_time": "Für welche Uhrzeit?",
    "set": "{name}, ab jetzt.",
    "set_named": "Timer {name} auf {length}, ab jetzt.",
    "plain": "Timer auf {length}",
    "corrected": "Gut, {length}.",
    "added": "{length} dazu. Noch {left}.",
    "left": "Noch {left} für {name}.",
    "one": "den Timer {name}",
    "unnamed": "den Timer auf {length}",
    "none": "Es läuft kein Timer.",
    "none_named": "Es gibt keinen Timer {name}.",
    "cancelled": "{name}: abgebrochen.",
    "cancelled_all": "{count} Timer abgebrochen.",
    "done": "Fertig: {name}.",
    "done_many": "Fertig: {name}.",
    "alarm_done": "Es ist {time}. {name}",
    "alarm_name": "Wecker.",
    "late": "Das ist {late} zu spät.",
    "alarm_set": "Wecker gestellt auf {time}{day}.",
    "alarm": "den Wecker um {time}{day}",
    "alarms": "Gestellt: {names}.",
    "no_alarm": "Es ist kein Wecker gestellt.",
    "alarm_cancelled": "{name}: abgestellt.",
    "alarms_cancelled": "{count} Wecker abgestellt.",
    "stopped": "Gut.",
    "full": "Es gibt schon {count} Timer; brich erst welche ab.",
    "no_daemon": "Timer brauchen den laufenden Dienst.",
    "which": "Welchen: {names}?",
    "today": "",
    "tomorrow": " morgen",
    "on_day": " am {day}",
    "every": " {days}",
    "daily": "jeden Tag",
    "weekdays": "werktags",
    "weekend": "am Wochenende",
}
DAYS = ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag")
EVERY = "jeden {day}"
