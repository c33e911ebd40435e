"""`auricle say`: speaks through the running daemon."""

import argparse

from auricle.cli.common import number_between, percent, text_to_say

FINAL = ("finished", "cancelled", "expired", "failed")
_LONGEST_S = 7 * 24 * 3600.0
EXAMPLES = """\
Without --wait it returns as soon as the daemon has the request.
Exit status: 0 said (without --wait: accepted), 1 not said or refused, 3 the broker or the daemon is not reachable.

examples:
  auricle say "Dinner is ready."
  auricle say --wait --voice joe --speed 1.2 "Shoes on, we are leaving."
  auricle say --mqtt --wait --priority high "The washing machine is done."
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", metavar="TEXT", help="what to say; - reads standard input")
    parser.add_argument("--voice", help="a voice of the daemon's engine")
    parser.add_argument("--language", help="language of the text, such as en")
    parser.add_argument(
        "--priority", choices=("low", "normal", "high", "alarm"), help="an alarm interrupts, the others wait"
    )
    parser.add_argument("--speed", type=number_between(0.5, 2), help="0.5 to 2; the pitch stays")
    parser.add_argument("--pitch", type=number_between(-12, 12), metavar="SEMITONES", help="-12 to 12; the pace stays")
    parser.add_argument("--volume", type=percent, help="0 to 100; of this speech alone")
    parser.add_argument("--wait", action="store_true", help="return when it has been said")
    parser.add_argument("--mqtt", action="store_true", help="through the broker of [mqtt], else D-Bus")
    parser.add_argument("--json", action="store_true", help="print what became of it as JSON")


def run(args: argparse.Namespace) -> int:
    import sys

    text = text_to_say(args.text)
    names = ("voice", "language", "priority", "speed", "pitch", "volume")
    options = {name: value for name in names if (value := getattr(args, name)) is not None}
    id, status, reason = (_over_mqtt if args.mqtt else _over_bus)(args, text, options)
    if args.json:
        import json

        print(json.dumps({"id": id, "status": status, "reason": reason}, ensure_ascii=False, indent=2))
    else:
        print(id)
    if status in FINAL and status != "finished":
        print(f"auricle: it was not said: {reason or status}", file=sys.stderr)
        return 1
    return 0


def _over_mqtt(args: argparse.Namespace, text: str, options: dict[str, object]) -> tuple[str, str, str | None]:
    from auricle.cli.common import load
    from auricle.cli.daemon_bus import NotReachable
    from auricle.cli.say_mqtt import say_over_mqtt
    from auricle.model.errors import NotConnected

    try:
        said = say_over_mqtt(load(args).config, text, options, wait=bool(args.wait))
    except NotConnected as error:
        raise NotReachable(str(error)) from None
    return said.id, said.status, said.reason


def _over_bus(args: argparse.Namespace, text: str, options: dict[str, object]) -> tuple[str, str, str | None]:
    from auricle.cli.daemon_bus import running_daemon

    with running_daemon(args) as daemon:
        if args.wait:
            daemon.watch()
        [id] = daemon.call("Say", "sa{sv}", text, options)
        status = "queued"
        if args.wait:
            for signal in daemon.signals(_LONGEST_S):
                if signal.member == "SpeechChanged" and signal.body[0] == id:
                    status = str(signal.body[1])
                    if status in FINAL:
                        break
        return str(id), status, None
