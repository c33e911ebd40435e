"""Plugins in processes of their own: the daemon's side is a plugin that asks another process."""

from auricle.host.isolated.proxy import isolated_plugin

__all__ = ["isolated_plugin"]
