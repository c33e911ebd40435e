"""The composition root: build from the bottom up, start, wait, stop from the top down."""

from auricle.app.building import sound_rule, told_of_orders
from auricle.app.daemon import Daemon
from auricle.app.hosting import make_host, no_broker
from auricle.app.serve import serve

__all__ = ["Daemon", "make_host", "no_broker", "serve", "sound_rule", "told_of_orders"]
