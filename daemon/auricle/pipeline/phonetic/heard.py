"""What was heard, in several readings at once: phonemes with which more than one begins are there once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Neighbouring positions, and those that one phoneme more leads to."""

    first: int
    last: int
    """The position after the last of them."""
    end: int
    """The position after the last that one phoneme more leads to."""
    second: int
    """The first position that has the one before it in here."""
    before: IntArray
    """From `second` up to `end`: the one before it, counted from `first`."""
    jumps: tuple[IntArray, ...]
    """From `first` up to `end`: what is 1, 2, 4, … before it, or itself where that is not in here, as above."""


class Heard:
    """Positions in the texts as a tree, in the order of how much was heard; position 0 is before the first phoneme."""

    def __init__(self, texts: Sequence[Sequence[str]]) -> None:
        """texts: phonemes."""
        self.phones = [""]
        """Position to the phoneme that was heard last."""
        self.befores = [-1]
        """Position to the one before it; -1 before the first."""
        self.levels = [0, 1]
        """Phonemes heard to the first position of so many; one more at the end."""
        self.longest = max(map(len, texts), default=0)
        """Phonemes of the longest text."""
        self._ways = [[0] * (len(text) + 1) for text in texts]
        """Text to its positions, the first to the last."""
        for depth in range(self.longest):
            known: dict[tuple[int, str], int] = {}
            for text, way in zip(texts, self._ways, strict=True):
                if depth < len(text):
                    at = known.setdefault((way[depth], text[depth]), self.levels[-1] + len(known))
                    way[depth + 1] = at
            for before, phone in known:
                self.befores.append(before)
                self.phones.append(phone)
            self.levels.append(len(self.phones))
        self.ends = [way[-1] for way in self._ways]
        """Text to its last position."""
        self.depth = np.repeat(np.arange(self.longest + 1), np.diff(self.levels))
        """Position to how many phonemes were heard."""
        self._jumps = [np.array(self.befores, dtype=np.intp)]
        while (self._jumps[-1] >= 0).any():
            jump = self._jumps[-1]
            self._jumps.append(np.where(jump >= 0, jump[jump], -1))
        self._stretches: dict[tuple[int, int], Stretch] = {}

    def __len__(self) -> int:
        return len(self.phones)

    def spread(self, values: Sequence[float]) -> npt.NDArray[np.float32]:
        """Position to the largest value of the texts that it belongs to."""
        found = np.full(len(self), -np.inf, dtype=np.float32)
        for way, value in zip(self._ways, values, strict=True):
            found[way] = np.maximum(found[way], np.float32(value))
        return found

    def stretch(self, lowest: int, beyond: int) -> Stretch:
        """The positions at which so many phonemes were heard: `lowest` or more, fewer than `beyond`."""
        found = self._stretches.get((lowest, beyond))
        if found is None:
            levels = self.levels
            first, end = levels[lowest], levels[min(beyond, self.longest) + 1]
            second = min(levels[lowest + 1], end)
            here = np.arange(first, end)
            jumps = []
            for jump in self._jumps:
                there = jump[first:end]
                if not (there >= first).any():
                    break
                jumps.append(np.where(there >= first, there, here) - first)
            before = self._jumps[0][second:end] - first
            found = Stretch(first, levels[beyond], end, second, before, tuple(jumps))
            self._stretches[lowest, beyond] = found
        return found
