"""Outbound audio to where it is heard: a device, a WAV file, or nowhere."""

import wave
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from auricle.model.audio import OUTBOUND_RATE_HZ, SAMPLE_BYTES, AudioFrame
from auricle.model.errors import AudioFileError
from auricle.model.events import ComponentChanged
from auricle.pipeline.loudspeaker import DeviceSpeaker, Played
from auricle.settings import AudioOutput

__all__ = ["DeviceSpeaker", "FileSpeaker", "NullSpeaker", "open_speaker"]


class FileSpeaker:
    """Appends what is played to a 24 kHz 16-bit mono WAV, valid after every frame; at once and at unity volume.

    The file is for listening to and for tests, so the volume, which is about a room, does not act on it.
    Raises AudioFileError if the file cannot be written.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        try:
            self._file = Path(path).open("wb")  # noqa: SIM115 -- closed by close()
        except OSError as error:
            raise AudioFileError(f"{path} cannot be written: {error.strerror}") from error
        self._wave = wave.open(self._file)  # noqa: SIM115 -- closed by close()
        self._wave.setparams((1, SAMPLE_BYTES, OUTBOUND_RATE_HZ, 0, "NONE", "not compressed"))
        self._write(b"")

    def prepare(self) -> None:
        """The file is open already."""

    async def play(self, frames: AsyncIterator[AudioFrame], volume: int) -> None:
        """See ports.Speaker. Raises AudioFileError if the disk is full."""
        async for frame in frames:
            self._write(frame.pcm)

    async def close(self) -> None:
        try:
            self._wave.close()
        finally:
            self._file.close()

    def _write(self, pcm: bytes) -> None:
        try:
            self._wave.writeframes(pcm)
            self._file.flush()
        except OSError as error:
            raise AudioFileError(f"{self._path} cannot be written: {error.strerror}") from error


class NullSpeaker:
    """Takes what is played and drops it at once."""

    def prepare(self) -> None:
        """There is nothing to open."""

    async def play(self, frames: AsyncIterator[AudioFrame], volume: int) -> None:
        async for _ in frames:
            pass

    async def close(self) -> None:
        """There is nothing to close."""


def open_speaker(
    settings: AudioOutput, on_change: Callable[[ComponentChanged], None], played: Played | None = None
) -> DeviceSpeaker | FileSpeaker | NullSpeaker:
    """The speaker that the settings name. A device is opened when it is first needed.

    on_change: called on the event loop. played: told of what a device plays. Raises AudioFileError for a file that
    cannot be written.
    """
    device = settings.device
    if device == "null":
        return NullSpeaker()
    if isinstance(device, str) and device.startswith("file:"):
        return FileSpeaker(device.removeprefix("file:"))
    return DeviceSpeaker(device, on_change, played=played)
