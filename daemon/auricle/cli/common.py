"""What commands share: the configuration that was asked for, the plugins, and how facts are printed."""

import argparse
import json
import math
import os
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from auricle.cli.help_format import HelpFormatter
from auricle.model.errors import WrongUsage

if TYPE_CHECKING:
    import msgspec

    from auricle.config import LoadedConfig
    from auricle.host import PluginHost
    from auricle.settings import Config


class OptionTypes(NamedTuple):
    """Types of the tables that plugins and engines have in the configuration."""

    plugins: "Mapping[str, type[msgspec.Struct]]"
    engines: "Mapping[str, type[msgspec.Struct]]"
    in_daemon: Collection[str]
    """Engines that have no process of their own."""
    captions: "Mapping[str, str]"
    """Engine to what it is."""


class _ActionParser(argparse.ArgumentParser):
    """Takes options between its words too: argparse by itself then leaves what follows them."""

    _within = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        if self._within:
            return super().parse_known_args(args, namespace)
        self._within = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._within = False


class ActionParsers:
    """The second words of a command, such as `check` in `auricle config check`; the chosen one is `args.action`."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._parsers = parser.add_subparsers(
            dest="action", required=True, metavar="ACTION", title="actions", parser_class=_ActionParser
        )

    def add(self, name: str, line: str, *, json: str | None = None) -> argparse.ArgumentParser:
        """Add an action. json: what `--json` prints, if it has that option."""
        parser = self._parsers.add_parser(
            name, help=line, description=f"{line[0].upper()}{line[1:]}.", formatter_class=HelpFormatter
        )
        parser.add_argument("--config", metavar="FILE", default=argparse.SUPPRESS, help="configuration")
        if json is not None:
            add_json(parser, json)
        return parser


def load(args: argparse.Namespace) -> "LoadedConfig":
    """Return the configuration that `--config` names, or the usual one. Raises ConfigError."""
    from auricle.config import load_config

    return load_config(Path(args.config) if args.config is not None else None)


def load_host(config: "Config") -> "PluginHost":
    """Return the plugins, loaded but not started, for commands that look at them; nothing is sent or written."""
    import logging
    import os

    from auricle.api.plugin import PluginContext
    from auricle.config import state_dir
    from auricle.host import PluginHost

    def context(name: str) -> PluginContext:
        return PluginContext(
            name=name,
            language=config.site.language,
            site=config.site.id,
            data_dir=state_dir(os.environ) / "plugins" / name,
            log=logging.getLogger(f"auricle.plugin.{name}"),
        )

    host = PluginHost(
        plugins=config.plugins,
        options=config.plugin_options,
        context=context,
        timeout_s=config.intents.timeout_s,
        on_fault=lambda name, text: None,  # it is in the plugin's status
    )
    host.load()
    return host


def option_types(host: "PluginHost") -> OptionTypes:
    specs = host.engines()
    return OptionTypes(
        host.config_types(),
        {name: spec.config for name, spec in specs.items()},
        {name for name, spec in specs.items() if spec.kind in ("wake", "vad")},
        {name: spec.description for name, spec in specs.items() if spec.description},
    )


def load_judged(args: argparse.Namespace) -> "LoadedConfig":
    """Return the configuration, the tables of plugins and engines judged too. Raises ConfigError with all faults."""
    from auricle.config import load_config
    from auricle.model.errors import ConfigError
    from auricle.settings import Config

    try:
        loaded = load(args)
    except ConfigError:
        # The plugins, as they are by default, know what their tables take: so every fault is told at once.
        types = option_types(load_host(Config()))
        path = Path(args.config) if args.config is not None else None
        return load_config(path, plugin_types=types.plugins, engine_types=types.engines, in_daemon=types.in_daemon)
    types = option_types(load_host(loaded.config))
    return loaded.with_types(types.plugins, types.engines, in_daemon=types.in_daemon)


def number_between(low: float, high: float) -> Callable[[str], float]:
    """A type for `add_argument`: a number from `low` to `high`."""

    def number(word: str) -> float:
        try:
            value = float(word)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{word}: {low:g} to {high:g} fit")
        return value

    return number


def percent(word: str) -> int:
    """A type for `add_argument`: a whole number from 0 to 100."""
    if not (word.isascii() and word.isdecimal()) or int(word) > 100:
        raise argparse.ArgumentTypeError(f"{word}: 0 to 100 fit")
    return int(word)


def text_to_say(word: str) -> str:
    """What is to be said; `-` stands for standard input. Raises WrongUsage where there is none, or no UTF-8."""
    try:
        text = sys.stdin.buffer.read().decode() if word == "-" else os.fsencode(word).decode()
    except UnicodeDecodeError as error:
        raise WrongUsage(f"TEXT: only UTF-8 fits, and byte {error.start} is none") from None
    if not text.strip():
        raise WrongUsage("TEXT: there is no text to say")
    return text


def wrong_name(what: str, name: str, names: Iterable[str]) -> int:
    """Say that there is no such thing, and what there is; return the exit status of wrong usage."""
    from auricle.config.nearest import nearest

    known = list(names)
    near = nearest(name, known)
    advice = f"did you mean {near}?" if near is not None else f"there are: {', '.join(known) or 'none'}"
    print(f"auricle: there is no {what} {name}; {advice}", file=sys.stderr)
    return 2


def add_json(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--json", action="store_true", help=f"print {what} as JSON")


def print_json(value: object) -> None:
    """Print one JSON document on standard output, in UTF-8, readable."""
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; into a pipe or file it is as wide as it needs to be, and uncoloured."""
    from rich.console import Console
    from rich.table import Table

    console = Console() if sys.stdout.isatty() else Console(width=10_000, soft_wrap=True)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    with console.capture() as capture:
        console.print(table, markup=False, highlight=False)
    print("\n".join(line.rstrip() for line in capture.get().splitlines()))
