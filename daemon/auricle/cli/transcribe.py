"""`auricle transcribe`: speech in sound files to text, no daemon needed."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from auricle.config import LoadedConfig
    from auricle.engines.fleet import Fleet
    from auricle.model.audio import AudioFrame
    from auricle.pipeline.dispatch import Dispatcher


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", metavar="FILE", nargs="+", help="WAV, FLAC or OGG, any rate and channels")
    parser.add_argument("--json", action="store_true", help="print one JSON object per file")
    parser.add_argument("--intent", action="store_true", help="also recognise the intent (nothing is done about it)")
    parser.add_argument("--language", help="language of the recordings, such as en; none: as configured")


def run(args: argparse.Namespace) -> int:
    import asyncio

    from auricle.cli.common import load

    return asyncio.run(_transcribe(load(args), args))


async def _transcribe(loaded: "LoadedConfig", args: argparse.Namespace) -> int:
    import sys

    from rich.console import Console
    from rich.progress import Progress

    from auricle.cli.engines_only import STT, dispatcher_of, running_engines
    from auricle.model.errors import AudioFileError, EngineError

    failed = 0
    async with running_engines(loaded, kinds=(STT,)) as fleet:
        dispatcher = dispatcher_of(loaded) if args.intent else None
        console = Console(file=sys.stderr)
        with Progress(console=console, transient=True, disable=len(args.files) < 2 or not sys.stderr.isatty()) as bar:
            task = bar.add_task("transcribing", total=len(args.files))
            for name in args.files:
                try:
                    line = await _one(name, loaded, args, fleet, dispatcher)
                except (AudioFileError, EngineError) as error:
                    failed += 1
                    print(f"auricle: {error.message}", file=sys.stderr)
                else:
                    print(line, flush=True)
                bar.advance(task)
    return 1 if failed else 0


async def _one(
    name: str, loaded: "LoadedConfig", args: argparse.Namespace, fleet: "Fleet", dispatcher: "Dispatcher | None"
) -> str:
    import json
    import time

    from auricle.model.audio import INBOUND_RATE_HZ
    from auricle.model.errors import EngineError
    from auricle.model.intent import Transcript
    from auricle.model.turn import Turn
    from auricle.pipeline.files import inbound_frames

    configured = loaded.config.stt.language
    samples = 0
    began = time.monotonic()

    async def frames() -> "AsyncIterator[AudioFrame]":
        nonlocal samples
        for frame in inbound_frames(name):
            samples += frame.samples
            yield frame

    final: Transcript | None = None
    language = args.language or (configured if isinstance(configured, str) and configured != "auto" else None)
    async for transcript in fleet.stt.transcribe(frames(), language):
        if transcript.final:
            final = transcript
    if final is None:
        raise EngineError(f"{name}: the STT engine ended without a transcript")
    facts: dict[str, object] = {
        "file": name,
        "text": final.text,
        "language": final.language,
        "confidence": final.confidence,
        "audio_s": round(samples / INBOUND_RATE_HZ, 3),
        "latency_ms": round(1000 * (time.monotonic() - began), 1),
    }
    if dispatcher is not None:
        intent = await dispatcher.recognize(final, Turn())
        facts |= {
            "intent": intent.name if intent else None,
            "slots": dict(intent.slots) if intent else None,
            "score": intent.score if intent else None,
        }
    if args.json:
        return json.dumps(facts, ensure_ascii=False, default=str)
    line = final.text.strip() or "(no words)"
    if len(args.files) > 1:
        line = f"{name}: {line}"
    if dispatcher is not None:
        line += (
            f"  [{facts['intent'] or 'no intent'} {json.dumps(facts['slots'] or {}, ensure_ascii=False, default=str)}]"
        )
    return line
