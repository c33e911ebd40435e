"""`auricle plugins`: which plugins there are, how they are, and what one brings."""

import argparse
from typing import TYPE_CHECKING

from auricle.cli.common import ActionParsers, print_json, print_table, wrong_name

if TYPE_CHECKING:
    from auricle.host import PluginHost, PluginStatus

EXAMPLES = """\
examples:
  auricle plugins list               every plugin with its state
  auricle plugins info clock         its hooks, sentences, engines and keys
  auricle plugins new dice           a plugin package in ./auricle-dice, whose test passes at once
  auricle plugins disable clock      end it in the running daemon, until that starts anew
  auricle plugins reload dice        read its code anew in the running daemon; on an error the old one goes on
  auricle plugins list --json        the same for programs
"""

_LIVE = {
    "enable": "begin a plugin in the running daemon, until that starts anew",
    "disable": "end a plugin in the running daemon, until that starts anew",
    "reload": "read a plugin's code anew in the running daemon",
}
_LIVE_S = 90.0
"""Loading and starting have limits of their own in the daemon."""


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = ActionParsers(parser)
    actions.add("list", "every plugin: state, version, package, hooks, and what is wrong with it", json="it")
    info = actions.add("info", "one plugin: its hooks, sentences, engines and keys", json="it")
    info.add_argument("name", metavar="NAME", help="as `auricle plugins list` shows it")
    for action, line in _LIVE.items():
        actions.add(action, line).add_argument("name", metavar="NAME", help="as `auricle plugins list` shows it")
    new = actions.add("new", "a package for a plugin of your own: plugin, sentences, test, README")
    new.add_argument("name", metavar="NAME", help="one word in lower case: what the plugin is called")
    new.add_argument(
        "--into", metavar="FOLDER", default=".", help="where the package's folder is made; the current one"
    )


def run(args: argparse.Namespace) -> int:
    from auricle.cli.common import load, load_host

    if args.action == "new":
        from auricle.cli.new_plugin import write

        return write(args.name, args.into)
    if args.action in _LIVE:
        return _live(args)
    config = load(args).config
    host = load_host(config)
    if args.action == "list":
        return _list(host, as_json=args.json)
    return _info(host, args.name, config.site.language, as_json=args.json)


def _live(args: argparse.Namespace) -> int:
    from auricle.cli.daemon_bus import running_daemon

    with running_daemon(args) as daemon:
        if args.action == "reload":
            daemon.call("ReloadPlugin", "s", args.name, timeout_s=_LIVE_S)
        else:
            daemon.call("SetPlugin", "sb", args.name, args.action == "enable", timeout_s=_LIVE_S)
    print(f"{args.name} is {args.action}{'d' if args.action.endswith('e') else 'ed'}")
    return 0


def _list(host: "PluginHost", *, as_json: bool) -> int:
    statuses = host.statuses()
    if as_json:
        print_json([_fields(status) for status in statuses])
        return 0
    print_table(
        ("NAME", "STATE", "VERSION", "PACKAGE", "HOOKS", "DETAIL"),
        [
            (
                status.name,
                str(status.state),
                status.version or "-",
                status.distribution or "-",
                " ".join(hook.removeprefix("auricle_") for hook in status.hooks) or "-",
                status.detail,
            )
            for status in statuses
        ],
    )
    return 0


def _info(host: "PluginHost", name: str, language: str, *, as_json: bool) -> int:
    statuses = {status.name: status for status in host.statuses()}
    if name not in statuses:
        return wrong_name("plugin", name, statuses)
    fields = _fields(statuses[name]) | {
        "summary": _summary(statuses[name].distribution),
        "sentences": _sentences(host, name, language),
        "config": _keys(host, name),
    }
    if as_json:
        print_json(fields)
        return 0
    for title, value in fields.items():
        match value:
            case dict():
                print(f"{title}:{'' if value else ' -'}")
                for inner, item in value.items():
                    print(f"  {inner}: {', '.join(item) if isinstance(item, list) else item}")
            case list():
                print(f"{title}: {', '.join(value) or '-'}")
            case _:
                print(f"{title}: {value if value != '' else '-'}")
    return 0


def _fields(status: "PluginStatus") -> dict[str, object]:
    return {
        "name": status.name,
        "state": str(status.state),
        "version": status.version,
        "distribution": status.distribution,
        "hooks": list(status.hooks),
        "detail": status.detail,
    }


def _summary(distribution: str) -> str:
    from importlib.metadata import PackageNotFoundError, metadata

    try:
        return str(metadata(distribution)["Summary"] or "") if distribution else ""
    except PackageNotFoundError:
        return ""


def _sentences(host: "PluginHost", name: str, language: str) -> dict[str, list[str]]:
    """Return the intents that it has sentences for in the language of the site, and the sentences."""
    found = host.sentences(language).get(name)
    return {intent: list(templates) for intent, templates in found.intents.items()} if found is not None else {}


def _keys(host: "PluginHost", name: str) -> dict[str, str]:
    from auricle.config.schema import Key, table
    from auricle.config.wording import key_words

    struct = host.config_types().get(name)
    entries = table(struct).entries if struct is not None else {}
    return {key: key_words(entry) for key, entry in entries.items() if isinstance(entry, Key)}
