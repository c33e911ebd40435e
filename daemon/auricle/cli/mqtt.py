"""`auricle mqtt`: what passes between this site and its broker."""

import argparse

from auricle.cli.common import ActionParsers

EXAMPLES = """\
examples:
  auricle mqtt watch                     until Ctrl-C; requests come with ←, what the site sends with →
  auricle mqtt watch --json | jq -r 'select(.topic | endswith("/transcript")) | .payload.text'
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = ActionParsers(parser)
    watch = actions.add("watch", "all that this site takes and sends, live", json="each message on a line")
    watch.add_argument("--count", type=int, metavar="N", help="end after N messages")
    watch.add_argument("--all", action="store_true", help="the other sites at the prefix too")
    actions.add("schema", "the JSON Schema of every payload that is a JSON object")


def run(args: argparse.Namespace) -> int:
    import sys

    if args.action == "schema":
        from auricle.adapters.mqtt_schema import schema
        from auricle.cli.common import print_json

        print_json(schema())
        return 0

    from auricle.cli.common import load
    from auricle.cli.mqtt_watch import watch
    from auricle.model.errors import NotConnected

    try:
        return watch(load(args).config, json_lines=args.json, count=args.count, all_sites=args.all)
    except NotConnected as error:
        print(f"auricle: {error}", file=sys.stderr)
        return 3
