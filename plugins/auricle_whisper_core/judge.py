"""What a decoded text is worth: Whisper writes words for silence and falls into loops, and both can be told."""

import re
import zlib
from dataclasses import dataclass, replace
from enum import Enum

NO_SPEECH = 0.6
"""Probability of no speech above which no text is believed, however sure the decoder is of its words."""
PHANTOM_NO_SPEECH = 0.3
"""The same for texts that Whisper is known to make up."""
GUESSED_LOGPROB = -1.0
"""Mean log probability of a token below which the decoder guesses."""
UNSURE_LOGPROB = -0.2
"""The same, below which it is worth its time to ask what else may have been said."""
POOR_LOGPROB = -0.4
"""The same, below which a decode with the whole context is worth its time."""
LOOP_COMPRESSION = 2.4
"""A text that zlib shrinks by more than this repeats itself."""
LOOP_TIMES = 3
HOPELESS_LOOP_WORDS = 8
"""People say "no no no"; nobody says so many words in a loop."""

PHANTOMS = frozenset(
    "you|thank you|thanks|thank you very much|thank you for watching|thanks for watching|bye|bye bye|the|so|uh|um|oh"
    "|beeping|beep|music|silence|applause|please subscribe".split("|")
)


class Verdict(Enum):
    KEEP = "keep"
    AGAIN = "again"
    """Poor: a decode with the whole context may do better; if there is no other, it is kept."""
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Decoded:
    """One decode of one window."""

    text: str
    logprob: float
    """Mean over the tokens."""
    no_speech: float
    """Probability, 0 to 1."""
    tokens: int
    cut: bool
    """The token budget was used up."""
    alternatives: tuple[str, ...] = ()
    """What else may have been said, the likeliest first; only of a poor decode."""


def judge(decoded: Decoded) -> Verdict:
    words = plain_words(decoded.text)
    if not words or decoded.no_speech > NO_SPEECH:
        return Verdict.DROP
    if decoded.no_speech > PHANTOM_NO_SPEECH and (decoded.logprob < GUESSED_LOGPROB or " ".join(words) in PHANTOMS):
        return Verdict.DROP
    if (
        decoded.logprob < POOR_LOGPROB
        or decoded.cut
        or loop_words(words)
        or compression(decoded.text) > LOOP_COMPRESSION
    ):
        return Verdict.AGAIN
    return Verdict.KEEP


def sure(decoded: Decoded) -> bool:
    """Whether a text that was written after a hint stands without another look."""
    return (
        decoded.logprob >= UNSURE_LOGPROB
        and decoded.no_speech <= PHANTOM_NO_SPEECH
        and not decoded.cut
        and not loop_words(plain_words(decoded.text))
    )


def weighed(hinted: Decoded, plain: Decoded) -> Decoded:
    """Of one window that was decoded with a hint, unsurely, and without: one result that knows of both.

    Whether there was speech the plain one tells, since after words Whisper takes hiss for more of them.
    """
    looped = hinted.cut or loop_words(plain_words(hinted.text))
    if looped or not hinted.text or not plain.text:
        return plain
    others = dict.fromkeys((plain.text, *plain.alternatives))
    others.pop(hinted.text, None)
    return replace(hinted, no_speech=plain.no_speech, alternatives=tuple(others))


def hopeless(decoded: Decoded) -> bool:
    """Whether even a last decode says nothing."""
    looped = loop_words(plain_words(decoded.text)) >= HOPELESS_LOOP_WORDS
    return looped or compression(decoded.text) > LOOP_COMPRESSION


def joined(first: Decoded, second: Decoded) -> Decoded:
    """Of two halves of a window that were decoded one after the other."""
    tokens = first.tokens + second.tokens
    weighted = first.logprob * first.tokens + second.logprob * second.tokens
    return Decoded(
        text=f"{first.text} {second.text}".strip(),
        logprob=weighted / tokens if tokens else 0.0,
        no_speech=min(first.no_speech, second.no_speech),
        tokens=tokens,
        cut=first.cut or second.cut,
    )


def plain_words(text: str) -> list[str]:
    """Lower case, no punctuation but apostrophes."""
    return re.findall(r"\w+(?:'\w+)*", text.lower())


def compression(text: str) -> float:
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw)) if raw else 0.0


def loop_words(words: list[str]) -> int:
    """Most words in one run of the same 1 to 6 words said LOOP_TIMES or more times on end; 0 if there is none."""
    longest = 0
    for size in range(1, 7):
        same = 0
        for at in range(size, len(words)):
            same = same + 1 if words[at] == words[at - size] else 0
            run = same + size
            if run >= size * LOOP_TIMES:
                longest = max(longest, run)
    return longest
