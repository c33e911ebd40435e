"""WAV files written as sound comes."""

import io
import struct
import sys
import wave
from pathlib import Path
from typing import BinaryIO

from auricle.model.audio import SAMPLE_BYTES

_UNKNOWN = 0xFFFFFFFF - 36


def wav_file(pcm: bytes, rate_hz: int) -> bytes:
    """A whole WAV file of 16-bit mono sound."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, SAMPLE_BYTES, rate_hz, 0, "NONE", ""))
        out.writeframes(pcm)
    return file.getvalue()


class WavWriter:
    """16-bit mono WAV to a file, or to standard output for `-`, where the length in the header is "unknown".

    Raises OSError if the file cannot be written.
    """

    def __init__(self, path: str, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._bytes = 0
        self._wave: wave.Wave_write | None = None
        self._pipe: BinaryIO | None = None
        if path == "-":
            self._pipe = sys.stdout.buffer
            self._pipe.write(wav_header(rate_hz))
        else:
            self._file = Path(path).open("wb")  # noqa: SIM115 -- closed by __exit__
            self._wave = wave.open(self._file)  # noqa: SIM115 -- closed by __exit__
            self._wave.setparams((1, SAMPLE_BYTES, rate_hz, 0, "NONE", ""))

    @property
    def seconds(self) -> float:
        return self._bytes / SAMPLE_BYTES / self._rate_hz

    def write(self, pcm: bytes) -> None:
        self._bytes += len(pcm)
        if self._wave is not None:
            self._wave.writeframes(pcm)
        elif self._pipe is not None:
            self._pipe.write(pcm)
            self._pipe.flush()

    def __enter__(self) -> "WavWriter":
        return self

    def __exit__(self, *error: object) -> None:
        if self._wave is not None:
            self._wave.close()
            self._file.close()
        elif self._pipe is not None:
            self._pipe.flush()


def wav_header(rate_hz: int) -> bytes:
    """The beginning of a WAV file of 16-bit mono sound whose length is not known yet.

    A canonical RIFF/WAVE header (Microsoft, IBM: Multimedia Programming Interface, 1991).
    """
    layout = struct.pack("<HHIIHH", 1, 1, rate_hz, rate_hz * SAMPLE_BYTES, SAMPLE_BYTES, 8 * SAMPLE_BYTES)
    return (
        b"RIFF" + struct.pack("<I", _UNKNOWN + 36) + b"WAVEfmt " + struct.pack("<I", 16) + layout
        + b"data" + struct.pack("<I", _UNKNOWN)
    )  # fmt: skip
