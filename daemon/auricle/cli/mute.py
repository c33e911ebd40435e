"""`auricle mute`: closes and opens the microphone of the running daemon; kept over restarts."""

import argparse


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("value", metavar="on|off", nargs="?", choices=("on", "off"), help="none: print which it is")
    parser.add_argument("--json", action="store_true", help='print which it is then, as {"muted": true}')


def run(args: argparse.Namespace) -> int:
    from auricle.cli.daemon_bus import running_daemon

    with running_daemon(args) as daemon:
        if args.value is not None:
            daemon.set("Muted", args.value == "on")
        muted = daemon.get("Muted") if args.value is None or args.json else False
    if args.json:
        print('{"muted": true}' if muted else '{"muted": false}')
    elif args.value is None:
        print("on" if muted else "off")
    return 0
