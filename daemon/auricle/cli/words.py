"""All words that the command line takes, from its own parsers: for completion in shells and the manual page."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """A command, or an action of one, and what may follow it."""

    path: tuple[str, ...]
    """`()` is before any command, `("config", "check")` an action."""
    words: tuple[tuple[str, str], ...]
    """Next words and options, each with its line of help."""
    parser: argparse.ArgumentParser


def places() -> Iterator[Place]:
    """Yield every place, the outermost first."""
    from auricle.cli.main import COMMANDS, command_parser, default_action, top_parser

    top = top_parser()
    commands = tuple((name, line) for name, (line, _) in COMMANDS.items())
    yield Place((), commands + _options(top), top)
    for name in COMMANDS:
        yield from _below((name,), command_parser(name), default_action(name))


def _below(path: tuple[str, ...], parser: argparse.ArgumentParser, default: str | None = None) -> Iterator[Place]:
    actions: dict[str, argparse.ArgumentParser] = {}
    words: list[tuple[str, str]] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            actions = dict(action.choices)
            words += [(name, sub.description or "") for name, sub in actions.items()]
        elif not action.option_strings and action.choices:
            words += [(str(choice), "") for choice in action.choices]
    options = dict(_options(parser))
    if default is not None:  # its options may follow at once
        options |= dict(_options(actions[default]))
    yield Place(path, (*words, *options.items()), parser)
    for name, sub in actions.items():
        yield from _below((*path, name), sub)


def _options(parser: argparse.ArgumentParser) -> tuple[tuple[str, str], ...]:
    return tuple(
        (option, (action.help or "").replace("%%", "%"))
        for action in parser._actions
        for option in action.option_strings
        if option.startswith("--")
    )
