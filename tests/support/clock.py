"""Whether a spoken answer tells the time."""

import re
from datetime import datetime, timedelta

_HOURS = "twelve one two three four five six seven eight nine ten eleven".split()


def tells_the_hour(heard: str) -> bool:
    """Whether what was heard names the present hour, as a digit or a word; a minute ago counts too."""
    words = re.sub(r"[^a-z0-9]", " ", heard.lower().replace(":", "")).split()
    now = datetime.now().astimezone()
    hours = {moment.hour % 12 for moment in (now, now - timedelta(minutes=1))}
    return any(re.fullmatch(rf"{_HOURS[hour]}|{hour or 12}([0-5]\d)?", word) for hour in hours for word in words)
