"""`auricle man`: the manual page, made from the commands themselves."""

import argparse
from collections.abc import Iterator

from auricle import __version__
from auricle.cli.words import Place, places

EXAMPLES = """\
examples:
  auricle man | man -l -
  auricle man > ~/.local/share/man/man1/auricle.1
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def run(args: argparse.Namespace) -> int:
    print("\n".join(page()))
    return 0


def page() -> Iterator[str]:
    """Yield the lines of a page in man(7)'s macros."""
    top, *commands = places()
    yield f'.TH AURICLE 1 "" "auricle {__version__}" "User Commands"'
    yield ".SH NAME\nauricle \\- a voice daemon for the home"
    yield ".SH SYNOPSIS\n.B auricle\n[\\fB\\-\\-config\\fR \\fIFILE\\fR] \\fICOMMAND\\fR \\&..."
    yield f".SH DESCRIPTION\n{_text(top.parser.description or '')}"
    yield ".SH COMMANDS"
    for place in commands:
        yield from _command(place)
    yield ".SH EXIT STATUS"
    for status, meaning in (
        (0, "done"),
        (1, "failed"),
        (2, "wrong usage or configuration"),
        (3, "daemon not reachable"),
        (130, "interrupted"),
    ):
        yield f".TP\n.B {status}\n{meaning}"
    yield ".SH FILES\n.I ~/.config/auricle/config.toml\nor\n.IR /etc/auricle/config.toml ;"
    yield "\\fBauricle config example\\fR shows every key."


def _command(place: Place) -> Iterator[str]:
    yield f".SS {_text('auricle ' + ' '.join(place.path))}"
    yield _text(place.parser.description or "")
    for action in place.parser._actions:
        if isinstance(action, argparse._SubParsersAction | argparse._HelpAction) or action.help == argparse.SUPPRESS:
            continue
        value = "" if action.nargs == 0 else str(action.metavar or action.dest.upper())
        shown = f"\\fI{_text(value)}\\fR" if value else ""
        names = ", ".join(f"\\fB{_text(option)}\\fR" for option in action.option_strings)
        yield f".TP\n{names}{' ' if names and value else ''}{shown}"
        yield _text((action.help or "").replace("%%", "%")) or "\\&"
    if place.parser.epilog:
        yield ".P\n.nf\n" + "\n".join(_text(line) or "\\&" for line in place.parser.epilog.splitlines()) + "\n.fi"


def _text(text: str) -> str:
    """Text that roff takes as it stands."""
    told = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + told if told.startswith((".", "'")) else told
