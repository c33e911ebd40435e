"""`auricle transcribe`: speech in sound files to text, no daemon needed."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auricle.cli.transcribe_files import Wanted

EXAMPLES = """\
examples:
  auricle transcribe memo.flac                       the words, on the terminal
  auricle transcribe talk.ogg --format srt -o .      subtitles, talk.srt
  auricle transcribe recordings/ --json -o texts     every sound file in a folder; again: only what is new

A recording is cut at its pauses, so any length will do. With -o, an output that is newer than its recording is left
as it is: a run that was interrupted goes on where it ended. A file that cannot be read is named, and the others go on.
"""

FORMATS = ("text", "json", "srt", "vtt")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="WAV, FLAC, OGG, MP3 …, any rate and channels; or a folder of them"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object per file")
    parser.add_argument("--format", choices=FORMATS, help="what is written; text unless --json is given")
    parser.add_argument("-o", "--output", metavar="DIR", help="write a file for each file into this folder")
    parser.add_argument("--again", action="store_true", help="with -o: also what is there already")
    parser.add_argument("--intent", action="store_true", help="also recognise the intent (nothing is done about it)")
    parser.add_argument("--language", help="language of the recordings, such as en; none: as configured")
    parser.add_argument(
        "--jobs",
        metavar="N",
        type=_jobs,
        default=1,
        help="files at a time, each with an engine process of its own (1); printed in the order of finishing",
    )


def run(args: argparse.Namespace) -> int:
    import asyncio

    from auricle.cli.common import load
    from auricle.cli.transcribe_files import transcribe_files

    return asyncio.run(transcribe_files(load(args), args.files, _wanted(args), jobs=args.jobs))


def _wanted(args: argparse.Namespace) -> "Wanted":
    """Raises ConfigError, which is wrong usage, for options that contradict each other."""
    from pathlib import Path

    from auricle.cli.transcribe_files import Wanted
    from auricle.model.errors import ConfigError

    form = args.format or ("json" if args.json else "text")
    if args.output is None:
        if args.json and form != "json":
            raise ConfigError(f"--json prints JSON; to have {form} too, name a folder for it with -o DIR")
        if args.again:
            raise ConfigError("--again is about what lies in the folder of -o DIR, and there is no -o")
        if form in ("srt", "vtt") and (len(args.files) > 1 or Path(args.files[0]).is_dir()):
            raise ConfigError(f"--format {form} for several files needs a folder to write into: -o DIR")
    return Wanted(
        form=form,
        print_json=args.json or (form == "json" and args.output is None),
        output=Path(args.output) if args.output is not None else None,
        again=args.again,
        intent=args.intent,
        language=args.language,
    )


def _jobs(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 64")
    return int(text)
