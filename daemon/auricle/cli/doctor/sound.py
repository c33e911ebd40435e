"""Microphone and speaker: there, not muted, loud enough, quiet enough, not held by another program."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from math import log10, pi
from pathlib import Path

import numpy as np
import numpy.typing as npt

from auricle.cli.doctor.finding import Finding, ask, failed, ok, skipped, warning
from auricle.model.audio import INBOUND_RATE_HZ, OUTBOUND_RATE_HZ, AudioFrame
from auricle.model.errors import AuricleError
from auricle.model.events import ComponentChanged
from auricle.pipeline.capture import Capture
from auricle.pipeline.devices import PORTAUDIO, find
from auricle.pipeline.playback import open_speaker
from auricle.settings import Config

_MICROPHONE, _SPEAKER = "microphone", "speaker"
_LISTEN_S = 2.0
_FIRST_SOUND_S = 6.0
_BLOCK = INBOUND_RATE_HZ // 20
_FLOOR_DBFS = -120.0
_NOISY_DBFS = -35.0
_FAINT_DBFS = -80.0
_TONE_HZ, _TONE_S = 440.0, 0.6
_PLAY_S = 15.0
_UNMUTE = "pactl set-source-mute @DEFAULT_SOURCE@ 0"
_WHY = "a wake word is found in what the microphone hears"


def check(config: Config, *, play: bool) -> Iterator[Finding]:
    device = config.audio.input.device
    if isinstance(device, str) and device.startswith("file:"):
        yield _file(device.removeprefix("file:"))
    elif device == "-":
        yield skipped(_MICROPHONE, "standard input is listened to, not a device")
    else:
        yield from _microphone(config)
    yield _speaker(config, play=play)


def _file(path: str) -> Finding:
    if Path(path).is_file():
        return ok(_MICROPHONE, f"{path} is listened to, not a device")
    why = "it is to be heard in the place of a microphone"
    return failed(
        _MICROPHONE, f"[audio.input] device: there is no file {path}", why, '[audio.input] device = "default"'
    )


def _microphone(config: Config) -> Iterator[Finding]:
    device = config.audio.input.device
    try:
        found = find(PORTAUDIO.devices(), device, "input")
    except AuricleError as error:
        near = re.search(r"the nearest is '(.+)' \(", error.message)
        advice = (
            (f'[audio.input] device = "{near.group(1)}"', "auricle devices    lists them all")
            if near
            else ("plug a microphone in, or start the sound server (see above)", "auricle devices")
        )
        yield failed(_MICROPHONE, f"[audio.input] device = {_toml(device)}: {error.message}", _WHY, *advice)
        return
    if (only_echo := _monitor(config)) is not None:
        yield only_echo
        return
    held = _held_by()
    told: list[ComponentChanged] = []
    pcm = _listen(config, told)
    detail = told[-1].detail if told else found.name
    if not pcm:
        who = f"; {held} has it open" if held else ""
        mend = [f"end that program, or let both use the sound server ({held})"] if held else []
        yield failed(
            _MICROPHONE,
            f"no sound comes from {found.name}: {detail}{who}",
            _WHY,
            *mend,
            "systemctl --user restart pipewire pipewire-pulse wireplumber    (or: pulseaudio -k)",
        )
        return
    yield _judged(detail.partition("; ")[0], np.frombuffer(pcm, "<i2"), held)


def _listen(config: Config, told: list[ComponentChanged]) -> bytes:
    """Two seconds of sound, from when it begins to come; nothing if none comes."""
    capture = Capture(config.audio.input, on_change=told.append, on_quality=lambda quality: None)
    capture.start()
    pieces: list[bytes] = []
    samples = 0
    deadline = time.monotonic() + _FIRST_SOUND_S + _LISTEN_S
    try:
        while samples < _LISTEN_S * INBOUND_RATE_HZ and time.monotonic() < deadline:
            frame = capture.take(0.25)
            if frame is not None:
                pieces.append(frame.pcm)
                samples += frame.samples
    finally:
        capture.stop()
    return b"".join(pieces)


def _judged(device: str, sound: npt.NDArray[np.int16], held: str) -> Finding:
    exact = sound.astype(np.float64)
    blocks = exact[: len(exact) // _BLOCK * _BLOCK].reshape(-1, _BLOCK)
    levels = [_dbfs(float(np.sqrt(np.mean(np.square(block - block.mean()))))) for block in blocks]
    level, floor = _dbfs(float(np.sqrt(np.mean(np.square(exact - exact.mean()))))), float(np.percentile(levels, 10))
    said = f"{device}: level {level:.0f} dBFS, noise floor {floor:.0f} dBFS" + (
        f"; also open in {held}" if held else ""
    )
    peak = int(np.abs(exact).max()) if len(exact) else 0
    if peak == 0:
        return failed(
            _MICROPHONE,
            f"{device}: only zeros come; it is muted or unplugged",
            _WHY,
            _UNMUTE,
            "without a sound server: alsamixer -V capture, and look for a switch on the microphone",
        )
    if level < _FAINT_DBFS:
        return warning(_MICROPHONE, f"{said}; hardly anything", _WHY, "pactl set-source-volume @DEFAULT_SOURCE@ 100%")
    if peak >= 32_700:
        why = "overdriven speech is understood badly"
        return warning(_MICROPHONE, f"{said}; it clips", why, "pactl set-source-volume @DEFAULT_SOURCE@ 70%")
    if floor > _NOISY_DBFS:
        why = "speech must stand out from the noise"
        return warning(_MICROPHONE, f"{said}; it is loud here", why, "[audio.input] noise_suppression = 2")
    return ok(_MICROPHONE, said)


def _monitor(config: Config) -> Finding | None:
    """A sound server without a microphone offers what the speaker plays as its default."""
    if config.audio.input.device not in ("default", "pulse", "pipewire"):
        return None
    source = (ask("pactl", "get-default-source") or "").strip()
    if not source.endswith(".monitor"):
        return None
    listed = [
        line.split("\t")[1] for line in (ask("pactl", "list", "short", "sources") or "").splitlines() if "\t" in line
    ]
    real = [name for name in listed if not name.endswith(".monitor")]
    what = f"no microphone: the sound server's default source is {source}, what the speaker plays"
    if real:
        return failed(_MICROPHONE, what, _WHY, f"pactl set-default-source {real[0]}")
    return failed(
        _MICROPHONE, what, _WHY, "plug a microphone in, then: pactl list short sources", "pactl set-default-source NAME"
    )


def _held_by() -> str:
    """Which programs have a sound card's microphone open, beside sound servers, which share it."""
    found = set()
    for status in Path("/proc/asound").glob("card*/pcm*c/sub*/status"):
        try:
            owner = re.search(r"owner_pid\s*:\s*(\d+)", status.read_text())
            if owner is not None:
                found.add(Path(f"/proc/{owner.group(1)}/comm").read_text().strip())
        except OSError:
            continue
    return ", ".join(sorted(found - {"pulseaudio", "pipewire", "wireplumber"}))


