"""What is in effect is shown with where it came from, and without secrets."""

from pathlib import Path
from typing import Annotated

from msgspec import Meta

from auricle.api import PluginConfig
from auricle.config import effective, load_config, show_text


class Radio(PluginConfig, frozen=True, kw_only=True):
    """Keys of a plugin."""

    token: Annotated[str | None, Meta(extra={"secret": True})] = None
    token_file: str | None = None
    station: str = "one"


TEXT = """\
[mqtt]
host = "broker"
password_file = "./password"
[plugins.radio]
token = "hunter2"
[plugins.other]
api_key = "hunter3"
list = [{ Password = "hunter4", x = 1 }]
"""


def test_secrets_are_masked_and_sources_told(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter1")
    path = tmp_path / "config.toml"
    path.write_text(TEXT)
    environ = {"AURICLE__AUDIO__OUTPUT__VOLUME": "7"}
    loaded = load_config(path, environ)
    assert loaded.config.mqtt.password == "hunter1"
    text = show_text(loaded, {"radio": Radio}, {})
    assert "hunter" not in text
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[0] == f"# {path}"
    for line in (
        "volume = 7 # AURICLE__AUDIO__OUTPUT__VOLUME",
        f'host = "broker" # {path}:2',
        f'password_file = "./password" # {path}:3',
        "port = 1883 # default",
        "# username is not set",
        f'token = "********" # {path}:5',
        'station = "one" # default',
        f'api_key = "********" # {path}:7',
        'list = [{ Password = "********", x = 1 }] # ' + f"{path}:8",
    ):
        assert line in lines
    assert not any(line.startswith("password =") for line in lines)
    values = effective(loaded, {"radio": Radio}, {})
    assert values["plugins"]["radio"] == {
        "token": "********",
        "token_file": None,
        "station": "one",
        "isolated": False,
        "python": None,
    }
    assert values["plugins"]["other"] == {"api_key": "********", "list": [{"Password": "********", "x": 1}]}
    assert values["mqtt"]["host"] == "broker"
    assert "password" not in values["mqtt"]


def test_defaults_are_shown_as_such() -> None:
    loaded = load_config(Path("/dev/null"), {})
    text = show_text(loaded, {}, {})
    assert 'words = [{ model = "hey_jarvis", engine = "microwakeword", meaning = "wake" }]  # default' in text
    assert "[engines]" not in text
