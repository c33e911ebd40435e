"""How words stand to the sentences that are known: whole, whole and open, unfinished, or unknown."""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from auricle.api import Intent, Sentences
from auricle.model.intent import Standing
from auricle.pipeline import wording

if TYPE_CHECKING:
    from auricle.pipeline.sentences import Grammar

DANGLING: Mapping[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "en": "a an the my your and or for to of in on at with from by than is are was be if but set add turn um uh",
        "de": "ein eine einen einem einer der die das den dem des mein meine und oder für zu von in im an am auf mit "
        "aus als ist sind war wenn aber äh ähm",
        "fr": "un une le la les des du de d l mon ma mes et ou pour à au aux en sur avec que est si mais euh",
        "es": "un una el la los las mi y o para a al de del en con que es si pero eh",
    }.items()
}
"""Words that nobody ends a command with: what stops there will go on."""


class Standings:
    """Of one language; made once from the sentences of its grammar that can be enumerated."""

    def __init__(
        self,
        grammar: "Grammar",
        match: Callable[[str], Intent | None],
        sentences: Mapping[str, Sentences],
    ) -> None:
        """match: the intent of a whole command. sentences: by plugin, those that the grammar was made from."""
        self._language = grammar.language
        self._match = match
        self._sentences = sentences
        self._known = sorted({wording.key(sentence) for sentence in grammar.samples()})
        self._all_known = grammar.enumerable
        self._dangling = DANGLING.get(wording.family(grammar.language), frozenset())

    def of(self, text: str) -> Standing:
        """A command with a free slot at its end is `UNKNOWN`: any words may follow."""
        words = wording.key(wording.spoken(text, self._language)).split()
        if not words:
            return Standing.UNKNOWN
        goes_on = self._goes_on(" ".join("#" if word.isdigit() else word for word in words))
        intent = self._match(text)
        if intent is not None:
            free = self._sentences[intent.plugin].wildcards if intent.plugin in self._sentences else ()
            if any(name in free for name in intent.slots):
                return Standing.UNKNOWN
            return Standing.OPEN if goes_on or not self._all_known else Standing.WHOLE
        return Standing.UNFINISHED if goes_on or words[-1] in self._dangling else Standing.UNKNOWN

    def _goes_on(self, key: str) -> bool:
        beginning = f"{key} "
        at = bisect_right(self._known, beginning)
        return at < len(self._known) and self._known[at].startswith(beginning)
