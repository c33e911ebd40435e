"""Shopping and to-do lists, kept on disk and told on the plugin's own topics."""

import json
import re
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from auricle.api import (
    AuricleError,
    Intent,
    PluginConfig,
    PluginContext,
    PluginError,
    Reply,
    Sentences,
    Turn,
    hookimpl,
    spoken,
)
from auricle_lists.sentences import JOINED, SENTENCES, WORDS

_SCHEMA = "CREATE TABLE IF NOT EXISTS items (list TEXT, item TEXT, PRIMARY KEY (list, item)) STRICT"
_LAYOUT = 1
_MOST_SAID = 10


class Lists:
    """Two lists, `shopping` and `todo`; `T/plugin/lists/shopping` has what is on one, as a JSON array, retained."""

    def __init__(self, context: PluginContext, config: PluginConfig) -> None:
        self._context = context

    @hookimpl
    def auricle_sentences(self) -> Mapping[str, Sentences]:
        return SENTENCES

    @hookimpl
    async def auricle_handle(self, intent: Intent, turn: Turn) -> Reply | None:
        if intent.plugin != self._context.name:
            return None
        language = turn.language or self._context.language
        words = self._context.translated(WORDS, language)
        which = str(intent.slots.get("list", "shopping"))
        called = words[which]
        items = _items(str(intent.slots.get("item", "")), self._context.translated(JOINED, language))
        with closing(_open(self._context.ensure_data_dir() / "lists.sqlite")) as book:
            kept = [
                str(item) for (item,) in book.execute("SELECT item FROM items WHERE list = ? ORDER BY rowid", [which])
            ]
            match intent.name:
                case "add":
                    new = [item for item in items if item.casefold() not in [known.casefold() for known in kept]]
                    book.executemany("INSERT INTO items VALUES (?, ?)", [(which, item) for item in new])
                    await self._tell(which, [*kept, *new])
                    return Reply(words["added"].format(items=spoken.listed(items, language), list=called))
                case "remove":
                    gone = [known for known in kept if known.casefold() in [item.casefold() for item in items]]
                    if not gone:
                        return Reply(words["not_there"].format(items=spoken.listed(items, language), list=called))
                    book.executemany("DELETE FROM items WHERE list = ? AND item = ?", [(which, item) for item in gone])
                    await self._tell(which, [item for item in kept if item not in gone])
                    return Reply(words["removed"].format(items=spoken.listed(gone, language), list=called))
                case "read":
                    if not kept:
                        return Reply(words["empty"].format(list=called))
                    shown = spoken.listed(kept[:_MOST_SAID], language)
                    return Reply(words["read"].format(items=shown, list=called, count=len(kept)))
                case "clear":
                    book.execute("DELETE FROM items WHERE list = ?", [which])
                    await self._tell(which, [])
                    return Reply(words["cleared"].format(list=called))
        return None

    async def _tell(self, which: str, items: Sequence[str]) -> None:
        """Publish what is on a list; without a broker it is only kept."""
        try:
            await self._context.assistant.publish(which, json.dumps(items, ensure_ascii=False), retain=True)
        except AuricleError as error:
            self._context.log.debug("nobody was told of the list %s: %s", which, error)


def _open(path: Path) -> sqlite3.Connection:
    """Raises PluginError naming the file."""
    try:
        book = sqlite3.connect(path, isolation_level=None, timeout=2.0)
        try:
            book.execute("PRAGMA journal_mode = WAL")
            [layout] = book.execute("PRAGMA user_version").fetchone()
            if layout > _LAYOUT:
                raise PluginError(f"{path}: a newer version made it; use that one, or move the file away")
            book.execute(_SCHEMA)
            book.execute(f"PRAGMA user_version = {_LAYOUT}")
        except (sqlite3.Error, PluginError):
            book.close()
            raise
    except sqlite3.Error as error:
        raise PluginError(f"{path}: {error}; move it away or mend its rights") from error
    return book


def _items(said: str, joined: str) -> list[str]:
    """The items of "milk, bread and eggs"."""
    parts = re.split(rf"\s*,\s*|\s+{joined}\s+", said.strip())
    return [part.strip() for part in parts if part.strip()]
