"""What a slot may be, found by what a text begins with."""

from hassil.expression import TextChunk
from hassil.intents import TextSlotList, TextSlotValue

_JOINED = str.maketrans("-_", "  ")


class WordList(TextSlotList):  # type: ignore[misc]  # hassil has no types
    """Words of a slot, looked up in a table of them.

    hassil's own tree of letters takes more than 1 kB a word, and for 50,000 of them a second when it is first asked.
    """

    _by_words: "dict[str, list[TextSlotValue]] | None" = None
    _others: "tuple[TextSlotValue, ...]" = ()
    """Templates, and words whose letters are other ones in number without case: always possible."""
    _longest: int = 0

    def learn(self) -> None:
        """Make the table now, and not when it is first needed."""
        found: dict[str, list[TextSlotValue]] = {}
        others = []
        for value in self.values:
            text = value.text_in.text.lstrip() if isinstance(value.text_in, TextChunk) else None
            if text is None or len(text.casefold()) != len(text):
                others.append(value)
            elif text:
                found.setdefault(text.casefold(), []).append(value)
        self._others = tuple(others)
        self._longest = max(map(len, found), default=0)
        self._by_words = found

    def get_candidates(self, text: str) -> list[TextSlotValue]:
        """Return the values that `text` may begin with, and some others."""
        if self._by_words is None:
            self.learn()
        known = self._by_words or {}
        folded = text.casefold()
        candidates: list[TextSlotValue] = []
        for way in dict.fromkeys((folded, folded.translate(_JOINED))):
            for length in range(1, min(len(way), self._longest) + 1):
                candidates += known.get(way[:length], ())
        return candidates + list(self._others)
