"""How far `auricle bench` is, on standard error: beside a spinner on a terminal, else a line now and then."""

import sys
import time
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.status import Status

_LINE_EVERY_S = 15.0


class Shown:
    def __init__(self) -> None:
        self._console = Console(file=sys.stderr, highlight=False, soft_wrap=True)
        self._status: Status | None = self._console.status("measuring") if self._console.is_terminal else None
        self._told_s = self._began_s = time.monotonic()
        self._what = ""

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._status is not None:
            self._status.stop()

    def measuring(self, what: str) -> None:
        self._tell(f"measuring {what}")

    def show(self, what: str, done: int, of: int) -> None:
        """`done` of `of` steps of `what` are done; the first call for it is the beginning of its first step."""
        now_s = time.monotonic()
        if what != self._what:
            self._what, self._began_s = what, now_s
        text = f"{what}: {done} of {of}"
        if 0 < done < of:
            left_s = (now_s - self._began_s) / done * (of - done)
            text += f", {left_s / 60:.0f} min left" if left_s >= 90 else f", {left_s:.0f} s left"
        if self._status is not None or done in (0, of) or now_s - self._told_s >= _LINE_EVERY_S:
            self._tell(text)

    def line(self, text: str) -> None:
        """A line that stays."""
        self._console.print(escape(text))

    def _tell(self, text: str) -> None:
        self._told_s = time.monotonic()
        if self._status is None:
            self.line(text)
        else:
            self._status.update(escape(text))
