"""Every key of the configuration: type, bounds, unit, default and meaning, in this one place."""

from typing import Any

import msgspec

from auricle.settings.outside import Dbus, Http, Log, Metrics, Mqtt, Privacy, Tls, Wyoming
from auricle.settings.section import Section, default
from auricle.settings.skills import Intents, PluginProcess, Plugins
from auricle.settings.sound import Audio, AudioInput, AudioOutput, Listen, SecondLook, Site, Wake, WakeVerify, WakeWord
from auricle.settings.speech import EngineProcess, Stt, Tts

__all__ = [
    "Audio",
    "AudioInput",
    "AudioOutput",
    "Config",
    "Dbus",
    "EngineProcess",
    "Http",
    "Intents",
    "Listen",
    "Log",
    "Metrics",
    "Mqtt",
    "PluginProcess",
    "Plugins",
    "Privacy",
    "SecondLook",
    "Section",
    "Site",
    "Stt",
    "Tls",
    "Tts",
    "Wake",
    "WakeVerify",
    "WakeWord",
    "Wyoming",
]


class Config(Section, frozen=True, kw_only=True):
    """The whole configuration."""

    site: Site = default(Site)
    audio: Audio = default(Audio)
    wake: Wake = default(Wake)
    listen: Listen = default(Listen)
    stt: Stt = default(Stt)
    tts: Tts = default(Tts)
    intents: Intents = default(Intents)
    mqtt: Mqtt = default(Mqtt)
    dbus: Dbus = default(Dbus)
    wyoming: Wyoming = default(Wyoming)
    http: Http = default(Http)
    metrics: Metrics = default(Metrics)
    privacy: Privacy = default(Privacy)
    plugins: Plugins = default(Plugins)
    log: Log = default(Log)
    engines: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    """`[engines.NAME]` as written; each is checked against `EngineProcess` and the engine's own type."""
    plugin_options: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    """`[plugins.NAME]` as written; each is checked against the plugin's own type."""
