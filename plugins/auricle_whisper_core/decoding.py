"""How much a window of sound is given to be decoded: encoder positions, tokens, threads."""

import math
import os

from auricle.api import INBOUND_RATE_HZ
from auricle_whisper_core.mel import FloatArray

FULL_CONTEXT = 1500
"""Encoder positions of 30 s."""
POSITIONS_PER_S = 50
FRAMES_PER_POSITION = 2
LEAST_CONTEXT = 768
"""With less, the words of real commands differ more often from those of the whole context."""
SPARE_CONTEXT = 256
"""Positions of nothing after the sound, so that the decoder sees that it is over."""
CONTEXT_STEP = 64
LEAD_S = 0.5
"""Silence put before the sound: Whisper loses a word that begins at once."""

FLOOR_DBFS = -65.0
"""Sound whose loudest tenth of a second is below this has no words."""
LEAST_S = 0.2
"""Sound shorter than this is a noise: of a tenth of a second of speech Whisper makes a word of its own."""
TOKENS_PER_S = 6
SPARE_TOKENS = 16
MOST_TOKENS = 224
"""Half of what the model can hold."""


def context_of(seconds: float) -> int:
    """Encoder positions for so much sound: a multiple of `CONTEXT_STEP`, at most `FULL_CONTEXT`."""
    needed = (seconds + LEAD_S) * POSITIONS_PER_S + SPARE_CONTEXT
    stepped = math.ceil(max(LEAST_CONTEXT, needed) / CONTEXT_STEP) * CONTEXT_STEP
    return min(FULL_CONTEXT, stepped)


def token_budget(samples: FloatArray) -> int:
    """Most tokens that so much sound can be said to hold; a decoder that wants more is in a loop."""
    return min(MOST_TOKENS, int(TOKENS_PER_S * len(samples) / INBOUND_RATE_HZ) + SPARE_TOKENS)


def loud_enough(samples: FloatArray) -> bool:
    """Whether there can be words in it at all."""
    tenth = INBOUND_RATE_HZ // 10
    if len(samples) < LEAST_S * INBOUND_RATE_HZ:
        return False
    power = (samples[: len(samples) // tenth * tenth].reshape(-1, tenth) ** 2).mean(axis=1)
    return bool(power.max() > 10 ** (FLOOR_DBFS / 10))


def threads() -> int:
    """As many as the process was given, else half the cores, 1 to 4: with more, one busy core holds up all the rest."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    if given.isdigit() and int(given) > 0:
        return int(given)
    return min(4, max(1, len(os.sched_getaffinity(0)) // 2))
