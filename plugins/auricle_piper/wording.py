"""Text made fit for Piper: what cannot be spoken is left out, what would be taken for a command is spoken."""

import re
import unicodedata

_UNSPOKEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_PICTOGRAPHS = 0x2190
"""Symbols (So, Sk) from here on are arrows, boxes and emoji; below are the likes of ° and ©."""
_BREAKS = {"Cc", "Zl", "Zp"}
_TITLES = re.compile(r"\b(Mr|Mrs|Ms|Dr|Prof)\.(?=\s)")
"""A full stop after one of these would be spoken as the end of a sentence."""


def speakable(text: str) -> str:
    """Empty when there is nothing to say."""
    kept = []
    for character in text:
        category = unicodedata.category(character)
        pictograph = category in ("So", "Sk", "Me") and ord(character) >= _PICTOGRAPHS
        if category in _UNSPOKEN or pictograph or 0xFE00 <= ord(character) <= 0xFE0F:
            kept.append(" " if category in _BREAKS or pictograph else "")
        else:
            kept.append(character)
    plain = re.sub(r"\s+", " ", "".join(kept)).strip()
    if not any(character.isalnum() for character in plain):
        return ""
    # Piper takes what stands between [[ and ]] for phonemes.
    return _TITLES.sub(r"\1", re.sub(r"\[(?=\[)", "[ ", plain))
