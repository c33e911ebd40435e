"""`auricle completion`: completion of commands and options for a shell, made from the commands themselves."""

import argparse
from collections.abc import Iterable, Iterator

from auricle.cli.words import Place, places

EXAMPLES = """\
examples:
  auricle completion bash > ~/.local/share/bash-completion/completions/auricle
  auricle completion zsh > ~/.zfunc/_auricle             with fpath+=~/.zfunc before compinit
  auricle completion fish > ~/.config/fish/completions/auricle.fish
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", metavar="SHELL", choices=("bash", "zsh", "fish"), help="bash, zsh or fish")


def run(args: argparse.Namespace) -> int:
    print("\n".join({"bash": bash, "zsh": zsh, "fish": fish}[args.shell](list(places()))))
    return 0


def bash(found: Iterable[Place]) -> Iterator[str]:
    """A function for `complete -F`."""
    yield "_auricle() {"
    yield '    local at="" words="" word cur="${COMP_WORDS[COMP_CWORD]}"'
    yield '    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do'
    yield from _step(found)
    yield "    done"
    yield '    case "$at" in'
    for place in found:
        yield f'        "{" ".join(place.path)}") words="{" ".join(word for word, _ in place.words)}" ;;'
    yield "    esac"
    yield '    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")'
    yield "}"
    yield "complete -o default -F _auricle auricle"


def zsh(found: Iterable[Place]) -> Iterator[str]:
    """A file for `fpath`."""
    yield "#compdef auricle"
    yield "_auricle() {"
    yield '    local at="" word; local -a found'
    yield "    for word in ${words[2,CURRENT-1]}; do"
    yield from _step(found)
    yield "    done"
    yield '    case "$at" in'
    for place in found:
        said = " ".join(_quoted(f"{word}:{line}" if line else word) for word, line in place.words)
        yield f'        "{" ".join(place.path)}") found=({said}) ;;'
    yield "    esac"
    yield "    _describe -o auricle found || _files"
    yield "}"
    yield 'if [ "$funcstack[1]" = "_auricle" ]; then _auricle "$@"; else compdef _auricle auricle; fi'


def fish(found: Iterable[Place]) -> Iterator[str]:
    """Lines of `complete`."""
    for place in found:
        after = (
            "__fish_use_subcommand"
            if not place.path
            else "; and ".join(f"__fish_seen_subcommand_from {name}" for name in place.path)
        )
        for word, line in place.words:
            what = f"-l {word.removeprefix('--')}" if word.startswith("--") else f"-a {word}"
            told = f" -d {_quoted(line)}" if line else ""
            yield f"complete -c auricle -n '{after}' {what}{told}"


def _step(found: Iterable[Place]) -> Iterator[str]:
    """From the words so far to the place that they lead to."""
    yield '        case "$at $word" in'
    for place in found:
        if place.path:
            before = " ".join(place.path[:-1])
            yield f'            "{before} {place.path[-1]}") at="{" ".join(place.path)}" ;;'
    yield "        esac"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
