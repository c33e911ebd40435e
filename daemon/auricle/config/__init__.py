"""The configuration: found, read, judged whole, shown and documented from the types in `auricle.settings`."""

from auricle.config.directories import cache_dir, runtime_dir, state_dir
from auricle.config.example import example_text
from auricle.config.load import LoadedConfig, check_options, load_config
from auricle.config.show import effective, show_text

__all__ = [
    "LoadedConfig",
    "cache_dir",
    "check_options",
    "effective",
    "example_text",
    "load_config",
    "runtime_dir",
    "show_text",
    "state_dir",
]
