"""Reading the configuration anew while the daemon runs: all of it or nothing, and what cannot change is named."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Container, Iterator, Mapping

import msgspec

from auricle.config import LoadedConfig, load_config
from auricle.model.errors import AuricleError, ConfigError
from auricle.notify import tell_reloading, tell_systemd
from auricle.settings import Config

_LOG = logging.getLogger("auricle")

Apply = Callable[[Config], Awaitable[None]]


class Reloader:
    """Called by SIGHUP and by D-Bus."""

    def __init__(
        self,
        loaded: LoadedConfig,
        judge: Callable[[LoadedConfig], LoadedConfig],
        live: Mapping[str, Apply | None],
        done: Callable[[], None] = lambda: None,
    ) -> None:
        """judge: also judges the tables of plugins and engines, and raises ConfigError.

        live: key, or the section or table that it is in, to what makes its new value hold; the longest name counts,
        each is called once. None: this one needs a restart, whatever it is in. done: called at the end.
        """
        self._loaded = loaded
        self._judge = judge
        self._live = live
        self._done = done
        self._one_at_a_time = asyncio.Lock()
        self._pending: dict[str, object] = {}
        """Keys that wait for a restart, with the values that hold until then."""

    async def __call__(self) -> None:
        """Raises ConfigError that names every fault; nothing has changed then."""
        async with self._one_at_a_time:
            tell_reloading()
            try:
                await self._reload()
            except ConfigError as error:
                _LOG.error("not reloaded, the old settings stay: %s", error)
                raise
            finally:
                tell_systemd("READY=1")

    async def _reload(self) -> None:
        before = self._loaded
        after = await asyncio.to_thread(lambda: self._judge(load_config(before.path)))
        old, new = dict(flat(before.config)), dict(flat(after.config))
        changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
        told, apply = [], dict[str, Apply]()
        for key in changed:
            name = covering(key, self._live)
            act = self._live.get(name or "")
            if name is not None and act is not None:
                apply[name] = act
                told.append(key)
            elif key not in self._pending:
                self._pending[key] = old.get(key)
        self._loaded = after
        for name, act in apply.items():
            try:
                await act(after.config)
            except AuricleError as error:
                _LOG.error("reloaded, but %s stays as it was: %s", name, error)
        self._done()
        self._pending = {key: value for key, value in self._pending.items() if new.get(key) != value}
        _LOG.info("reloaded%s: %s", _from(after), ", ".join(told) if told else "nothing that changes while running")
        if self._pending:
            _LOG.warning("changed, but only after a restart: %s", ", ".join(sorted(self._pending)))


def flat(section: object, at: str = "") -> Iterator[tuple[str, object]]:
    """Yield every key with its value, as `wake.refractory_s`; the tables of plugins and engines key by key too."""
    if isinstance(section, msgspec.Struct):
        for name in section.__struct_fields__:
            key = "plugins" if name == "plugin_options" else name
            yield from flat(getattr(section, name), f"{at}{key}.")
    elif isinstance(section, Mapping) and at:
        for name, value in section.items():
            yield from flat(value, f"{at}{name}.")
    else:
        yield at[:-1], section


def covering(key: str, names: Container[str]) -> str | None:
    """The longest of `names` that is the key or a table that it is in."""
    while key:
        if key in names:
            return key
        key = key.rpartition(".")[0]
    return None


def _from(loaded: LoadedConfig) -> str:
    return f" {loaded.path}" if loaded.path is not None else ""
