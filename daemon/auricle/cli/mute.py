"""`auricle mute`: closes and opens the microphone of the running daemon; kept over restarts."""

import argparse


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("value", metavar="on|off", nargs="?", choices=("on", "off"), help="none: print which it is")


def run(args: argparse.Namespace) -> int:
    from auricle.cli.daemon_bus import running_daemon

    with running_daemon(args) as daemon:
        if args.value is None:
            print("on" if daemon.get("Muted") else "off")
        else:
            daemon.set("Muted", args.value == "on")
    return 0
