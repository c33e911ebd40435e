"""`auricle listen`: opens the microphone of the running daemon for one turn, prints the transcript."""

import argparse

EXAMPLES = """\
It is as if the wake word had been heard: the command is carried out and answered aloud.
Exit status: 0 words were heard, 1 none were or the microphone is muted, 3 no daemon is running.

examples:
  auricle listen
  auricle listen --say "Which room?"
"""

_LONGEST_S = 600.0


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--say", metavar="TEXT", help="what is said before the microphone opens")
    parser.add_argument("--json", action="store_true", help="print the turn, its transcript and its outcome as JSON")


def run(args: argparse.Namespace) -> int:
    import json
    import sys
    import uuid

    from auricle.cli.daemon_bus import running_daemon

    turn = str(uuid.uuid4())
    options = {"id": turn} | ({"say": args.say} if args.say else {})
    text, outcome = "", ""
    with running_daemon(args) as daemon:
        daemon.watch()
        daemon.call("Listen", "a{sv}", options, timeout_s=_LONGEST_S)
        for signal in daemon.signals(_LONGEST_S):
            if not signal.body or signal.body[0] != turn:
                continue
            if signal.member == "Transcript":
                text = str(signal.body[1])
                if text and not args.json:
                    print(text, flush=True)
            elif signal.member == "TurnEnded":
                outcome = str(signal.body[1])
                break
    if args.json:
        print(json.dumps({"turn": turn, "text": text or None, "outcome": outcome}, ensure_ascii=False, indent=2))
    if not text:
        print(f"auricle: no words were heard ({outcome or 'the turn did not end'})", file=sys.stderr)
    return 0 if text else 1
