"""`auricle bench`: measure this machine."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auricle.cli.figures import Figure


def arguments(parser: argparse.ArgumentParser) -> None:
    from auricle.cli.figures import TOPICS

    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    parser.add_argument(
        "--rounds", type=int, default=7, metavar="N", help="repetitions of each measurement (default 7)"
    )
    parser.add_argument("--seconds", type=float, default=20.0, metavar="S", help="length of each idle run (default 20)")
    parser.add_argument(
        "--microphone",
        action="store_true",
        help="measure idle listening on the configured microphone too, as it sounds now",
    )
    parser.add_argument(
        "--recordings",
        type=Path,
        metavar="FOLDER",
        help="real recordings (WAV or FLAC), for the measurements that need some",
    )
    parser.add_argument(
        "--noise", type=Path, metavar="FILE", help="noise to mix into the recordings, for the topics intents and wake"
    )
    parser.add_argument(
        "--every", type=int, default=1, metavar="N", help="only every Nth recording, for the topics commands and barge"
    )
    parser.add_argument(
        "--ablation",
        action="store_true",
        help="the topic commands again on the same recordings, without meaning and without speculation",
    )
    parser.add_argument(
        "--minutes",
        type=float,
        default=30.0,
        metavar="M",
        help="of speech, for the topic own-voice (default 30)",
    )
    parser.add_argument("--only", action="append", choices=list(TOPICS), help="measure only this (may be repeated)")


def run(args: argparse.Namespace) -> int:
    import asyncio
    import contextlib
    import tempfile

    from auricle.cli import figures
    from auricle.cli.common import load, print_json, print_table
    from auricle.cli.figures.places import in_own_places
    from auricle.cli.figures.progress import Shown
    from auricle.logs import set_up
    from auricle.model.errors import WrongUsage

    if args.rounds < 1 or args.seconds < 1 or args.every < 1:
        raise WrongUsage("--rounds, --seconds and --every: at least 1")
    if not 0 < args.minutes <= 1440:
        raise WrongUsage("--minutes: more than 0, and a day at most")
    if args.recordings is not None and not args.recordings.is_dir():
        raise WrongUsage(f"--recordings: {args.recordings} is no folder")
    if args.noise is not None and not args.noise.is_file():
        raise WrongUsage(f"--noise: {args.noise} is no file")
    loaded = load(args)
    set_up("error")
    measured: list[Figure] = []
    interrupted = False
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="auricle-bench-"))
        shown = stack.enter_context(Shown())
        stack.enter_context(in_own_places(Path(folder)))
        progress = figures.Progress(shown.show, shown.line)
        plan = figures.Plan(
            Path(folder),
            args.rounds,
            args.seconds,
            args.recordings,
            args.noise,
            args.every,
            args.ablation,
            args.minutes,
            progress,
        )
        for bench in figures.benches(loaded, plan, args.only or figures.USUAL):
            if args.microphone or not bench.needs_microphone:
                shown.measuring(bench.what)
                try:
                    measured += asyncio.run(bench.measure())
                except KeyboardInterrupt:
                    interrupted = True
                if interrupted := interrupted or progress.interrupted:
                    break
        if interrupted:
            shown.line("interrupted: the figures are of what was measured until then")
    if args.json:
        print_json({figure.name: figure.as_dict() for figure in measured})
    elif measured:
        print_table(
            ("what", "median", "95 %", "lowest", "highest", "n", "unit"),
            [(figure.name, *figure.columns(), figure.unit) for figure in measured],
        )
    return 130 if interrupted else 0
