"""Where lists are kept: on disk, or as to-do lists of Home Assistant."""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from auricle.api import AuricleError, PluginError

if TYPE_CHECKING:
    import aiohttp

_SCHEMA = "CREATE TABLE IF NOT EXISTS items (list TEXT, item TEXT, PRIMARY KEY (list, item)) STRICT"
_LAYOUT = 1


class Away(AuricleError):
    """A list cannot be reached; the words say why."""

    code = "lists"


class Book(Protocol):
    """Every method raises AuricleError, and nothing has changed then."""

    async def items(self, which: str) -> Sequence[str]: ...

    async def add(self, which: str, items: Sequence[str]) -> None: ...

    async def remove(self, which: str, items: Sequence[str]) -> None: ...

    async def close(self) -> None: ...


class Disk:
    """All lists in one SQLite file."""

    def __init__(self, path: Callable[[], Path]) -> None:
        self._path = path

    async def items(self, which: str) -> Sequence[str]:
        with closing(_open(self._path())) as book:
            found = book.execute("SELECT item FROM items WHERE list = ? ORDER BY rowid", [which])
            return [str(item) for (item,) in found]

    async def add(self, which: str, items: Sequence[str]) -> None:
        with closing(_open(self._path())) as book:
            book.executemany("INSERT INTO items VALUES (?, ?)", [(which, item) for item in items])

    async def remove(self, which: str, items: Sequence[str]) -> None:
        with closing(_open(self._path())) as book:
            book.executemany("DELETE FROM items WHERE list = ? AND item = ?", [(which, item) for item in items])

    async def close(self) -> None:
        pass


class HomeAssistant:
    """To-do entities, through the actions of `todo`; what is done there is not read."""

    def __init__(self, url: str, token: str, entities: Mapping[str, str], *, timeout_s: float) -> None:
        """entities: list to its entity, such as todo.shopping_list."""
        self._url = f"{url.rstrip('/')}/api/services/todo"
        self._token = token
        self._entities = entities
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def items(self, which: str) -> Sequence[str]:
        answer = await self._call("get_items?return_response", which, status=["needs_action"])
        kept = answer.get("service_response", {}).get(self._entities[which], {}).get("items", ())
        return [str(item["summary"]) for item in kept]

    async def add(self, which: str, items: Sequence[str]) -> None:
        for item in items:
            await self._call("add_item", which, item=item)

    async def remove(self, which: str, items: Sequence[str]) -> None:
        if items:
            await self._call("remove_item", which, item=list(items))

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _call(self, action: str, which: str, **fields: object) -> dict[str, Any]:
        aiohttp = _aiohttp()
        if self._session is None:
            self._session = aiohttp.ClientSession(headers={"Authorization": f"Bearer {self._token}"})
        body = {"entity_id": self._entities[which], **fields}
        try:
            async with asyncio.timeout(self._timeout_s):
                async with self._session.post(f"{self._url}/{action}", json=body) as response:
                    told = await response.read()
            if response.status != 200:
                raise Away(f"Home Assistant answers {response.status} to {action} of {body['entity_id']}")
            found = msgspec.json.decode(told)
            return found if isinstance(found, dict) else {}
        except TimeoutError:
            raise Away(f"Home Assistant did not answer within {self._timeout_s:g} s") from None
        except (aiohttp.ClientError, OSError, msgspec.DecodeError) as error:
            raise Away(f"Home Assistant: {error}") from None


def load_client() -> None:
    """Import what takes 0.4 s, where nobody waits."""
    _aiohttp()


def _aiohttp() -> Any:
    import aiohttp  # 15 MB that lists on disk need not have

    return aiohttp


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
