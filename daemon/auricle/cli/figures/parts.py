"""What measurements share: a daemon to measure, sound for it, and what the kernel knows of a process."""

import asyncio
import contextlib
import dataclasses
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import msgspec

from auricle.cli.figures.places import own_places
from auricle.config import LoadedConfig
from auricle.engines.fleet import Fleet
from auricle.model.audio import INBOUND_RATE_HZ, OUTBOUND_RATE_HZ, AudioFrame
from auricle.model.errors import AuricleError
from auricle.model.speech import SpeechRequest
from auricle.pipeline.rate import Resampler
from auricle.pipeline.synthesis import synthesized
from auricle.pipeline.wav import WavWriter

_START_S = 120.0
_TICKS_HZ = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@contextlib.asynccontextmanager
async def child(
    loaded: LoadedConfig, folder: Path, sound: Path | None, environ: Mapping[str, str] = MappingProxyType({})
) -> AsyncIterator[tuple[int, float]]:
    """A daemon in a process of its own that listens to `sound` at real pace, or to the configured microphone.

    Yields its process id and the seconds that it took to be ready. environ: what it is told beside that.
    """
    events = folder / "events.jsonl"
    events.unlink(missing_ok=True)
    overrides = {
        "AURICLE__AUDIO__OUTPUT__DEVICE": "null",
    } | own_places(folder)
    if sound is not None:
        overrides |= {"AURICLE__AUDIO__INPUT__DEVICE": f"file:{sound}", "AURICLE__AUDIO__INPUT__PACE": "real"}
    if loaded.path is not None:
        overrides["AURICLE_CONFIG"] = str(loaded.path)
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "auricle", "run", "--events", str(events),
        env={**os.environ, **overrides, **environ}, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        async with asyncio.timeout(_START_S):
            while line := await process.stderr.readline():
                if b"listening for" in line:
                    break
            else:
                raise AuricleError(f"the daemon ended with {await process.wait()} instead of starting")
        ready_s = time.monotonic() - began
        drain = asyncio.create_task(process.stderr.read(), name="drain")
        yield process.pid, ready_s
        process.send_signal(signal.SIGTERM)
        await drain
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        await process.wait()


def with_sound(loaded: LoadedConfig, sound: Path, *, cache_mb: int = 0) -> LoadedConfig:
    """The configuration with `sound` for a microphone, nothing for a speaker, no broker, and all speech made anew."""
    config, replace = loaded.config, msgspec.structs.replace
    source = replace(config.audio.input, device=f"file:{sound}", pace="real")
    audio = replace(config.audio, input=source, output=replace(config.audio.output, device="null"))
    quiet = replace(
        config,
        audio=audio,
        tts=replace(config.tts, cache_mb=cache_mb),
        mqtt=replace(config.mqtt, host=None),
        listen=replace(config.listen, chime=False),
    )
    return dataclasses.replace(loaded, config=quiet)


async def spoken(fleet: Fleet, text: str) -> bytes:
    """The configured voice's own words as inbound audio."""
    resampler = Resampler(OUTBOUND_RATE_HZ, INBOUND_RATE_HZ)
    pcm = [resampler.feed(frame.pcm) async for frame in synthesized(SpeechRequest(text=text), fleet.tts)]
    return b"".join(pcm) + resampler.finish()


async def transcribed(fleet: Fleet, pcm: bytes) -> str:
    async def frames() -> AsyncIterator[AudioFrame]:
        yield AudioFrame(pcm)

    return "".join([heard.text async for heard in fleet.stt.transcribe(frames(), "en") if heard.final])


def write(path: Path, pcm: bytes, rate_hz: int) -> Path:
    with WavWriter(str(path), rate_hz) as wav:
        wav.write(pcm)
    return path


def cpu_s(pid: int) -> float:
    """User and system time of a process (proc(5): fields 14 and 15 of `stat`)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_HZ


def rss_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE / 1e6


def workers_mb(pid: int) -> Sequence[tuple[str, float]]:
    """Name and resident memory of each engine's process below `pid`."""
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        words = Path(f"/proc/{child}/cmdline").read_bytes().decode().split("\0")
        found += [(word.removeprefix("--name="), rss_mb(int(child))) for word in words if word.startswith("--name=")]
    return found
