"""Which words of a text that is still being spoken will stay: those that two decodes in turn agree on.

LocalAgreement-2 of Liu, Spanakis and Niehues, "Low-latency sequence-to-sequence speech recognition" (2020).
"""

from auricle_whisper_core.judge import plain_words


class Agreement:
    """The words of one window; what was confirmed is never taken back."""

    def __init__(self) -> None:
        self._confirmed: list[str] = []
        self._before: list[str] = []

    @property
    def text(self) -> str:
        return " ".join(self._confirmed)

    def hear(self, text: str) -> bool:
        """Take the text of one more decode; true if that confirmed more words."""
        words = text.split()
        agreed = 0
        for one, other in zip(self._before, words, strict=False):
            if plain_words(one) != plain_words(other):
                break
            agreed += 1
        self._before = words
        if agreed <= len(self._confirmed):
            return False
        self._confirmed += words[len(self._confirmed) : agreed]
        return True
