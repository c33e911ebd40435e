"""`auricle synthesize`: text to a WAV file, no daemon needed."""

import argparse

from auricle.cli.common import number_between, text_to_say


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", metavar="TEXT", help="what to say; - reads standard input")
    parser.add_argument(
        "-o", "--output", metavar="FILE.wav", required=True, help="24 kHz 16-bit mono; - is standard output"
    )
    parser.add_argument("--voice", help="a voice of the configured engine")
    parser.add_argument("--language", help="language of the text, such as en")
    parser.add_argument("--speed", type=number_between(0.5, 2), help="0.5 to 2; the pitch stays")
    parser.add_argument("--pitch", type=number_between(-12, 12), metavar="SEMITONES", help="-12 to 12; the pace stays")


def run(args: argparse.Namespace) -> int:
    import asyncio
    import sys
    import time

    from auricle.cli.common import load
    from auricle.cli.engines_only import TTS, running_engines
    from auricle.model.audio import OUTBOUND_RATE_HZ
    from auricle.model.errors import AudioFileError, BadRequest, WrongUsage
    from auricle.model.speech import SpeechRequest
    from auricle.pipeline.speak import LONGEST_TEXT
    from auricle.pipeline.synthesis import synthesized
    from auricle.pipeline.wav import WavWriter

    text = text_to_say(args.text)
    if len(text) > LONGEST_TEXT:
        raise WrongUsage(f"TEXT: {len(text)} characters; at most {LONGEST_TEXT} fit")
    loaded = load(args)
    tts = loaded.config.tts
    request = SpeechRequest(
        text=text,
        voice=args.voice or tts.voice or None,
        language=args.language or loaded.config.site.language,
        speed=args.speed or tts.speed,
        pitch=tts.pitch if args.pitch is None else args.pitch,
    )

    async def synthesize() -> float:
        async with running_engines(loaded, kinds=(TTS,)) as fleet:
            began = time.monotonic()
            frames = synthesized(request, fleet.tts, loudness_lufs=tts.loudness_lufs or None)
            # The file is opened once there is sound, so that a failure leaves an older one as it was.
            if (first := await anext(frames, None)) is None:
                raise BadRequest(f"{text!r} has nothing in it that can be said")
            with WavWriter(args.output, OUTBOUND_RATE_HZ) as wav:
                wav.write(first.pcm)
                async for frame in frames:
                    wav.write(frame.pcm)
            print(
                f"{args.output}: {wav.seconds:.2f} s of speech in {time.monotonic() - began:.2f} s",
                file=sys.stderr,
            )
            return wav.seconds

    try:
        asyncio.run(synthesize())
    except OSError as error:
        raise AudioFileError(f"{args.output}: {error.strerror or error}") from error
    return 0
