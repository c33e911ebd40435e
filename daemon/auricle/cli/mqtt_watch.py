"""The live view of a site's messages: one line each, for eyes or as JSON."""

import json
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import count as counted

from auricle.cli.broker import Broker, Message
from auricle.settings import Config

_LOOK_S = 0.5
_LONGEST = 160
_TAKEN = ("say", "synthesize", "transcribe", "ask", "listen", "stop", "mute/set", "volume/set", "voice/set")
_COLOURS = {
    "wake": "bold magenta",
    "partial": "dim",
    "transcript": "bold cyan",
    "intent": "bold green",
    "speech": "blue",
    "state": "yellow",
    "error": "bold red",
    "availability": "bold",
}
_WORDS = {
    "wake": ("wake_word", "score"),
    "partial": ("text",),
    "transcript": ("text", "language", "confidence", "latency_ms"),
    "intent": ("name", "slots", "reply", "handled_by"),
    "speech": ("status", "text", "reason"),
    "state": ("state", "detail"),
    "timer": ("name", "status", "remaining_s"),
    "error": ("code", "message"),
    "info": ("version",),
}
"""Topic to the fields that are shown; of another topic all are."""


def watch(config: Config, *, json_lines: bool, count: int | None, all_sites: bool) -> int:
    """Print until interrupted, or for `count` messages; return the exit status. Raises NotConnected at the start."""
    prefix = config.mqtt.topic_prefix.rstrip("/")
    root = f"{prefix}/{config.site.id}"
    filters = [f"{prefix}/#"] if all_sites else [f"{root}/#", f"{prefix}/all/#", f"{prefix}/pool/#"]
    show = _print_json if json_lines else _painter(root, prefix)
    with Broker(config.mqtt, filters) as broker:
        if not json_lines:
            print(f"watching {', '.join(filters)} at {config.mqtt.host}:{config.mqtt.port}", file=sys.stderr)
        away, dropped, shown = False, 0, counted(1)
        while True:
            message = broker.next(_LOOK_S)
            if message is not None:
                show(message, is_taken(message.topic, root, prefix))
                if count is not None and next(shown) >= count:
                    return 0
            if broker.dropped > dropped:
                print(f"auricle: {broker.dropped - dropped} messages came too fast to be shown", file=sys.stderr)
                dropped = broker.dropped
            if away == broker.connected:
                away = not broker.connected
                print(f"auricle: the broker is {'away; waiting for it' if away else 'back'}", file=sys.stderr)


def is_taken(topic: str, root: str, prefix: str) -> bool:
    """Whether a message there is a request, not something that a site sends."""
    own, other = topic.removeprefix(f"{root}/"), topic.removeprefix(f"{prefix}/").partition("/")[2]
    return (own if topic.startswith(f"{root}/") else other) in _TAKEN


def value_of(payload: bytes) -> object:
    """JSON as what it says, text as text, anything else as its size."""
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return {"bytes": len(payload)}
    if text[:1] in "{[" and text:
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    return text


def summary(name: str, value: object) -> str:
    """A line of words for eyes. name: the topic below the site. Control characters are shown, not sent."""
    if isinstance(value, Mapping):
        fields = _WORDS.get(name, tuple(value))
        shown = [_word(field, value[field]) for field in fields if value.get(field) not in (None, "", {})]
        text = "  ".join(shown)
    else:
        text = str(value)
    text = "".join(mark if mark.isprintable() else f"\\x{ord(mark):02x}" for mark in text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _word(field: str, value: object) -> str:
    if field in ("text", "state", "status", "reply", "message", "wake_word", "name", "code"):
        return str(value)
    if isinstance(value, Mapping | list):
        value = json.dumps(value, ensure_ascii=False)
    return f"{field}={value}"


def _print_json(message: Message, taken: bool) -> None:
    line = {
        "at": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "topic": message.topic,
        "direction": "in" if taken else "out",
        "retained": message.retain,
        "payload": value_of(message.payload),
    }
    print(json.dumps(line, ensure_ascii=False), flush=True)


def _painter(root: str, prefix: str) -> Callable[[Message, bool], None]:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)

    def paint(message: Message, taken: bool) -> None:
        below = root if message.topic.startswith(f"{root}/") else prefix
        name = message.topic.removeprefix(f"{below}/")
        colour = "white" if taken else _COLOURS.get(name, "")
        line = Text(datetime.now(UTC).astimezone().strftime("%H:%M:%S.%f")[:-3], style="dim")
        line.append(" ← " if taken else " → ", style="bold green" if taken else "dim")
        line.append(f"{summary('', name):<14} ", style=colour)
        line.append(summary(name, value_of(message.payload)), style=colour)
        if message.retain:
            line.append("  (retained)", style="dim")
        console.print(line)

    return paint
