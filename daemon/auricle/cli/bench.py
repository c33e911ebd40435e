"""`auricle bench`: measure this machine."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auricle.cli.figures import Figure


def arguments(parser: argparse.ArgumentParser) -> None:
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
        "--only",
        action="append",
        choices=["idle", "start", "turn", "stt", "tts"],
        help="measure only this (may be repeated)",
    )


def run(args: argparse.Namespace) -> int:
    import asyncio
    import sys
    import tempfile
    from pathlib import Path

    from rich.console import Console

    from auricle.cli import figures
    from auricle.cli.common import load, print_json, print_table
    from auricle.logs import set_up
    from auricle.model.errors import BadRequest

    if args.rounds < 1 or args.seconds < 1:
        raise BadRequest("--rounds and --seconds: at least 1")
    loaded = load(args)
    set_up("error")
    wanted = args.only or ["start", "idle", "stt", "tts", "turn"]
    measured: list[Figure] = []
    console = Console(file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="auricle-bench-") as folder, console.status("measuring") as status:
        for bench in figures.all_benches(loaded, Path(folder), rounds=args.rounds, seconds=args.seconds):
            if bench.topic in wanted and (args.microphone or not bench.needs_microphone):
                status.update(f"measuring {bench.what}")
                measured += asyncio.run(bench.measure())
    if args.json:
        print_json({figure.name: figure.as_dict() for figure in measured})
    else:
        print_table(
            ("what", "median", "lowest", "highest", "unit"),
            [(figure.name, *figure.columns(), figure.unit) for figure in measured],
        )
    return 0
