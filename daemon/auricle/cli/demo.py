"""`auricle demo`: one spoken sentence through the very pipeline that the daemon runs, from a file into a file."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auricle.config import LoadedConfig

REPLY = "reply.wav"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "wav", metavar="WAV", nargs="?", help="a recording with a wake word and a command; none: a sentence is made"
    )
    parser.add_argument("--json", action="store_true", help="print the timeline as one JSON object")


def run(args: argparse.Namespace) -> int:
    import asyncio
    import tempfile

    from auricle.cli.common import load
    from auricle.logs import set_up

    loaded = load(args)
    set_up("warning")
    with tempfile.TemporaryDirectory(prefix="auricle-demo-") as folder:
        return asyncio.run(_demo(loaded, args.wav, Path(folder), as_json=args.json))


async def _demo(loaded: "LoadedConfig", wav: str | None, folder: Path, *, as_json: bool) -> int:
    from auricle.app import Daemon
    from auricle.cli.timeline import Timeline
    from auricle.model.errors import AudioFileError

    spoken = Path(wav) if wav is not None else await _speak(loaded, folder)
    if not spoken.is_file():
        raise AudioFileError(f"{spoken}: no such file")
    timeline = Timeline()
    async with Daemon(_for_demo(loaded, spoken), state=folder) as daemon:
        with daemon.bus.subscribe() as events:
            await timeline.follow(events, daemon.sound_ended, daemon.assistant)
    timeline.show(spoken=str(spoken) if wav else None, reply=REPLY, as_json=as_json)
    return 0 if timeline.complete else 1


def _for_demo(loaded: "LoadedConfig", spoken: Path) -> "LoadedConfig":
    """The user's configuration with a file for a microphone, a file for a speaker and no broker."""
    import dataclasses

    import msgspec

    config = loaded.config
    replace = msgspec.structs.replace
    audio = replace(
        config.audio,
        input=replace(config.audio.input, device=f"file:{spoken}", pace="real"),
        output=replace(config.audio.output, device=f"file:{REPLY}"),
    )
    changed = replace(
        config, audio=audio, mqtt=replace(config.mqtt, host=None), listen=replace(config.listen, chime=False)
    )
    return dataclasses.replace(loaded, config=changed)


async def _speak(loaded: "LoadedConfig", folder: Path) -> Path:
    """Have the configured voice say the first wake word and a question, with silence around it."""
    from auricle.cli.engines_only import TTS, running_engines
    from auricle.model.audio import OUTBOUND_RATE_HZ
    from auricle.model.errors import ConfigError
    from auricle.model.speech import SpeechRequest
    from auricle.pipeline.synthesis import synthesized
    from auricle.pipeline.wav import WavWriter

    words = loaded.config.wake.words
    if not words:
        raise ConfigError("wake.words: the demo needs a wake word, and the configuration has none")
    name = Path(words[0].model).stem.replace("_", " ")
    path = folder / "spoken.wav"
    async with running_engines(loaded, kinds=(TTS,)) as fleet:
        with WavWriter(str(path), OUTBOUND_RATE_HZ) as wav:
            wav.write(bytes(OUTBOUND_RATE_HZ))
            async for frame in synthesized(SpeechRequest(text=f"{name}, what time is it?"), fleet.tts):
                wav.write(frame.pcm)
            wav.write(bytes(2 * 2 * OUTBOUND_RATE_HZ))
    return path
