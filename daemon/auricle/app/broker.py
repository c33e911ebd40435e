"""The broker's adapter, with what plugs into it according to the configuration."""

from collections.abc import Callable

from auricle.adapters.hermes import Hermes
from auricle.adapters.homeassistant import Discovery
from auricle.adapters.mqtt import MqttAdapter
from auricle.adapters.mqtt_credentials import read_password, tls_context
from auricle.adapters.mqtt_extension import MqttExtension
from auricle.model.events import ComponentChanged
from auricle.ports import Store
from auricle.service import Assistant
from auricle.settings import Config, Mqtt


def make_mqtt(
    config: Config,
    assistant: Assistant,
    store: Store,
    on_change: Callable[[ComponentChanged], None],
    plugins: MqttExtension,
) -> MqttAdapter:
    """Raises ConfigError without `mqtt.host`."""
    extensions: list[MqttExtension] = [Discovery(assistant, config.mqtt, config.site, store), plugins]
    if config.mqtt.hermes:
        extensions.append(Hermes(assistant, config.site))
    return MqttAdapter(assistant, config.mqtt, config.site, on_change, extensions)


def try_files(settings: Mqtt) -> None:
    """Read the password and the certificates as a connection would. Raises ConfigError that names key and file."""
    read_password(settings)
    tls_context(settings.tls)
