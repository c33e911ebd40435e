"""What the room hears of a reply in several pieces is what was made of it, and no silence between them."""

import itertools
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from auricle.model.audio import OUTBOUND_RATE_HZ
from support import paced_driver
from support.pulse import PulseServer

pytestmark = [pytest.mark.sound, pytest.mark.slow]

WEATHER = (
    "Well, the weather in the mountains is going to be fine tomorrow, with a little wind from the north in the morning "
    "and long hours of sunshine after that. Take a warm coat with you, since the evening will be cold. "
    "The bus leaves at nine, and the next one is an hour later."
)
LIST = (
    "There are five things on your list. Bread. Butter. Two bottles of milk, one of them without lactose. "
    "Apples from the market on the other side of the river, if there are any. And coffee."
)
HEAD = int(0.25 * OUTBOUND_RATE_HZ)
"""By which a piece is found."""


def onset(piece: npt.NDArray[np.int16], sound: npt.NDArray[np.int16]) -> int:
    """Where in the sound the piece begins, by correlation; it must be there clearly."""
    head = piece[:HEAD].astype(np.float32)
    size = 1 << (len(sound) + len(head) - 1).bit_length()
    spectrum = np.fft.rfft(sound.astype(np.float32), size) * np.fft.rfft(head, size).conj()
    curve = np.fft.irfft(spectrum)[: len(sound)]
    at = int(np.argmax(curve))
    assert curve[at] > 0.3 * float(head @ head), "the piece was not heard"
    return at


def inserted_ms(
    made: Sequence[npt.NDArray[np.int16]], given: npt.NDArray[np.int16], sound: npt.NDArray[np.int16]
) -> list[float]:
    """How much more lies before each piece but the first in `sound` than in what was given, pauses and all."""
    late = [onset(piece, sound) - onset(piece, given) for piece in made]
    return [1000 * (after - before) / OUTBOUND_RATE_HZ for before, after in itertools.pairwise(late)]


@pytest.mark.parametrize(
    ("text", "how", "every_s"),
    [
        (WEATHER, "whole", 0.03),
        (LIST, "frames", 0.0),
        *(
            pytest.param(text, how, every_s, marks=pytest.mark.long)
            for text, how, every_s in itertools.product((WEATHER, LIST), ("whole", "frames"), (0.0, 0.03))
        ),
    ],
)
def test_the_next_piece_is_ready_before_the_last_one_ends(
    pulse: PulseServer, tmp_path: Path, text: str, how: str, every_s: float
) -> None:
    """At a real-time factor of 0.69; what is made of a piece is given at its end, or as it is made."""
    with pulse.recorder() as room:
        driver = pulse.spawn(
            [sys.executable, paced_driver.__file__, "0.69", how, str(every_s), str(tmp_path), text],
            stdout=subprocess.PIPE,
        )
        out, _ = driver.communicate(timeout=150)
        heard = room.stop()
    told = json.loads(out)
    assert told["status"] == "finished"
    assert " ".join(told["pieces"]).split() == text.split()
    assert len(told["pieces"]) > 2
    made = [np.load(tmp_path / f"piece{number}.npy") for number in range(len(told["pieces"]))]
    given, handed = np.load(tmp_path / "given.npy"), np.load(tmp_path / "handed.npy")
    to_the_device, in_the_room = inserted_ms(made, given, handed), inserted_ms(made, given, heard)
    print(list(zip(told["pieces"][1:], to_the_device, in_the_room, strict=True)), told["stumbles"])
    assert max(to_the_device) <= 50
    # A sound server that stumbles, as on a busy machine, is silent by itself.
    assert max(in_the_room) <= 50 or told["stumbles"]
