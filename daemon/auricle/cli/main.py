"""The command line's front door: finds the command's module, and turns errors into words and exit statuses.

Imports nothing heavy: `auricle --help` must come at once.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from auricle import __version__
from auricle.cli.help_format import HelpFormatter
from auricle.model.errors import AuricleError, ConfigError

COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("the daemon, in the foreground", "auricle.cli.run"),
    "demo": ("one spoken command through the whole pipeline, from a file to a file", "auricle.cli.demo"),
    "status": ("the running daemon at a glance", "auricle.cli.status"),
    "monitor": ("the running daemon, live: level, wake scores, state, turns", "auricle.cli.monitor"),
    "say": ("speaks through the running daemon", "auricle.cli.say"),
    "ask": ("a typed command: prints the reply", "auricle.cli.ask"),
    "listen": ("opens the microphone for one turn, prints the transcript", "auricle.cli.listen"),
    "stop": ("silences what is said and waits to be said", "auricle.cli.stop"),
    "mute": ("closes and opens the microphone", "auricle.cli.mute"),
    "volume": ("how loud the daemon speaks", "auricle.cli.volume"),
    "transcribe": ("speech in files to text", "auricle.cli.transcribe"),
    "synthesize": ("text to speech in a file", "auricle.cli.synthesize"),
    "wake": ("find the wake word in files", "auricle.cli.wake"),
    "devices": ("microphones and speakers of this machine", "auricle.cli.devices"),
    "plugins": ("plugins and how they are", "auricle.cli.plugins"),
    "engines": ("engines for speech, and serving one to others", "auricle.cli.engines"),
    "models": ("speech models, voices and wake words: list, fetch, check them", "auricle.cli.models"),
    "config": ("check the configuration, show it, print an example", "auricle.cli.config"),
    "trace": ("turns that were recorded: list, show, replay them", "auricle.cli.trace"),
    "doctor": ("what is wrong with sound, models, broker and machine, and what mends it", "auricle.cli.doctor"),
    "service": ("start with the machine or the session: install and uninstall the unit", "auricle.cli.service"),
    "mqtt": ("what passes between this site and its broker, live", "auricle.cli.mqtt"),
    "completion": ("completion for bash, zsh and fish", "auricle.cli.completion"),
    "man": ("the manual page", "auricle.cli.man"),
    "cache": ("speech that is kept to be said again at once", "auricle.cli.cache"),
    "bench": ("measure this machine: latency, idle load, speed of the engines", "auricle.cli.bench"),
}
"""Command to its line in the help and its module, which has `arguments(parser)` and `run(args) -> int`.

