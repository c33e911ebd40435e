"""Which line of a TOML text each key stands on; the parser of the standard library does not say."""

import tomllib
from collections.abc import Callable

from auricle.config.toml import Place

_BLANK = " \t\r\n"
_BARE_END = frozenset(" \t\r\n.=]}#,")


def key_lines(text: str) -> dict[Place, int]:
    """Return the line, from 1, on which each table, key and list item of `text` begins.

    text: valid TOML. An item of a list is found under its index: `("wake", "words", 0, "model")`.
    """
    finder = _Finder(text)
    finder.document()
    return finder.lines


class _Finder:
    """Walks valid TOML once; it need not find faults, only places."""

    def __init__(self, text: str) -> None:
        self.lines: dict[Place, int] = {}
        self._text = text + "\n"
        self._at = 0
        self._line = 1
        self._items: dict[Place, int] = {}
        """Place of an array of tables to the index of its last table."""

    def document(self) -> None:
        table: Place = ()
        while self._skip_blank():
            if self._text.startswith("[[", self._at):
                table = self._header(2)
                index = self._items.get(table, -1) + 1
                self._items[table] = index
                table = (*table, index)
                self._found(table)
            elif self._text[self._at] == "[":
                table = self._header(1)
                self._found(table)
            else:
                self._pair(table)

    def _header(self, brackets: int) -> Place:
        self._at += brackets
        place: Place = ()
        parts = self._dotted_key()
        for number, part in enumerate(parts, 1):
            place = (*place, part)
            if place in self._items and not (brackets == 2 and number == len(parts)):
                place = (*place, self._items[place])
            self._found(place)
        self._at += brackets
        return place

    def _pair(self, table: Place) -> None:
        place = table
        for part in self._dotted_key():
            place = (*place, part)
            self._found(place)
        self._at += 1  # the equals sign
        self._skip_blank()
        self._value(place)

    def _value(self, place: Place) -> None:
        first = self._text[self._at]
        if first == "[":
            index = -1

            def item() -> None:
                nonlocal index
                index += 1
                self._found((*place, index))
                self._value((*place, index))

            self._enclosed("]", item)
        elif first == "{":
            self._enclosed("}", lambda: self._pair(place))
        elif first in "\"'":
            self._string()
        else:
            while self._text[self._at] not in ",]}#\n":
                self._at += 1

    def _enclosed(self, end: str, inside: Callable[[], None]) -> None:
        self._at += 1
        while self._skip_blank() and self._text[self._at] != end:
            if self._text[self._at] == ",":
                self._at += 1
            else:
                inside()
        self._at += 1

    def _dotted_key(self) -> list[str]:
        parts: list[str] = []
        while True:
            self._skip_blank()
            start = self._at
            if self._text[start] in "\"'":
                self._string()
                parts.append(str(tomllib.loads(f"key = {self._text[start : self._at]}")["key"]))
            else:
                while self._text[self._at] not in _BARE_END:
                    self._at += 1
                parts.append(self._text[start : self._at])
            self._skip_blank()
            if self._text[self._at] != ".":
                return parts
            self._at += 1

    def _string(self) -> None:
        quote = self._text[self._at]
        if not self._text.startswith(quote * 3, self._at):
            self._at += 1
            while self._text[self._at] != quote:
                self._at += 2 if quote == '"' and self._text[self._at] == "\\" else 1
            self._at += 1
            return
        self._at += 3
        while not self._text.startswith(quote * 3, self._at):
            step = 2 if quote == '"' and self._text[self._at] == "\\" else 1
            self._line += self._text.count("\n", self._at, self._at + step)
            self._at += step
        self._at += 3
        while self._text[self._at] == quote:  # up to two quotes may stand before the closing three
            self._at += 1

    def _skip_blank(self) -> bool:
        """Go to the next thing that is no space, line end or comment; False at the end."""
        while self._at < len(self._text):
            character = self._text[self._at]
            if character == "#":
                self._at = self._text.index("\n", self._at)
            elif character not in _BLANK:
                return True
            else:
                self._line += character == "\n"
                self._at += 1
        return False

    def _found(self, place: Place) -> None:
        self.lines.setdefault(place, self._line)
