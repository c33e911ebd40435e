"""Sound files and standard input as microphones."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auricle.model.audio import AudioFrame
from auricle.model.errors import AudioFileError
from auricle.model.events import ComponentChanged, QualityFound
from auricle.pipeline.capture import Capture
from auricle.pipeline.sources import StandardInput
from auricle.settings import AudioInput


class Told:
    def __init__(self) -> None:
        self.changes: list[ComponentChanged] = []
        self.findings: list[QualityFound] = []

    def capture(self, **settings: object) -> Capture:
        return Capture(AudioInput(**settings), on_change=self.changes.append, on_quality=self.findings.append)  # type: ignore[arg-type]


@pytest.fixture
def told() -> Told:
    return Told()


def taken(capture: Capture) -> list[AudioFrame]:
    frames = []
    while not capture.ended:
        frame = capture.take(1.0)
        if frame is not None:
            frames.append(frame)
    return frames


def samples(frames: list[AudioFrame]) -> np.ndarray:
    return np.frombuffer(b"".join(frame.pcm for frame in frames), "<i2")


def speech_like(seconds: float, rate: int = 16_000) -> np.ndarray:
    return np.random.default_rng(5).normal(0, 2000, int(seconds * rate)).astype("<i2")


def test_a_fast_file_is_handed_over_bit_by_bit(told: Told, tmp_path: Path) -> None:
    sound = speech_like(2.01)
    soundfile.write(tmp_path / "a.wav", sound, 16_000)
    capture = told.capture(device=f"file:{tmp_path / 'a.wav'}", pace="fast", block_ms=60)
    capture.start()
    frames = taken(capture)
    assert np.array_equal(samples(frames), sound)
    assert [frame.first_sample for frame in frames] == list(range(0, len(sound), 960))
    assert capture.lossless
    assert capture.take(0.1) is None
    assert [(change.component, change.ok) for change in told.changes] == [("microphone", True)]
    capture.stop()


@pytest.mark.parametrize(("name", "rate"), [("a.flac", 44_100), ("a.ogg", 48_000), ("a.wav", 8_000)])
def test_any_rate_and_channels_become_inbound_audio(told: Told, tmp_path: Path, name: str, rate: int) -> None:
    at = np.arange(2 * rate) / rate
    tone = 0.25 * np.sin(2 * np.pi * 1000 * at)
    soundfile.write(tmp_path / name, np.stack([tone, tone], axis=1), rate)
    capture = told.capture(device=f"file:{tmp_path / name}", pace="fast")
    capture.start()
    got = samples(taken(capture)).astype(float)
    assert len(got) == pytest.approx(32_000, abs=20)
    middle = got[8000:24_000]
    assert np.argmax(np.abs(np.fft.rfft(middle))) == 1000
    assert np.sqrt((middle**2).mean()) == pytest.approx(0.25 * 32_768 / 2**0.5, rel=0.03)
    capture.stop()


def test_a_file_at_real_pace_takes_its_time(told: Told, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", speech_like(1.0), 16_000)
    capture = told.capture(device=f"file:{tmp_path / 'a.wav'}", block_ms=50)
    capture.start()
    began_s = time.monotonic()
    frames = taken(capture)
    assert time.monotonic() - began_s >= 0.9
    assert len(frames) == 20
    assert not capture.lossless
    spacing = [capture.arrived_at(frame.first_sample) for frame in frames]
    assert np.diff(spacing) == pytest.approx(0.05, abs=1e-6)
    capture.stop()


def test_take_waits_no_longer_than_told(told: Told, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", speech_like(1.0), 16_000)
    capture = told.capture(device=f"file:{tmp_path / 'a.wav'}", block_ms=200)
    capture.start()
    assert capture.take(0.0) is not None
    assert capture.take(0.01) is None
    assert not capture.ended
    capture.stop()
    assert capture.ended
    assert capture.take(1.0) is None


def test_a_missing_file_is_named(told: Told, tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match=r"nowhere\.wav cannot be read as sound"):
        told.capture(device=f"file:{tmp_path / 'nowhere.wav'}").start()


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "there is no such file"),
        (lambda path: path.symlink_to(path.with_name("gone")), "there is no such file"),
        (lambda path: path.touch(), "it is empty"),
        (lambda path: path.mkdir(), "Is a directory"),
    ],
)
def test_why_a_file_cannot_be_read_is_told(
    told: Told, tmp_path: Path, make: Callable[[Path], object], reason: str
) -> None:
    make(tmp_path / "odd.wav")
    with pytest.raises(AudioFileError, match=rf"odd\.wav cannot be read as sound: {reason}$"):
        told.capture(device=f"file:{tmp_path / 'odd.wav'}").start()


def test_a_file_that_is_no_sound_is_named(told: Told, tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("these are words")
    with pytest.raises(AudioFileError, match=r"text\.wav cannot be read as sound"):
        told.capture(device=f"file:{tmp_path / 'text.wav'}").start()


def test_a_cut_file_gives_what_there_is_and_ends(told: Told, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", speech_like(1.0), 16_000)
    whole = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(whole[: len(whole) // 2])
    capture = told.capture(device=f"file:{tmp_path / 'a.wav'}", pace="fast")
    capture.start()
    assert 7900 <= len(samples(taken(capture))) <= 8000
    capture.stop()


def test_conditioning_is_applied_and_quality_is_told(told: Told, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", speech_like(5.0) + np.int16(3000), 16_000)
    capture = told.capture(device=f"file:{tmp_path / 'a.wav'}", pace="fast", high_pass=True)
    capture.start()
    got = samples(taken(capture))
    assert abs(got[16_000:].mean()) < 100
    assert [event.finding for event in told.findings] == ["dc_offset"]
    capture.stop()


def test_arrivals_are_known_for_samples_to_come_and_long_gone(told: Told, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", speech_like(90.0), 16_000)
    capture = told.capture(device=f"file:{tmp_path / 'a.wav'}", pace="fast")
    capture.start()
    before_s = time.monotonic()
    last = taken(capture)[-1]
    times = [capture.arrived_at(sample) for sample in (0, last.first_sample, last.end_sample, last.end_sample + 99)]
    assert times == sorted(times)
    assert before_s <= times[0] <= times[-1] <= time.monotonic()
    capture.stop()


def test_standard_input_is_raw_inbound_audio() -> None:
    reading, writing = os.pipe()
    sound = speech_like(0.1)
    source = StandardInput(real=False, block_ms=60, descriptor=reading)
    os.write(writing, sound.tobytes()[:500])
    assert source.read(0.05) is None
    os.write(writing, sound.tobytes()[500:] + b"\x01")
    os.close(writing)
    got = b""
    while not source.ended:
        block = source.read(1.0)
        got += block.pcm if block is not None else b""
    assert got == sound.tobytes()
    source.stop()
    os.close(reading)


def test_standard_input_at_real_pace_is_paced() -> None:
    reading, writing = os.pipe()
    os.write(writing, speech_like(0.6).tobytes())
    os.close(writing)
    source = StandardInput(real=True, block_ms=100, descriptor=reading)
    began_s = time.monotonic()
    while not source.ended:
        source.read(1.0)
    assert time.monotonic() - began_s >= 0.45
    source.stop()
    os.close(reading)


def test_a_pipe_that_sends_nothing_can_be_stopped() -> None:
    reading, writing = os.pipe()
    source = StandardInput(real=True, block_ms=60, descriptor=reading)
    got: list[object] = []
    reader = threading.Thread(target=lambda: got.append(source.read(60.0)))
    reader.start()
    source.stop()
    reader.join(10)
    assert not reader.is_alive()
    assert got == [None]
    assert source.ended
    os.close(reading)
    os.close(writing)
