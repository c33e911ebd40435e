"""Plugins under development: their files are looked at, and a plugin is reloaded when they changed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from auricle.host import PluginHost
from auricle.host.fresh import Seen
from auricle.model.errors import AuricleError, PluginError

LOOK_S = 0.5
"""How often files are looked at; a change is acted on when the next look finds no other."""

_LOG = logging.getLogger("auricle.plugins")


async def watch(host: PluginHost, names: Callable[[], Sequence[str]], reload: Callable[[str], Awaitable[None]]) -> None:
    """Until cancelled; each reload is logged, and why one did not go well.

    names: the plugins, which may be others each time. reload: raises AuricleError; the old one stays then.
    """
    in_force: dict[str, Seen] = {}
    last: dict[str, Seen] = {}
    unseen: dict[str, str] = {}
    while True:
        for name in names():
            try:
                now = await asyncio.to_thread(host.files, name)
            except PluginError as error:
                if unseen.get(name) != error.message:
                    unseen[name] = error.message
                    _LOG.warning("[plugins] watch: %s: %s", name, error)
                continue
            unseen.pop(name, None)
            if now != in_force.setdefault(name, now) and now == last.get(name):
                in_force[name] = now
                try:
                    await reload(name)
                except AuricleError as error:
                    _LOG.error("plugin %s is not reloaded, the old one stays: %s", name, error)
                else:
                    _LOG.info("plugin %s is reloaded", name)
            last[name] = now
        await asyncio.sleep(LOOK_S)
