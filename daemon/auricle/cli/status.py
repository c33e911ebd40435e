"""`auricle status`: the running daemon at a glance: listening or why not, parts, last turns, plugins in trouble."""

import argparse
from collections.abc import Iterator, Mapping, Sequence

Told = Mapping[str, object]
_WELL = ("active", "disabled")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print all that the daemon tells of itself as JSON")


def run(args: argparse.Namespace) -> int:
    import json

    from auricle.cli.daemon_bus import running_daemon

    with running_daemon(args) as daemon:
        [described] = daemon.call("Describe")
    told = json.loads(str(described))
    print(json.dumps(told, ensure_ascii=False, indent=2) if args.json else "\n".join(lines(told)))
    return 0


def lines(told: Told) -> Iterator[str]:
    """What a person reads, from what `Describe` tells."""
    yield headline(told)
    yield f"  site        {told['site']}, Auricle {told['version']}, on the {told['bus']}"
    parts = table(told.get("parts"))
    for name in ("microphone", "speaker"):
        if name in parts:
            yield f"  {name:<11} {_part(parts[name])}"
    engines = {str(engine.get("name")) for engine in rows(told.get("engines"))}
    for engine in rows(told.get("engines")):
        detail = f": {engine['detail']}" if engine.get("detail") else ""
        yield f"  engine      {engine.get('name')} ({engine.get('kind')}) {engine.get('state')}{detail}"
    yield f"  broker      {_part(parts['broker']) if 'broker' in parts else 'none: [mqtt] host is not set'}"
    for name, part in parts.items():
        if name not in ("microphone", "speaker", "broker", "dbus") and not part.get("ok") and name not in engines:
            yield f"  {name:<11} {_part(part)}"
    voice = told.get("voice") or "the engine's default"
    yield f"  volume      {told.get('volume')} %, voice {voice}"
    if turns := rows(told.get("turns")):
        yield "last turns"
        for turn in turns:
            yield from turn_lines(turn)
    if percentiles := table(told.get("percentiles_ms")):
        yield "times of the last turns (median, 95th percentile)"
        for name, found in percentiles.items():
            yield f"  {name:<23} {found.get('median')} ms, {found.get('p95')} ms ({found.get('turns')} turns)"
    if troubled := [plugin for plugin in rows(told.get("plugins")) if plugin.get("state") not in _WELL]:
        yield "plugins in trouble"
        for plugin in troubled:
            yield f"  {plugin.get('name')}: {plugin.get('state')}: {plugin.get('detail')}"


def headline(told: Told) -> str:
    """Whether it listens, or why not."""
    state, words = told.get("state"), told.get("wake_words")
    if told.get("muted") and state in ("idle", "muted"):
        return "not listening: muted (auricle mute off)"
    if state == "degraded":
        return f"degraded: {told.get('detail')}"
    if state != "idle":
        return f"in a turn: {state}"
    names = [str(word).rpartition("/")[2].partition(".")[0].replace("_", " ") for word in _list(words)]
    return f"listening for {' or '.join(names)}" if names else "listening when asked to: no wake word is configured"


def turn_lines(turn: Told) -> Iterator[str]:
    """One of `turns`: what was said and answered, and how long each stage took."""
    at = _local_time(str(turn.get("at")))
    said = f'"{turn["text"]}"' if turn.get("text") else "nothing heard"
    reply = f' → "{turn["reply"]}"' if turn.get("reply") else ""
    yield f"  {at}  {said}{reply} ({turn.get('outcome') or turn.get('intent') or 'not understood'})"
    stages = table(turn.get("stages_ms"))
    if stages:
        yield "            " + ", ".join(f"{name} {value:.0f} ms" for name, value in stages.items())


def _part(part: Told) -> str:
    return f"{'' if part.get('ok') else 'NOT WELL: '}{part.get('detail') or 'ok'}"


def _local_time(at: str) -> str:
    from datetime import datetime

    try:
        return datetime.fromisoformat(at.replace("Z", "+00:00")).astimezone().strftime("%H:%M:%S")
    except ValueError:
        return at


def table(value: object) -> dict[str, dict[str, object]]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else []


def rows(value: object) -> list[dict[str, object]]:
    return [row for row in _list(value) if isinstance(row, dict)]
