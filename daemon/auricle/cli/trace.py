"""`auricle trace`: turns that were recorded: list, show, and replay them through today's pipeline."""

import argparse
import os
import sys
from typing import TYPE_CHECKING

from auricle.cli.common import ActionParsers, load, print_json, print_table

if TYPE_CHECKING:
    from auricle.traces import Trace, Traces

EXAMPLES = """\
Turns are recorded with [privacy] record = "false_wakes" or "all", readable by the daemon's user alone.

examples:
  auricle trace list
  auricle trace show last
  auricle trace show last --plot -o turn.svg
  auricle trace replay 7c9e66     what differs with today's settings, models and sentences; nothing is acted on
"""

_TOLERATED_SAMPLES = 1600
"""0.1 s: blocks begin elsewhere when a recording is played."""
_TOLERATED = 0.05
_MOST_SOUNDS = 3
"""Sentences that are shown of those that it sounded like."""
_UNCOMPARED = ("transcribe.latency_ms", "intent.reply", "intent.handled_by")


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = ActionParsers(parser)
    actions.add("list", "the recorded turns, the oldest first", json="them")
    for name, line, what in (
        ("show", "every stage of a turn: its input, its decision, its time", "the trace"),
        (
            "replay",
            "run a turn through today's pipeline up to the intent, and say what differs",
            "both and the differences",
        ),
    ):
        action = actions.add(name, line, json=what)
        action.add_argument("turn", metavar="TURN", help="its id or the beginning of it; last is the newest")
        if name == "show":
            action.add_argument("--plot", action="store_true", help="as a waterfall, against the sound")
            action.add_argument("-o", "--output", metavar="FILE.svg", help="with --plot: write a picture")


def run(args: argparse.Namespace) -> int:
    from auricle.config import state_dir
    from auricle.traces import Traces

    traces = Traces(state_dir(os.environ) / "traces")
    match args.action:
        case "list":
            return _list(traces, as_json=args.json)
        case "show":
            return _show(traces, args)
        case _:
            return _replay(traces, args)


def _list(traces: "Traces", *, as_json: bool) -> int:
    found = [(path, trace) for path, trace in traces.all()]
    if as_json:
        print_json(
            [
                {
                    "turn": t.turn,
                    "at": t.at,
                    "outcome": t.outcome,
                    "wake_word": t.wake_word,
                    "text": _text(t),
                    "wav": p.with_suffix(".wav"),
                }
                for p, t in found
            ]
        )
        return 0
    if not found:
        print(
            'There are no traces: turns are recorded with [privacy] record = "all" or "false_wakes".', file=sys.stderr
        )
        return 0
    rows = [
        (
            f"{t.at.astimezone():%Y-%m-%d %H:%M:%S}",
            t.turn,
            t.outcome,
            t.wake_word or "-",
            f"{t.samples / 16_000:.1f} s",
            _text(t),
        )
        for _, t in found
    ]
    print_table(["AT", "TURN", "OUTCOME", "WAKE WORD", "SOUND", "TEXT"], rows)
    return 0


def _show(traces: "Traces", args: argparse.Namespace) -> int:
    import msgspec

    path, trace = traces.find(args.turn)
    if args.json:
        print_json(msgspec.to_builtins(trace))
        return 0
    if args.plot:
        return _plot(trace, args.output)
    print(f"turn {trace.turn} of {trace.site}, {trace.at.astimezone():%Y-%m-%d %H:%M:%S}: {trace.outcome}")
    print(f"sound: {path.with_suffix('.wav')}, from sample {trace.first_sample}; listened from {trace.listens_from}\n")
    rows = [(f"{step.after_ms:.0f}", step.stage, _words(step.input), _words(step.decision)) for step in trace.steps]
    print_table(["MS", "STAGE", "INPUT", "DECISION"], rows)
    return 0


def _plot(trace: "Trace", output: str | None) -> int:
    import shutil
    from pathlib import Path

    from auricle.cli.waterfall import svg, text
    from auricle.model.errors import AuricleError

    if output is None:
        print("\n".join(text(trace, shutil.get_terminal_size((100, 40)).columns)))
        return 0
    if Path(output).suffix.lower() != ".svg":
        raise AuricleError(f"{output}: the picture is an SVG; give it a name that ends in .svg", code="trace")
    try:
        Path(output).write_text(svg(trace), encoding="utf-8")
    except OSError as error:
        raise AuricleError(f"{output} cannot be written: {error.strerror or error}", code="trace") from error
    return 0


def _replay(traces: "Traces", args: argparse.Namespace) -> int:
    import asyncio

    import msgspec

    from auricle.app.replay import replay
    from auricle.logs import set_up

    path, trace = traces.find(args.turn)
    loaded = load(args)
    set_up("warning")
    now = asyncio.run(replay(loaded, trace, path.with_suffix(".wav")))
    found = differences(trace, now)
    if args.json:
        print_json({"then": msgspec.to_builtins(trace), "now": msgspec.to_builtins(now), "differences": found})
    elif not found:
        print(f"turn {trace.turn}: the same today")
    else:
        rows = [(name, _word(then), _word(today)) for name, (then, today) in found.items()]
        print_table(["WHAT", "THEN", "NOW"], rows)
    return 1 if found else 0


def differences(then: "Trace", now: "Trace") -> dict[str, tuple[object, object]]:
    """What two runs of a turn decided differently: name to both; small shifts and scores do not count."""
    from auricle.traces import decisions

    before, today = dict(decisions(then)), dict(decisions(now))
    found: dict[str, tuple[object, object]] = {}
    for name in sorted(before.keys() | today.keys()):
        one, other = before.get(name), today.get(name)
        if name in _UNCOMPARED or one == other:
            continue
        if not _near(one, other, _TOLERATED_SAMPLES if name.endswith("sample") else _TOLERATED):
            found[name] = (one, other)
    return found


def _near(one: object, other: object, tolerated: float) -> bool:
    return isinstance(one, int | float) and isinstance(other, int | float) and abs(one - other) <= tolerated


def _text(trace: "Trace") -> str:
    return next((str(step.decision.get("text", "")).strip() for step in trace.steps if step.stage == "transcribe"), "")


def _words(values: dict[str, object]) -> str:
    return ", ".join(f"{name} {_word(value)}" for name, value in values.items() if value not in (None, "", {}, []))


def _word(value: object) -> str:
    if isinstance(value, list):
        return "; ".join(_sounds_like(one) for one in value[:_MOST_SOUNDS] if isinstance(one, dict))
    return "-" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _sounds_like(candidate: dict[str, object]) -> str:
    """A sentence, its distance by sound, and its log probability by the decoder where that was asked."""
    scores = [f"{score:g}" for name in ("distance", "likelihood") if isinstance(score := candidate.get(name), float)]
    return f"{candidate.get('sentence')} ({', '.join(scores)})"