A module may have `EXAMPLES`, lines that end its help, and `DEFAULT_ACTION`, what is meant where its first word is no
action; the first line of its docstring is the description.
"""

ALIASES = {"plugin": "plugins"}

DONE, FAILED, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130
"""Exit statuses; 3 says that the daemon cannot be reached."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that `argv` names, without the program's name; return the exit status."""
    try:
        status = _dispatch(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
    except SystemExit as stop:  # argparse has told already
        return stop.code if isinstance(stop.code, int) else FAILED
    except ConfigError as error:
        _tell(_with_problems(error))
        return WRONG_USAGE
    except AuricleError as error:
        _tell(str(error))
        return int(getattr(error, "exit_status", FAILED))
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read us has enough; a second attempt to flush at exit must not complain either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return status


def _dispatch(argv: list[str]) -> int:
    top = top_parser()
    at = _command_index(argv)
    options = top.parse_args(argv[:at])
    if at == len(argv):
        top.print_usage(sys.stderr)
        _tell("name a command; `auricle --help` lists them")
        return WRONG_USAGE
    name = ALIASES.get(argv[at], argv[at])
    if name not in COMMANDS:
        return _of_a_plugin(name, options.config, argv[at + 1 :])
    args = command_parser(name, options.config).parse_args(_with_action(name, argv[at + 1 :]))
    return int(importlib.import_module(COMMANDS[name][1]).run(args))


def command_parser(name: str, config: str | None = None) -> argparse.ArgumentParser:
    """The parser of one command's own words. config: what `--config` before the command said."""
    line, module_name = COMMANDS[name]
    module = importlib.import_module(module_name)
    parser = argparse.ArgumentParser(
        prog=f"auricle {name}",
        description=_description(module.__doc__, line),
        epilog=getattr(module, "EXAMPLES", None),
        formatter_class=HelpFormatter,
    )
    _config_argument(parser, default=config)
    module.arguments(parser)
    return parser


def default_action(name: str) -> str | None:
    """The action of a command that need not be named."""
    action: str | None = getattr(importlib.import_module(COMMANDS[name][1]), "DEFAULT_ACTION", None)
    return action


def _with_action(name: str, words: list[str]) -> list[str]:
    """A command's words, the action in front: options may stand before it, and one may be meant without a word."""
    if not (actions := actions_of(command_parser(name))):
        return words
    at = _command_index(words)
    if at < len(words) and words[at] in actions and "--" not in words[:at]:
        return [words[at], *words[:at], *words[at + 1 :]]
    if (action := default_action(name)) is None or not {"-h", "--help"}.isdisjoint(words[:at]):
        return words
    return [action, *words]


def actions_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The second words of a command, each with its parser; none where it has no actions."""
    found: dict[str, argparse.ArgumentParser] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found.update(action.choices)
    return found


def top_parser() -> argparse.ArgumentParser:
    width = max(len(name) for name in COMMANDS)
    parser = argparse.ArgumentParser(
        prog="auricle",
        usage="auricle [--config FILE] COMMAND …",
        description="A voice daemon for the home: wake word, speech to text, intents, a voice; MQTT in and out.",
        epilog="\n".join(
            (
                "commands:",
                *(f"  {name:<{width}}  {line}" for name, (line, _) in COMMANDS.items()),
                "",
                "`auricle COMMAND --help` tells more about one.",
                "Exit status: 0 done, 1 failed, 2 wrong usage or configuration, 3 daemon not reachable,",
                "130 interrupted.",
            )
        ),
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )
    _config_argument(parser, default=None)
    parser.add_argument("--version", action="version", version=f"auricle {__version__}")
    return parser


def _config_argument(parser: argparse.ArgumentParser, *, default: str | None) -> None:
    parser.add_argument(
        "--config",
        metavar="FILE",
        default=default,
        help="configuration; else $AURICLE_CONFIG, ~/.config/auricle/config.toml or /etc/auricle/config.toml",
    )


def _command_index(argv: list[str]) -> int:
    """Return where the command stands: the first word that is neither an option nor one's value."""
    at = 0
    while at < len(argv) and argv[at].startswith("-"):
        at += 2 if argv[at] == "--config" else 1
    return min(at, len(argv))


def _description(docstring: str | None, line: str) -> str:
    """Return a module's first line without the command's name in front of it."""
    first = (docstring or "").strip().partition("\n")[0]
    text = first.partition(": ")[2] or line
    return f"{text[0].upper()}{text[1:]}"


def _of_a_plugin(name: str, config: str | None, rest: list[str]) -> int:
    """Run the command if a plugin brings it; loading the plugins is only worth it for a name that is no other."""
    from auricle.cli.common import load, load_host

    host = load_host(load(argparse.Namespace(config=config)).config)
    if name not in (found := host.commands()):
        return _unknown(name)
    plugin, command = found[name]
    parser = argparse.ArgumentParser(
        prog=f"auricle {name}", description=f"{command.line} (plugin {plugin})", formatter_class=HelpFormatter
    )
    command.arguments(parser)
    return command.run(parser.parse_args(rest))


def _unknown(name: str) -> int:
    from difflib import get_close_matches

    near = get_close_matches(name, COMMANDS, n=1, cutoff=0.5)
    advice = f"did you mean `auricle {near[0]}`?" if near else "`auricle --help` lists the commands"
    _tell(f"there is no command {name}; {advice}")
    return WRONG_USAGE


def _with_problems(error: ConfigError) -> str:
    """Return the headline and each problem on a line of its own."""
    if not error.problems:
        return str(error)
    headline = str(error).partition(error.problems[0])[0].rstrip(" :\n") or "the configuration is wrong"
    return "\n  ".join((f"{headline}:", *error.problems))


def _tell(text: str) -> None:
    print(f"auricle: {text}", file=sys.stderr)
