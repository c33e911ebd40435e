"""`auricle volume`: how loud the running daemon speaks; kept over restarts."""

import argparse

from auricle.cli.common import percent


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("value", metavar="0-100", nargs="?", type=percent, help="none: print what it is")
    parser.add_argument("--json", action="store_true", help='print what it is then, as {"volume": 80}')


def run(args: argparse.Namespace) -> int:
    from auricle.cli.bus_wire import Unsigned
    from auricle.cli.daemon_bus import running_daemon

    with running_daemon(args) as daemon:
        if args.value is not None:
            daemon.set("Volume", Unsigned(args.value))
        volume = daemon.get("Volume") if args.value is None or args.json else None
    if args.json:
        print(f'{{"volume": {volume}}}')
    elif args.value is None:
        print(volume)
    return 0
