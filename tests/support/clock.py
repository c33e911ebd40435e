"""Whether a spoken answer tells the time."""

import itertools
import re
from datetime import datetime, timedelta

_TAKEN_FOR = {2: "to|too", 3: "pre|free", 4: "for", 8: "a|ate"}
"""What Whisper takes some hours for; it counts only where the right minute follows."""
_HOURS = "twelve one two three four five six seven eight nine ten eleven".split()


def tells_the_hour(heard: str) -> bool:
    """Whether what was heard names the present hour, as a digit or a word; a minute ago counts too."""
    words = re.sub(r"[^a-z0-9]", " ", heard.lower().replace(":", "")).split()
    now = datetime.now().astimezone()
    moments = (now, now - timedelta(minutes=1))
    hours = {moment.hour % 12 for moment in moments}
    if any(re.fullmatch(rf"{_HOURS[hour]}|{hour or 12}([0-5]\d)?", word) for hour in hours for word in words):
        return True
    taken = [(rf"({_TAKEN_FOR.get(moment.hour % 12, '-')})", f"{moment:%M}".lstrip("0")) for moment in moments]
    return any(
        re.fullmatch(hour, before) and minute == word
        for hour, minute in taken
        for before, word in itertools.pairwise(words)
    )
