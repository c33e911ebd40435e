"""A model's text as it can be spoken: sentence by sentence as it comes, without mark-up and without its thinking."""

import re

_END = re.compile(r"[.!?…。！？][\"'”’)\]*_]*(?=\s)|[。！？]|\n+")
_SHORTEST = 12
"""Characters; a shorter sentence goes with the next one: "Dr.", "1.", "No."."""
_LONGEST = 600
_THINKING = (("<think>", "</think>"), ("<thinking>", "</thinking>"))
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_ADDRESS = re.compile(r"https?://\S+")
_FENCE = re.compile(r"^\s*```.*$", re.MULTILINE)
_LINE_START = re.compile(r"^\s*(?:#{1,6}\s+|[-*+•]\s+|>\s*|\|)", re.MULTILINE)
_MARKS = re.compile(r"\*{1,3}|_{2,3}|`+|~~|(?<!\w)_|_(?!\w)|\|")
_PICTURES = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\ufe0f\u200d]")


class Sentences:
    """Text in pieces of any length in, whole sentences out."""

    def __init__(self) -> None:
        self._raw = ""
        """What may be thinking, or begin to be."""
        self._text = ""
        """What is spoken, of which no sentence is whole yet."""
        self._until = ""
        """The mark at which the model stops thinking; empty while it speaks."""

    def add(self, text: str) -> list[str]:
        """Take what came; return the sentences that are whole now."""
        self._raw += text
        self._part(at_end=False)
        found = []
        while (end := _first(self._text)) is not None:
            found.append(plain(self._text[:end]))
            self._text = self._text[end:]
        return [sentence for sentence in found if sentence]

    def rest(self) -> list[str]:
        """What is left at the end."""
        found = self.add("")
        self._part(at_end=True)
        last, self._text = plain(self._text), ""
        return [*found, last] if last else found

    def _part(self, *, at_end: bool) -> None:
        """Move what is certainly spoken to the text, and drop what is thought."""
        while True:
            if self._until:
                _, closed, after = self._raw.partition(self._until)
                if not closed:
                    self._raw = "" if at_end else self._raw[-len(self._until) :]
                    return
                self._raw, self._until = after.lstrip(), ""
            begun = [(self._raw.find(start), start, end) for start, end in _THINKING if start in self._raw]
            if not begun:
                break
            at, start, end = min(begun)
            self._text += self._raw[:at]
            self._raw, self._until = self._raw[at + len(start) :], end
        held = 0 if at_end else max(_overlap(self._raw, start) for start, _ in _THINKING)
        self._text += self._raw[: len(self._raw) - held]
        self._raw = self._raw[len(self._raw) - held :]


def plain(text: str) -> str:
    """Text without Markdown, addresses and pictures, on one line."""
    text = _FENCE.sub("", text)
    text = _LINK.sub(r"\1", text)
    text = _ADDRESS.sub("", text)
    text = _LINE_START.sub("", text)
    text = _PICTURES.sub("", _MARKS.sub("", text))
    words = " ".join(text.split())
    return words if any(character.isalnum() for character in words) else ""


def _first(text: str) -> int | None:
    """Where the first sentence that is long enough ends; none where it may go on."""
    for end in _END.finditer(text):
        begun = text[: end.end()]
        if "\n" in end.group() and begun.strip():
            return end.end()
        if len(begun.strip()) >= _SHORTEST and not re.search(r"(?:^|[\s(])(?:[^\W\d]|[A-Z][a-z]{1,3})\.$", begun):
            return end.end()
    return _LONGEST if len(text) > _LONGEST else None


def _overlap(text: str, mark: str) -> int:
    """How many characters at the end of the text may begin the mark."""
    return next((count for count in range(len(mark) - 1, 0, -1) if text.endswith(mark[:count])), 0)
