"""`auricle config`: check the configuration, show what is in effect, print an example."""

import argparse

from auricle.cli.common import ActionParsers

EXAMPLES = """\
examples:
  auricle config check                              name every mistake, with its line
  auricle --config new.toml config check            check a file before it is put in place
  auricle config show                               every value and where it came from
  auricle config example > ~/.config/auricle/config.toml
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = ActionParsers(parser)
    actions.add("check", "name every wrong key with its place and what was meant; exit 2 if there is one", json="it")
    actions.add("show", "every key in effect and where it was set; secrets are masked", json="it")
    actions.add("example", "every key with its meaning, unit, bounds and default, of the plugins installed here")


def run(args: argparse.Namespace) -> int:
    match args.action:
        case "check":
            return _check(args)
        case "show":
            return _show(args)
        case _:
            return _example()


def _check(args: argparse.Namespace) -> int:
    from auricle.cli.common import load_judged, print_json
    from auricle.model.errors import ConfigError

    try:
        loaded = load_judged(args)
    except ConfigError as error:
        if not args.json:
            raise
        print_json({"ok": False, "path": args.config, "problems": list(error.problems) or [str(error)]})
        return 2
    if args.json:
        print_json({"ok": True, "path": loaded.path, "problems": []})
    else:
        print(f"ok: {loaded.path if loaded.path is not None else 'no file, the defaults'}")
    return 0


def _show(args: argparse.Namespace) -> int:
    from auricle.cli.common import load_host, load_judged, option_types, print_json
    from auricle.config import effective, show_text

    loaded = load_judged(args)
    types = option_types(load_host(loaded.config))
    if args.json:
        values = effective(loaded, types.plugins, types.engines, in_daemon=types.in_daemon)
        print_json({"path": loaded.path, "config": values, "sources": dict(loaded.sources)})
    else:
        print(show_text(loaded, types.plugins, types.engines, in_daemon=types.in_daemon), end="")
    return 0


def _example() -> int:
    from auricle.cli.common import load_host, option_types
    from auricle.config import example_text
    from auricle.settings import Config

    types = option_types(load_host(Config()))
    print(example_text(types.plugins, types.engines, in_daemon=types.in_daemon, captions=types.captions), end="")
    return 0
