"""What is put before a text as if it had been said: of the phrases that are expected those that help, and no more."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from auricle_whisper_core.decoding import MOST_TOKENS
from auricle_whisper_core.judge import plain_words

MOST_TOKENS_BEFORE = MOST_TOKENS - 8
"""In all: the half that is not for text, less the marks."""
MOST_TOKENS_HINTED = 96
"""Of what is expected: more takes longer, and helps less."""
RARE_TOKEN = 8_000
"""Tokens are numbered by how often they were seen when the vocabulary was made; from here on they are rare words."""

Encode = Callable[[str], Sequence[int]]
"""Text to tokens, none of which is a mark."""


def hint_tokens(phrases: Sequence[str], encode: Encode, room: int = MOST_TOKENS_HINTED) -> list[int]:
    """Phrases, the most telling last, with commas between them and a full stop, in at most so many tokens.

    Where it ends with a comma Whisper goes on after each sentence with the same again.

    phrases: the first ones are taken where several tell as much. Those that bring a rare word come first, then those
    that bring any word that is not there yet, then those that join words in a new way.
    """
    taken: list[str] = []
    left = room
    for phrase in _telling(phrases, encode):
        tokens = len(encode(f" {phrase},"))
        if tokens <= left:
            left -= tokens
            taken.append(phrase)
    return list(encode(f" {', '.join(reversed(taken))}.")) if taken else []


def _telling(phrases: Sequence[str], encode: Encode) -> Iterator[str]:
    known: set[object] = set()
    told: set[str] = set()
    for parts in (lambda words: [word for word in words if _rare(word, encode)], list, pairwise):
        for phrase in phrases:
            if phrase in told:
                continue
            words = plain_words(phrase)
            if any(part not in known for part in parts(words)):
                known.update(words, pairwise(words))
                told.add(phrase)
                yield phrase


def _rare(word: str, encode: Encode) -> bool:
    """Whether it is rare in both spellings: a name of a day in lower case looks rarer than it is."""
    return all(len(tokens) > 1 or tokens[0] >= RARE_TOKEN for tokens in map(encode, (f" {word}", f" {word.title()}")))
