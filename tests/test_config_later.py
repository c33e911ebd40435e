"""Keys of things to come: taken, so that a configuration need not be written twice, and named."""

from pathlib import Path

from auricle.config import load_config
from auricle.config.later import unused_keys

TEXT = """
[mqtt]
host = "broker"
discovery = "off"
hermes = true
[dbus]
bus = "off"
[wyoming]
uri = "tcp://0.0.0.0:10700"
[metrics]
[privacy]
record = "off"
"""


def test_keys_that_are_not_acted_on_are_taken_and_named(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(TEXT)
    assert list(unused_keys(load_config(path, {}).config)) == ["wyoming.uri"]


def test_the_defaults_name_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.toml").write_text("")
    assert list(unused_keys(load_config(tmp_path / "empty.toml", {}).config)) == []
