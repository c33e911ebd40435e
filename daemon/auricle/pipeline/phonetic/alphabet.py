"""Phonemes in IPA and how easily one is heard as another."""

import math
import re
import unicodedata
from functools import cache

INSERTION = 0.8
"""Cost of a phoneme that was heard and not said."""
DELETION = 0.6
"""Cost of a phoneme that was said and not heard: less, as speech loses phonemes rather than gains them."""

_JOINED = re.compile(r"tʃ|dʒ|ts|pf|[aeoɔəʊɛ](?:ɪ|ʊ)|\S")
_MARKS = re.compile(r"[ˈˌːˑ‿\u0300-\u036fʲʰˠ̩]")
_CONSONANTS: dict[str, tuple[int, str, bool]] = {}
"""Place from the lips backward, manner, and whether it is voiced."""
for _manner, _rows in {
    "plosive": "p t k ʔ q c|b d ɡ ɟ",
    "affricate": "tʃ ts pf|dʒ",
    "fricative": "f θ s ʃ ç x χ h ɸ ʂ|v ð z ʒ ɣ ʁ β ʐ ʝ ɦ",
    "nasal": "|m n ŋ ɲ ɱ",
    "approximant": "|l ɹ j w r ʎ ʀ ʋ ɻ ɫ",
    "tap": "|ɾ",
}.items():
    for _voiced, _row in enumerate(_rows.split("|")):
        for _phone in _row.split():
            _place = next(
                place
                for place, phones in enumerate(
                    (
                        "p b m w ɸ β",
                        "f v ʋ pf ɱ",
                        "θ ð",
                        "t d n s z l ɫ ɾ r ts",
                        "ʃ ʒ tʃ dʒ ɹ ʂ ʐ ɻ",
                        "ç j ɲ ʎ ʝ c ɟ",
                        "k ɡ ŋ x ɣ",
                        "χ ʁ q ʀ",
                        "h ʔ ɦ",
                    )
                )
                if _phone in phones.split()
            )
            _CONSONANTS[_phone] = (_place, _manner, bool(_voiced))
_MANNERS = {
    frozenset(pair.split()): cost
    for pair, cost in {
        "plosive affricate": 0.3,
        "affricate fricative": 0.3,
        "plosive fricative": 0.45,
        "plosive nasal": 0.4,
        "plosive tap": 0.15,
        "approximant tap": 0.25,
        "nasal approximant": 0.45,
        "fricative approximant": 0.6,
        "nasal tap": 0.4,
    }.items()
}
_OTHER_MANNER = 0.7
_ODD_CONSONANT = (4, "", True)
"""One that is in no table: as far from all others as from the middle."""

_VOWELS = {
    "i": (0.0, 0.0), "y": (0.3, 0.0), "ɪ": (0.4, 0.5), "ʏ": (0.6, 0.5), "e": (0.2, 1.0), "ø": (0.4, 1.0),
    "ɛ": (0.3, 1.8), "œ": (0.5, 2.0), "æ": (0.4, 2.5), "a": (1.0, 3.0), "ɐ": (1.0, 2.5), "ə": (1.0, 1.5),
    "ɘ": (1.0, 1.0), "ɵ": (1.0, 1.0), "ɚ": (1.0, 1.5), "ɜ": (1.0, 1.7), "ɞ": (1.0, 2.0), "ᵻ": (0.7, 0.6),
    "ɨ": (1.0, 0.0), "ʉ": (1.0, 0.0), "ʌ": (1.6, 2.0), "ɤ": (1.7, 1.0), "ɑ": (2.0, 3.0), "ɒ": (2.0, 2.9),
    "ɔ": (2.0, 2.0), "o": (2.0, 1.0), "ʊ": (1.6, 0.5), "u": (2.0, 0.0), "ɯ": (2.0, 0.0),
}  # fmt: skip
"""Place in the vowel chart of the IPA: backness 0 to 2, openness 0 to 3."""


def phones(ipa: str) -> tuple[str, ...]:
    """IPA without stress, length and ties, cut into phonemes; a diphthong or an affricate is one."""
    plain = _MARKS.sub("", unicodedata.normalize("NFD", ipa).replace("ç", "ç"))
    return tuple(_JOINED.findall(plain))


@cache
def substitution(one: str, other: str) -> float:
    """Cost of `one` being heard as `other`, 0 to 1.2; the same both ways. By articulatory features."""
    if one == other:
        return 0.0
    match (one[0] in _VOWELS) + (other[0] in _VOWELS):
        case 1:
            return 1.2
        case 2:
            return min(0.8, 0.1 + 0.2 * _vowel_distance(one, other))
        case _:
            place, manner, voiced = _CONSONANTS.get(one, _ODD_CONSONANT)
            place2, manner2, voiced2 = _CONSONANTS.get(other, _ODD_CONSONANT)
            manners = 0.0 if manner == manner2 else _MANNERS.get(frozenset((manner, manner2)), _OTHER_MANNER)
            return min(0.9, 0.1 + 0.12 * abs(place - place2) + 0.2 * (voiced != voiced2) + manners)


def _vowel_distance(one: str, other: str) -> float:
    """In the chart; of diphthongs the mean of both ends."""
    ends = [[_VOWELS[part] for part in vowel if part in _VOWELS] for vowel in (one, other)]
    first, last = (math.dist(ends[0][end], ends[1][end]) for end in (0, -1))
    return (first + last) / 2 + (0.2 if len(ends[0]) != len(ends[1]) else 0.0)
