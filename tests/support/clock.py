"""Whether a spoken answer tells the time; and a time of day that Whisper reads well.

Of the hours as Piper speaks them tiny.en takes some for others' homophones ("two" for "to", "four" for "for", "eight"
for "a"), at some one minute in six. Twelve and one are read right in all their minutes, so for what the tests start it
is noon where they begin.
"""

import re
from datetime import UTC, datetime, timedelta, timezone

_EAST_H = (12 - datetime.now(UTC).hour + 11) % 24 - 11
ZONE = timezone(timedelta(hours=_EAST_H))
ZONE_ENV = {"TZ": f"TST{-_EAST_H:+d}"}
"""The same for a process of its own; POSIX counts westwards."""
_HOURS = "twelve one two three four five six seven eight nine ten eleven".split()


def tells_the_hour(heard: str) -> bool:
    """Whether what was heard names the present hour in `ZONE`, as a digit or a word; a minute ago counts too."""
    words = re.sub(r"[^a-z0-9]", " ", heard.lower().replace(":", "")).split()
    now = datetime.now(ZONE)
    hours = {moment.hour % 12 for moment in (now, now - timedelta(minutes=1))}
    return any(re.fullmatch(rf"{_HOURS[hour]}|{hour or 12}([0-5]\d)?", word) for hour in hours for word in words)
