"""Plugins: found, checked, called in order with a time limit, and kept from harming each other."""

from auricle.host.loaded import PluginState, PluginStatus
from auricle.host.plugin_host import PluginHost

__all__ = ["PluginHost", "PluginState", "PluginStatus"]
