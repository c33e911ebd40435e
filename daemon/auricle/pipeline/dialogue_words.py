"""The words of a dialogue, by language: yes and no, never mind, corrections, and how an answer may begin and end."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DialogueWords:
    yes: tuple[str, ...]
    no: tuple[str, ...]
    never_mind: tuple[str, ...]
    """Whole sentences that end a dialogue."""
    ended: str
    """Said when it was ended."""
    again: str
    """Said before a question that is asked once more."""
    meant: str
    """Asked where it is not sure that `{sentence}` was said."""
    correction: str
    """Template of how a correction begins."""
    context: str
    """Template of how a command begins that goes on from the last one."""
    before: str
    """Template of what may stand before an answer."""
    after: str


WORDS: Mapping[str, DialogueWords] = {
    "en": DialogueWords(
        yes=tuple(
            "yes|yeah|yep|yup|sure|okay|ok|please do|do it|go ahead|of course|right|correct|absolutely|yes please"
            "|yes do it|that's right|confirm|definitely|i do|please".split("|")
        ),
        no=tuple("no|nope|nah|don't|do not|not now|no thanks|no thank you|better not|rather not|wrong".split("|")),
        never_mind=tuple(
            "never mind|nevermind|cancel|cancel that|forget it|forget about it|stop|stop it|leave it|nothing|abort"
            "|that's all|no never mind|it's nothing|don't bother".split("|")
        ),
        ended="Okay, never mind.",
        again="Sorry?",
        meant="Did you mean: {sentence}?",
        correction="(no|no no|nope|actually|sorry|no sorry|wait|no wait) [[i] (mean|meant|said)|make (it|that)]"
        "|[i] (mean|meant|said)|make (it|that)|not that",
        context="(and|what about|how about|and what about|and how about|also|then|and then)",
        before="(for|in|on|at|to|make it|i said|i want|i'd like|let's say|say|about|um|well|it's|with|take)",
        after="(please|one|thanks|then|would be (good|nice|great))",
    ),
    "de": DialogueWords(
        yes=tuple("ja|jawohl|jo|klar|okay|ok|gerne|mach das|bitte|ja bitte|richtig|genau|natürlich|sicher".split("|")),
        no=tuple("nein|nee|nö|nicht|lieber nicht|nein danke|falsch|bloß nicht".split("|")),
        never_mind=tuple("vergiss es|egal|schon gut|abbrechen|abbruch|stopp|stop|lass es|nichts|doch nicht".split("|")),
        ended="Gut, dann nicht.",
        again="Wie bitte?",
        meant="Meintest du: {sentence}?",
        correction="(nein|nee|doch|eigentlich|entschuldigung|moment) [ich (meine|meinte|sagte)|mach]"
        "|ich (meine|meinte|sagte)",
        context="(und|und was ist mit|was ist mit|wie ist es mit|auch|dann)",
        before="(für|in|im|auf|am|um|zum|ich möchte|ich will|sagen wir|ungefähr|äh)",
        after="(bitte|danke|dann)",
    ),
    "fr": DialogueWords(
        yes=tuple("oui|ouais|bien sûr|d'accord|vas-y|ok|okay|exact|oui merci|volontiers|s'il te plaît".split("|")),
        no=tuple("non|pas maintenant|non merci|surtout pas|faux".split("|")),
        never_mind=tuple("laisse tomber|annule|annuler|peu importe|tant pis|arrête|stop|rien|oublie".split("|")),
        ended="D'accord, tant pis.",
        again="Pardon ?",
        meant="Vouliez-vous dire : {sentence} ?",
        correction="(non|en fait|pardon|attends) [je (veux dire|voulais dire)|plutôt]|je (veux dire|voulais dire)",
        context="(et|et pour|et dans|qu'en est-il de|aussi|puis)",
        before="(pour|dans|à|de|le|la|l'|je veux|disons|euh)",
        after="(s'il te plaît|merci)",
    ),
    "es": DialogueWords(
        yes=tuple("sí|si|claro|vale|de acuerdo|adelante|ok|okay|correcto|por supuesto|sí por favor".split("|")),
        no=tuple("no|ahora no|no gracias|mejor no|incorrecto".split("|")),
        never_mind=tuple("olvídalo|da igual|déjalo|cancela|cancelar|para|nada|no importa".split("|")),
        ended="Vale, lo dejo.",
        again="¿Perdón?",
        meant="¿Querías decir: {sentence}?",
        correction="(no|en realidad|perdón|espera) [quería decir|quiero decir|mejor]|(quería|quiero) decir",
        context="(y|y en|y qué hay de|también|luego)",
        before="(para|en|a|de|quiero|digamos|eh)",
        after="(por favor|gracias)",
    ),
}


def words_of(language: str) -> DialogueWords:
    return WORDS.get(language.split("-")[0], WORDS["en"])
