"""`auricle stop`: silences what is said and waits to be said."""

import argparse


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", nargs="?", default="", help="only this speech or turn; none: everything")


def run(args: argparse.Namespace) -> int:
    from auricle.cli.daemon_bus import running_daemon

    with running_daemon(args) as daemon:
        daemon.call("Stop", "s", args.id)
    return 0
