"""`auricle monitor`: the running daemon, live: level, wake scores over time, state, last turns with their times."""

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auricle.cli.daemon_bus import RunningDaemon
    from auricle.cli.monitor_view import Watched

EXAMPLES = """\
Ends with Ctrl-C. Where the output is no terminal, a line is printed every second.
Exit status: 0 after --seconds, 130 Ctrl-C, 3 no daemon is running or it ended.

examples:
  auricle monitor
  auricle monitor --json --seconds 10
"""

_EVERY_S = 0.15
_LINE_EVERY_S = 1.0
_LONGEST_S = 86_400.0


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=_seconds, metavar="S", default=None, help="end after so long")
    parser.add_argument("--json", action="store_true", help="print what is seen as JSON, a line every second")


def run(args: argparse.Namespace) -> int:
    import json
    import sys

    from auricle.cli.daemon_bus import running_daemon
    from auricle.cli.monitor_view import Watched

    watched = Watched()
    with running_daemon(args) as daemon:
        daemon.watch()
        if sys.stdout.isatty() and not args.json:
            _paint(daemon, watched, args.seconds)
            return 0
        for _ in _looks(daemon, watched, _LINE_EVERY_S, args.seconds):
            print(json.dumps(watched.told(), ensure_ascii=False) if args.json else watched.line(), flush=True)
    return 0


def _paint(daemon: "RunningDaemon", watched: "Watched", seconds: float | None) -> None:
    from rich.console import Console
    from rich.live import Live

    from auricle.cli.monitor_view import picture

    console = Console(highlight=False)
    with Live(console=console, auto_refresh=False, screen=True) as live:
        for _ in _looks(daemon, watched, _EVERY_S, seconds):
            live.update(picture(watched, console.width), refresh=True)


def _looks(daemon: "RunningDaemon", watched: "Watched", every_s: float, seconds: float | None) -> Iterator[None]:
    """Yield whenever there is something new to show. Raises NotReachable when the daemon ends."""
    import json
    import time

    until_s = time.monotonic() + (seconds if seconds is not None else float("inf"))
    while time.monotonic() < until_s:
        [described] = daemon.call("Describe")
        watched.look(json.loads(str(described)))
        yield
        for signal in daemon.signals(min(every_s, max(0.0, until_s - time.monotonic()))):
            if signal.member == "Partial" and len(signal.body) == 2:
                watched.partial = str(signal.body[1])


def _seconds(word: str) -> float:
    try:
        seconds = float(word)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _LONGEST_S:
        raise argparse.ArgumentTypeError(f"a number of seconds above 0, at most {_LONGEST_S:.0f}, fits, not {word}")
    return seconds
