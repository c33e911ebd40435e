"""`auricle run`: the daemon, in the foreground."""

import argparse


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--events",
        metavar="FILE",
        help='write every event as a JSON line {"topic", "payload"}; - is standard output',
    )


def run(args: argparse.Namespace) -> int:
    import asyncio

    from auricle.app import serve
    from auricle.cli.common import load
    from auricle.logs import set_up

    loaded = load(args)
    set_up(loaded.config.log.level, loaded.config.site.id)
    return asyncio.run(serve(loaded, events_file=args.events))
