"""`auricle say`: speaks through the running daemon."""

import argparse

EXAMPLES = """\
Without --wait it returns as soon as the daemon has the request.
Exit status: 0 said (without --wait: accepted), 1 not said or refused, 3 the broker or the daemon is not reachable.

examples:
  auricle say --mqtt "Dinner is ready."
  auricle say --mqtt --wait --priority high "The washing machine is done."
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", metavar="TEXT", help="what to say; - reads standard input")
    parser.add_argument("--voice", help="a voice of the daemon's engine")
    parser.add_argument("--language", help="language of the text, such as en")
    parser.add_argument(
        "--priority", choices=("low", "normal", "high", "alarm"), help="an alarm interrupts, the others wait"
    )
    parser.add_argument("--speed", type=float, help="0.5 to 2; the pitch stays")
    parser.add_argument("--pitch", type=float, metavar="SEMITONES", help="-12 to 12; the pace stays")
    parser.add_argument("--volume", type=int, help="0 to 100; of this speech alone")
    parser.add_argument("--wait", action="store_true", help="return when it has been said")
    parser.add_argument("--mqtt", action="store_true", required=True, help="through the broker of [mqtt]")
    parser.add_argument("--json", action="store_true", help="print what became of it as JSON")


def run(args: argparse.Namespace) -> int:
    import sys

    from auricle.cli.common import load, print_json
    from auricle.cli.say_mqtt import say_over_mqtt
    from auricle.model.errors import NotConnected

    text = sys.stdin.read() if args.text == "-" else args.text
    names = ("voice", "language", "priority", "speed", "pitch", "volume")
    try:
        said = say_over_mqtt(
            load(args).config, text, {name: getattr(args, name) for name in names}, wait=bool(args.wait)
        )
    except NotConnected as error:
        print(f"auricle: {error}", file=sys.stderr)
        return 3
    if args.json:
        print_json({"id": said.id, "status": said.status, "reason": said.reason})
    else:
        print(said.id)
    if said.final and said.status != "finished":
        print(f"auricle: it was not said: {said.reason or said.status}", file=sys.stderr)
        return 1
    return 0
