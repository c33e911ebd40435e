"""What was understood, and what is answered."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal


@dataclass(frozen=True, slots=True)
class Transcript:
    """Speech as text. An empty `text` says that the engine heard no words."""

    text: str
    language: str | None = None
    confidence: float | None = None
    """0 to 1, mean probability of the words; none where the engine gives none."""
    final: bool = True
    """False for a partial that may still change."""
    alternatives: tuple[str, ...] = ()
    """What else may have been said, the likeliest first; `text` is not among them."""
    utterance: str = field(default="", compare=False)
    """What the engine calls the sound that it keeps of it, to be asked about it again; empty where it keeps none."""


MOST_PHRASES = 256
"""Of one `Expected`."""
LONGEST_PHRASE = 100
"""Characters."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What is likely to be said: a hint for engines that can use one."""

    language: str
    """Of the phrases; they say nothing about speech in another one."""
    phrases: tuple[str, ...]
    """Names and bits of sentences, at most `MOST_PHRASES` of `LONGEST_PHRASE`; an engine has room for some of them."""


@dataclass(frozen=True, slots=True)
class Intent:
    """What the user wants: a name and its filled slots."""

    name: str
    slots: Mapping[str, object] = field(default_factory=dict)
    text: str = ""
    """The words that it was understood from."""
    score: float = 1.0
    """1 for an exact match of a template, less for a near miss."""
    plugin: str = ""
    """The plugin whose sentence matched, or that recognised it."""
    corrects: "Intent | None" = None
    """What was done just before and was not meant ("no, ten minutes"): this takes its place."""

    @property
    def meaning(self) -> tuple[str, str, str]:
        """The same for all words that come to the same."""
        return self.plugin, self.name, repr(sorted(self.slots.items()))


@dataclass(frozen=True, slots=True)
class Question:
    """What a reply asks. The answer goes into `slot` of `intent`, which is then handled again."""

    kind: Literal["yes_no", "choice", "number", "duration", "time", "text"]
    """What answers it. `duration` gives whole seconds, `time` gives `HH:MM`, `yes_no` gives True or False."""
    slot: str
    intent: Intent
    """What is wanted so far."""
    choices: Mapping[str, object] = field(default_factory=dict)
    """Of a `choice`: what may be said, to the value that it stands for."""
    lowest: int = 0
    """Of a `number`."""
    highest: int = 1000
    again: str = ""
    """Said when the answer was not understood; empty is the question as it was."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered to an intent; an empty `text` is a silent success."""

    text: str
    handled_by: str = ""
    """The plugin that answered; the host fills it in."""
    understood: bool = True
    """False for the spoken "I did not understand"."""
    expects_answer: Question | None = None
    """What `text` asks: the microphone opens without the wake word once it was said."""
    stream: AsyncIterator[str] | None = field(default=None, compare=False)
    """What follows `text`, as it is made: sentences, words or parts of words, joined as they are. It is spoken from its
    first clause on, while the rest still comes. Read once."""


class Standing(Enum):
    """How words stand to the sentences that are known, while the speaker may go on."""

    WHOLE = "whole"
    """A whole command, and no known sentence goes on from it."""
    OPEN = "open"
    """A whole command that a known sentence goes on from: `a large latte` [with milk]."""
    UNFINISHED = "unfinished"
    """The beginning of a known sentence, or words that nobody ends with: `set a timer for`."""
    UNKNOWN = "unknown"
    """No part of any known sentence."""
