"""Reading the configuration anew while the daemon runs: all of it or nothing, and what cannot change is named."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Container, Iterator, Mapping
from dataclasses import dataclass

import msgspec

from auricle.config import LoadedConfig, load_config
from auricle.model.errors import AuricleError, ConfigError
from auricle.notify import tell_reloading, tell_systemd
from auricle.settings import Config

_LOG = logging.getLogger("auricle")


@dataclass(frozen=True, slots=True)
class Ready:
    """A change that is prepared: `hold` makes it so, `drop` forgets it; one of them is called, once."""

    hold: Callable[[], Awaitable[None]]
    drop: Callable[[], None] = lambda: None


Prepare = Callable[[Config], Awaitable[Ready]]
"""Does all of a change that can go wrong, and changes nothing. Raises ConfigError that names the key."""


class Incomplete(AuricleError):
    """A reload of which something that nobody could foresee did not go through; the message names its keys."""

    code = "reload_incomplete"


class Reloader:
    """Called by SIGHUP and by D-Bus."""

    def __init__(
        self,
        loaded: LoadedConfig,
        judge: Callable[[LoadedConfig], LoadedConfig],
        live: Mapping[str, Prepare | None],
        done: Callable[[], None] = lambda: None,
    ) -> None:
        """judge: also judges the tables of plugins and engines, and raises ConfigError.

        live: key, or the section or table that it is in, to what prepares its new value; the longest name counts,
        each is called once. None: this one needs a restart, whatever it is in. done: called at the end.
        """
        self._loaded = loaded
        self._judge = judge
        self._live = live
        self._done = done
        self._one_at_a_time = asyncio.Lock()
        self._pending: dict[str, object] = {}
        """Keys that wait for a restart, with the values that hold until then."""
        self._failed: set[str] = set()
        """Keys whose last value could not be made to hold; tried again by the next reload."""

    async def __call__(self) -> None:
        """Raises ConfigError that names every fault, and nothing has changed then; Incomplete, and the rest has."""
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
        changed = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)} | self._failed
        keys_of = dict[str, list[str]]()
        restart = list[str]()
        for key in sorted(changed):
            name = covering(key, self._live)
            if name is not None and self._live[name] is not None:
                keys_of.setdefault(name, []).append(key)
            else:
                restart.append(key)
        ready = await self._prepare(keys_of, after)
        self._loaded = after
        self._pending = {key: old.get(key) for key in restart} | self._pending
        self._pending = {key: value for key, value in self._pending.items() if new.get(key) != value}
        held = list[str]()
        self._failed = set()
        for name, change in ready.items():
            try:
                await change.hold()
            except Exception as error:  # the app's top: the other keys are changed all the same
                unexpected = None if isinstance(error, AuricleError) else error
                keys = ", ".join(keys_of[name])
                _LOG.error("reloaded, but %s could not be changed: %s", keys, error, exc_info=unexpected)
                self._failed.update(keys_of[name])
            else:
                held += keys_of[name]
        self._done()
        _LOG.info("reloaded%s: %s", _from(after), ", ".join(held) if held else "nothing that changes while running")
        if waiting := sorted(self._pending.keys() | self._failed):
            _LOG.warning("changed, but only after a restart: %s", ", ".join(waiting))
        if self._failed:
            raise Incomplete(f"reloaded, but {', '.join(sorted(self._failed))} could not be changed: see the log")

    async def _prepare(self, keys_of: Mapping[str, list[str]], after: LoadedConfig) -> dict[str, Ready]:
        """All that changes, prepared. Raises ConfigError that names what of it cannot be; nothing is left then."""
        ready = dict[str, Ready]()
        problems = list[str]()
        try:
            for name, keys in keys_of.items():
                act = self._live[name]
                assert act is not None
                try:
                    ready[name] = await act(after.config)
                except ConfigError as error:
                    problems += error.problems or (str(error),)
                except Exception as error:  # the app's top: nothing is changed then, and the keys are named
                    unexpected = None if isinstance(error, AuricleError) else error
                    _LOG.error("%s cannot be prepared: %s", ", ".join(keys), error, exc_info=unexpected)
                    problems.append(f"{', '.join(keys)}: {error}")
            if problems:
                source = f"{after.path}: " if after.path is not None else ""
                raise ConfigError(source + "; ".join(problems), tuple(problems))
        except BaseException:
            for change in ready.values():
                change.drop()
            raise
        return ready


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
