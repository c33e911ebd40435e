"""`auricle cache`: speech that is kept on disk to be said again at once."""

import argparse
from typing import TYPE_CHECKING

from auricle.cli.common import ActionParsers, load, print_json

if TYPE_CHECKING:
    from auricle.speech_cache import CacheFigures, SpeechCache

EXAMPLES = """\
examples:
  auricle cache show         how much there is
  auricle cache clear        forget all of it; a daemon that runs makes it anew

[tts] cache_mb is the room that it may take; 0 keeps nothing.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = ActionParsers(parser)
    actions.add("show", "how much speech is kept, and where", json="the figures")
    actions.add("clear", "forget all speech that is kept", json="what was removed")


def run(args: argparse.Namespace) -> int:
    import os

    from auricle.config import cache_dir
    from auricle.speech_cache import SpeechCache

    limit = load(args).config.tts.cache_mb * 1_000_000
    cache = SpeechCache(cache_dir(os.environ) / "speech", limit_bytes=limit)
    if args.action == "clear":
        figures = cache.clear()
        left = cache.figures()
        _tell(args, cache, figures, limit, said=f"removed {_amount(figures)} from {cache.folder}")
        return 0 if left.entries == 0 else 1
    figures = cache.figures()
    room = f"of {limit / 1e6:.0f} MB" if limit else "off"
    _tell(args, cache, figures, limit, said=f"{cache.folder}: {_amount(figures)}, {room}")
    return 0


def _tell(args: argparse.Namespace, cache: "SpeechCache", figures: "CacheFigures", limit: int, *, said: str) -> None:
    if args.json:
        print_json(
            {
                "folder": str(cache.folder),
                "entries": figures.entries,
                "bytes": figures.bytes,
                "seconds": round(figures.seconds, 1),
                "limit_bytes": limit,
            }
        )
    else:
        print(said)


def _amount(figures: "CacheFigures") -> str:
    sentences = "1 sentence" if figures.entries == 1 else f"{figures.entries} sentences"
    return f"{sentences}, {figures.seconds:.0f} s of speech, {figures.bytes / 1e6:.1f} MB"
