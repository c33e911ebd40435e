"""ALSA's surround encoder is not opened for nothing; whoever makes a device of it keeps it."""

import subprocess
import sys
from pathlib import Path

import pytest

STOCK = """
pcm.a52 {
    @args [ CARD BITRATE ]
    @args.CARD { type integer default 0 }
    @args.BITRATE { type integer default 448 }
    type a52
    card $CARD
    bitrate $BITRATE
    hint.description "Output encoded as A52"
}
pcm.quiet { type null }
"""
LOOK = """
import ctypes
from auricle.pipeline import alsa
alsa.silence()
hidden = alsa.hide_encoder()
library = ctypes.CDLL("libasound.so.2")
top, found = ctypes.c_void_p.in_dll(library, "snd_config"), ctypes.c_void_p()
there = [n for n in ("a52", "quiet") if library.snd_config_search(top, f"pcm.{n}".encode(), ctypes.byref(found)) >= 0]
print(hidden, *there, alsa.hide_encoder())
"""


@pytest.mark.parametrize(
    ("more", "seen"),
    [
        ("", "True quiet False"),
        ('pcm.cinema { type plug slave.pcm "a52:0,640" }', "False a52 quiet False"),
        ("pcm.cinema { type plug slave.pcm a52 }", "False a52 quiet False"),
        ("pcm.!a52 { type null }", "False a52 quiet False"),
        ("defaults.pcm.rate_converter lavrate", "True quiet False"),
    ],
)
def test_the_encoder_stays_only_where_something_is_made_of_it(more: str, seen: str, tmp_path: Path) -> None:
    (tmp_path / "alsa.conf").write_text(STOCK + more)
    done = subprocess.run(
        [sys.executable, "-c", LOOK],
        env={"ALSA_CONFIG_PATH": str(tmp_path / "alsa.conf")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.strip() == seen, done.stderr


def test_without_a_configuration_nothing_happens(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOOK],
        env={"ALSA_CONFIG_PATH": str(tmp_path / "none.conf")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.strip() == "False False", done.stderr
