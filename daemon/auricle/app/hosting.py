"""The plugins, as the daemon and its commands load them."""

import logging
from pathlib import Path

from auricle.api.plugin import PluginContext, Publish
from auricle.config import LoadedConfig, check_options
from auricle.host import PluginHost
from auricle.model.errors import ConfigError, NotConnected


def make_host(loaded: LoadedConfig, state: Path, publish: Publish) -> PluginHost:
    """Load every plugin; a plugin's failure is in its status. Raises ConfigError for wrong keys of any."""
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

    host = PluginHost(
        plugins=config.plugins, options=config.plugin_options, context=context, timeout_s=config.intents.timeout_s
    )
    host.load()
    specs = host.engines()
    problems = check_options(
        loaded,
        host.config_types(),
        {name: spec.config for name, spec in specs.items()},
        in_daemon=[name for name, spec in specs.items() if spec.kind in ("wake", "vad")],
    )
    if problems:
        raise ConfigError("the configuration is wrong", problems)
    return host


async def no_broker(topic: str, payload: str | bytes, qos: int, retain: bool) -> None:
    """`PluginContext.publish` where nothing is connected."""
    raise NotConnected(f"nothing is sent to {topic}: this command works without the daemon and its broker")