def _speaker(config: Config, *, play: bool) -> Finding:
    device = config.audio.output.device
    if device == "null" or (isinstance(device, str) and device.startswith("file:")):
        return skipped(_SPEAKER, f"{device} is no device")
    why = "replies and announcements are to be heard"
    try:
        found = find(PORTAUDIO.devices(), device, "output")
    except AuricleError as error:
        near = re.search(r"the nearest is '(.+)' \(", error.message)
        advice = (
            f'[audio.output] device = "{near.group(1)}"' if near else "plug a speaker in, or start the sound server"
        )
        return failed(
            _SPEAKER, f"[audio.output] device = {_toml(device)}: {error.message}", why, advice, "auricle devices"
        )
    muted = (ask("pactl", "get-sink-mute", "@DEFAULT_SINK@") or "").strip().endswith("yes")
    if muted and device in ("default", "pulse", "pipewire"):
        return failed(_SPEAKER, f"{found.name} is muted", why, "pactl set-sink-mute @DEFAULT_SINK@ 0")
    if not play:
        return ok(_SPEAKER, f"{found.name}; --play plays a tone on it")
    try:
        asyncio.run(asyncio.wait_for(_tone(config), _PLAY_S))
    except TimeoutError:
        mend = "systemctl --user restart pipewire pipewire-pulse wireplumber    (or: pulseaudio -k)"
        return failed(_SPEAKER, f"{found.name} took no sound within {_PLAY_S:g} s", why, mend)
    except AuricleError as error:
        return failed(_SPEAKER, error.message, why, "auricle devices")
    return ok(_SPEAKER, f"{found.name}; a tone was played: if you heard none, look at its volume and its cable")


async def _tone(config: Config) -> None:
    async def frames() -> AsyncIterator[AudioFrame]:
        at = np.arange(int(_TONE_S * OUTBOUND_RATE_HZ))
        fade = np.minimum(1.0, np.minimum(at, at[::-1]) / (0.02 * OUTBOUND_RATE_HZ))
        wave = 0.25 * 32_767 * fade * np.sin(2 * pi * _TONE_HZ * at / OUTBOUND_RATE_HZ)
        yield AudioFrame(wave.astype("<i2").tobytes(), rate_hz=OUTBOUND_RATE_HZ)

    speaker = open_speaker(config.audio.output, lambda event: None)
    try:
        await speaker.play(frames(), config.audio.output.volume)
    finally:
        await speaker.close()


def _toml(device: str | int) -> str:
    return str(device) if isinstance(device, int) else f'"{device}"'


def _dbfs(level: float) -> float:
    return max(_FLOOR_DBFS, 20 * log10(level / 32_768)) if level > 0 else _FLOOR_DBFS
