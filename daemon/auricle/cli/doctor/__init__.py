"""`auricle doctor`: what keeps this machine from hearing and speaking, why that matters, and what mends it."""

import argparse
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from auricle.cli.common import add_json, load_judged, print_json

if TYPE_CHECKING:
    from auricle.cli.doctor.finding import Finding
    from auricle.config import LoadedConfig

EXAMPLES = """\
examples:
  auricle doctor                      every check; the microphone is listened to for 2 s
  auricle doctor --play               also play a tone
  auricle doctor --only sound models  some groups of checks

Run it as the user that the daemon runs as. Exit status: 1 if something is wrong.
"""

GROUPS = ("server", "sound", "models", "engines", "broker", "dbus", "http", "unit", "machine")
"""In the order in which one needs the other."""


def arguments(parser: argparse.ArgumentParser) -> None:
    add_json(parser, "the findings")
    parser.add_argument("--play", action="store_true", help="play a tone on the speaker")
    parser.add_argument("--only", metavar="GROUP", nargs="+", choices=GROUPS, help=f"of {', '.join(GROUPS)}")


def run(args: argparse.Namespace) -> int:
    loaded = load_judged(args)
    found: list[Finding] = []
    for finding in _findings(loaded, args.only or GROUPS, play=args.play):
        found.append(finding)
        if not args.json:
            print(finding.in_lines(colour=sys.stdout.isatty()), flush=True)
    failed = [finding for finding in found if finding.state == "failed"]
    if args.json:
        print_json([finding.as_json() for finding in found])
    elif failed:
        print(f"\n{len(failed)} of {len(found)} checks failed", file=sys.stderr)
    return 1 if failed else 0


def _findings(loaded: "LoadedConfig", groups: "list[str] | tuple[str, ...]", *, play: bool) -> "Iterator[Finding]":
    from auricle.cli.doctor import broker, http, machine, message_bus, models, server, sound, speech, unit

    checks: dict[str, Callable[[], Iterator[Finding]]] = {
        "server": lambda: server.check(loaded.config),
        "sound": lambda: sound.check(loaded.config, play=play),
        "models": lambda: models.check(loaded),
        "engines": lambda: speech.check(loaded),
        "broker": lambda: broker.check(loaded.config),
        "dbus": lambda: message_bus.check(loaded.config),
        "http": lambda: http.check(loaded.config),
        "unit": unit.check,
        "machine": lambda: machine.check(loaded.config),
    }
    for group in GROUPS:
        if group in groups:
            yield from checks[group]()
