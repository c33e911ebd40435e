"""Shopping and to-do lists, kept on disk or in Home Assistant, and told on the plugin's own topics."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from auricle.api import (
    AuricleError,
    Intent,
    PluginConfig,
    PluginContext,
    Reply,
    Sentences,
    Turn,
    hookimpl,
    spoken,
)
from auricle_lists.books import Away, Book, Disk, HomeAssistant, load_client
from auricle_lists.sentences import JOINED, SENTENCES, WORDS

_LISTS = ("shopping", "todo")
_MOST_SAID = 10


class Lists:
    """Two lists, `shopping` and `todo`; `T/plugin/lists/shopping` has what is on one, as a JSON array, retained."""

    class Config(PluginConfig, frozen=True, kw_only=True):
        """Lists are kept on disk, but for those that `entities` names."""

        url: Annotated[
            Annotated[str, Meta(pattern="^https?://[^/]+")] | None,
            Meta(description="Home Assistant's address, for lists that are kept there."),
        ] = None
        token: Annotated[
            str | None, Meta(description="Its long-lived access token; better in a file.", extra={"secret": True})
        ] = None
        token_file: Annotated[
            str | None, Meta(description="File with the token; a bare name is one of $CREDENTIALS_DIRECTORY.")
        ] = None
        entities: Annotated[
            dict[str, str],
            Meta(description='Lists kept in Home Assistant, each with its entity: {shopping = "todo.shopping_list"}.'),
        ] = msgspec.field(default_factory=dict)
        timeout_s: Annotated[
            float, Meta(gt=0, le=60, description="Longest wait for Home Assistant.", extra={"unit": "s"})
        ] = 2.0

        def __post_init__(self) -> None:
            for name, entity in self.entities.items():
                if name not in _LISTS:
                    raise ValueError(f"entities.{name} is no list; there are {' and '.join(_LISTS)}")
                if not entity.startswith("todo."):
                    raise ValueError(f'entities.{name}: "{entity}" is no to-do entity, such as todo.shopping_list')
            if self.entities and (self.url is None or not (self.token or self.token_file)):
                raise ValueError("entities wants url, and token_file or token")

    def __init__(self, context: PluginContext, config: Config) -> None:
        self._context = context
        self._books: dict[str, Book] = dict.fromkeys(_LISTS, Disk(lambda: context.ensure_data_dir() / "lists.sqlite"))
        if config.entities:
            load_client()
            home = HomeAssistant(config.url or "", config.token or "", config.entities, timeout_s=config.timeout_s)
            self._books.update(dict.fromkeys(config.entities, home))

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
        if which not in self._books:
            return None
        items = _items(str(intent.slots.get("item", "")), self._context.translated(JOINED, language))
        try:
            return await self._done(intent.name, which, items, words, language)
        except Away as error:
            self._context.log.warning("%s", error)
            return Reply(words["away"])

    @hookimpl
    async def auricle_shutdown(self) -> None:
        for book in set(self._books.values()):
            await book.close()

    async def _done(
        self, intent: str, which: str, items: list[str], words: Mapping[str, str], language: str
    ) -> Reply | None:
        """Raises AuricleError."""
        book, called = self._books[which], words[which]
        kept = list(await book.items(which))
        match intent:
            case "add":
                new = [item for item in items if item.casefold() not in [known.casefold() for known in kept]]
                await book.add(which, new)
                await self._tell(which, [*kept, *new])
                return Reply(words["added"].format(items=spoken.listed(items, language), list=called))
            case "remove":
                gone = [known for known in kept if known.casefold() in [item.casefold() for item in items]]
                if not gone:
                    return Reply(words["not_there"].format(items=spoken.listed(items, language), list=called))
                await book.remove(which, gone)
                await self._tell(which, [item for item in kept if item not in gone])
                return Reply(words["removed"].format(items=spoken.listed(gone, language), list=called))
            case "read":
                if not kept:
                    return Reply(words["empty"].format(list=called))
                shown = spoken.listed(kept[:_MOST_SAID], language)
                return Reply(words["read"].format(items=shown, list=called, count=len(kept)))
            case "clear":
                await book.remove(which, kept)
                await self._tell(which, [])
                return Reply(words["cleared"].format(list=called))
        return None

    async def _tell(self, which: str, items: Sequence[str]) -> None:
        """Publish what is on a list; without a broker it is only kept."""
        try:
            await self._context.assistant.publish(which, json.dumps(items, ensure_ascii=False), retain=True)
        except AuricleError as error:
            self._context.log.debug("nobody was told of the list %s: %s", which, error)


def _items(said: str, joined: str) -> list[str]:
    """The items of "milk, bread and eggs"."""
    parts = re.split(rf"\s*,\s*|\s+{joined}\s+", said.strip())
    return [part.strip() for part in parts if part.strip()]
