"""Speakers that are no device: a file, nothing."""

import asyncio
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from auricle.model.audio import AudioFrame
from auricle.model.errors import AudioFileError
from auricle.model.events import ComponentChanged
from auricle.pipeline.devices import Device, Format
from auricle.pipeline.loudspeaker import gain, output_formats
from auricle.pipeline.playback import FileSpeaker, NullSpeaker, open_speaker
from auricle.settings import AudioOutput


def unexpected(event: ComponentChanged) -> None:
    raise AssertionError(event)


async def frames(*pieces: bytes) -> AsyncIterator[AudioFrame]:
    for pcm in pieces:
        yield AudioFrame(pcm, rate_hz=24_000)


def content(path: Path) -> bytes:
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (24_000, 1, 2)
        return file.readframes(file.getnframes())


async def test_a_file_holds_one_play_after_the_other(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    speaker = open_speaker(AudioOutput(device=f"file:{path}"), unexpected)
    assert content(path) == b""
    await speaker.play(frames(b"\1\0" * 100, b"\2\0" * 50), 80)
    assert content(path) == b"\1\0" * 100 + b"\2\0" * 50
    speaker.prepare()
    await speaker.play(frames(b"\3\0" * 10), 0)
    assert content(path) == b"\1\0" * 100 + b"\2\0" * 50 + b"\3\0" * 10
    await speaker.close()
    assert len(content(path)) == 320


async def test_a_cancelled_play_leaves_a_valid_file(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    speaker = FileSpeaker(str(path))
    written = asyncio.Event()

    async def endless() -> AsyncIterator[AudioFrame]:
        yield AudioFrame(b"\1\0" * 100, rate_hz=24_000)
        written.set()
        await asyncio.sleep(60)

    task = asyncio.create_task(speaker.play(endless(), 100))
    await written.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert content(path) == b"\1\0" * 100
    await speaker.close()


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match=r"nowhere/out\.wav cannot be written"):
        open_speaker(AudioOutput(device=f"file:{tmp_path}/nowhere/out.wav"), unexpected)


async def test_null_takes_everything_at_once() -> None:
    taken = []

    async def watched() -> AsyncIterator[AudioFrame]:
        async for frame in frames(*[bytes(48_000)] * 100):
            taken.append(frame)
            yield frame

    speaker = open_speaker(AudioOutput(device="null"), unexpected)
    assert isinstance(speaker, NullSpeaker)
    speaker.prepare()
    await speaker.play(watched(), 80)
    assert len(taken) == 100
    await speaker.close()


def test_volume_is_cubic_with_silence_and_unity_at_its_ends() -> None:
    assert [gain(volume) for volume in (0, 50, 100)] == [0.0, 0.125, 1.0]
    assert gain(-5) == 0.0
    assert gain(300) == 1.0


def test_a_device_is_tried_at_our_own_rate_first_and_at_each_format_once() -> None:
    device = Device(0, "card", "ALSA", input_channels=0, output_channels=2, default_rate_hz=48_000)
    formats = output_formats(device)
    assert formats[:3] == [Format(24_000, 1), Format(24_000, 2), Format(48_000, 1)]
    assert len(formats) == len(set(formats)) == 6
