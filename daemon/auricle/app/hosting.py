"""The plugins, as the daemon and its commands load them."""

import logging
import os
from collections.abc import Callable
from pathlib import Path

from auricle.api.plugin import PluginContext, Publish
from auricle.config import LoadedConfig
from auricle.host import PluginHost
from auricle.model.errors import ConfigError, NotConnected
from auricle.model.secrets import read_secret


def make_host(
    loaded: LoadedConfig, state: Path, publish: Publish, on_fault: Callable[[str, str], None] = lambda name, text: None
) -> PluginHost:
    """Load every plugin; a plugin's failure is in its status. Raises ConfigError for wrong keys of any.

    on_fault: takes a plugin's name and what went wrong, on any thread; it has been logged already.
    """
    config = loaded.config

    def context(name: str) -> PluginContext:
        return PluginContext(
            name=name,
            language=config.site.language,
            site=config.site.id,
            data_dir=state / "plugins" / name,
            log=logging.getLogger(f"auricle.plugin.{name}"),
            publish=publish,
            topic_prefix=config.mqtt.topic_prefix.rstrip("/"),
        )

    def fault(name: str, text: str) -> None:
        logging.getLogger("auricle.plugins").warning("plugin %s: %s", name, text)
        on_fault(name, text)

    host = PluginHost(
        plugins=config.plugins,
        options=config.plugin_options,
        context=context,
        timeout_s=config.intents.timeout_s,
        on_fault=fault,
        secret=lambda name: read_secret(name, os.environ, loaded.path.parent if loaded.path is not None else None),
    )
    host.load()
    try:
        judged(loaded, host)
    except ConfigError as error:
        raise ConfigError("the configuration is wrong", error.problems) from None
    return host


def judged(loaded: LoadedConfig, host: PluginHost) -> LoadedConfig:
    """Return the same, the tables of plugins and engines judged too. Raises ConfigError."""
    specs = host.engines()
    return loaded.with_types(
        host.config_types(),
        {name: spec.config for name, spec in specs.items()},
        in_daemon=[name for name, spec in specs.items() if spec.kind in ("wake", "vad")],
    )


async def no_broker(topic: str, payload: str | bytes, qos: int, retain: bool) -> None:
    """`PluginContext.publish` where nothing is connected."""
    raise NotConnected(f"nothing is sent to {topic}: this command works without the daemon and its broker")
