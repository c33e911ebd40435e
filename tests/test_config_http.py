"""`[http]` and `[metrics]`: what is refused, with the key and what to do."""

from pathlib import Path

import pytest

from auricle.adapters.http_address import parse_bind
from auricle.config import load_config
from auricle.model.errors import ConfigError


def problems(tmp_path: Path, text: str, environ: dict[str, str] | None = None) -> tuple[str, ...]:
    path = tmp_path / "config.toml"
    path.write_text(text)
    try:
        load_config(path, environ or {})
    except ConfigError as error:
        return error.problems
    return ()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[http]\nbind = '10800'", "http.bind: ADDRESS:PORT such as 127.0.0.1:10800"),
        ("[http]\nbind = ''", "http.bind: ADDRESS:PORT"),
        ("[http]\nbind = 'kitchen.lan:10800'", "http.bind: ADDRESS:PORT"),
        ("[http]\nbind = '::1:10800'", "http.bind: ADDRESS:PORT"),
        ("[http]\nbind = '[127.0.0.1]:10800'", "http.bind: ADDRESS:PORT"),
        ("[http]\nbind = 'http://127.0.0.1:10800'", "http.bind: ADDRESS:PORT"),
        ("[http]\nbind = '127.0.0.1:0'", "http.bind: a port is 1 to 65535, not 0"),
        ("[http]\nbind = '127.0.0.1:70000'", "http.bind: a port is 1 to 65535, not 70000"),
        ("[http]\nbind = 'unix://relative'", "http.bind: a Unix socket is unix:///PATH"),
        (f"[http]\nbind = 'unix:///{'x' * 120}'", "http.bind: a Unix socket is unix:///PATH, of at most 107 bytes"),
        ("[http]\nbind = 10800", "http.bind is 10800"),
        (
            "[http]\nbind = '0.0.0.0:10800'",
            "http.bind: 0.0.0.0:10800 can be reached by others, so callers need a token",
        ),
        ("[http]\nbind = '[::]:10800'", "so callers need a token: set http.token_file, or bind 127.0.0.1"),
        ("[http]\ntoken = 'two words'", "http.token: a token is 1 to 4096 visible ASCII characters"),
        ("[http]\ntoken = ''", "http.token: a token is 1 to 4096 visible"),
        ("[http]\ntoken_file = '/nowhere/token'", "http.token_file: /nowhere/token cannot be read"),
        ("[metrics]\nbuckets = [1, 0.5]", "metrics.buckets: each one must be larger than the one before"),
        ("[metrics]\nbuckets = []", "metrics.buckets is"),
        ("[metrics]\nbuckets = [0]", "metrics.buckets[0] is 0"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, text: str, named: str) -> None:
    [problem] = problems(tmp_path, text)
    assert named in problem


def test_a_token_comes_from_a_file_or_the_credentials(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    for name, environ in ((f"{tmp_path}/token", {}), ("token", {"CREDENTIALS_DIRECTORY": str(tmp_path)})):
        path = tmp_path / "config.toml"
        path.write_text(f"[http]\nbind = '0.0.0.0:10800'\ntoken_file = '{name}'\n[metrics]\nbuckets = [0.5, 1]\n")
        config = load_config(path, environ).config
        assert config.http.token == "s3cret"
        assert config.metrics.buckets == (0.5, 1.0)
    (tmp_path / "token").write_text("no header\ncan carry this\n")
    [problem] = problems(tmp_path, f"[http]\ntoken_file = '{tmp_path}/token'\n")
    assert "http.token_file: a token is 1 to 4096 visible ASCII characters" in problem
    assert "no header" not in problem


@pytest.mark.parametrize(
    ("text", "host", "port", "private"),
    [
        ("127.0.0.1:10800", "127.0.0.1", 10800, True),
        ("localhost:1", "127.0.0.1", 1, True),
        ("[::1]:65535", "::1", 65535, True),
        ("0.0.0.0:80", "0.0.0.0", 80, False),
        ("192.168.1.7:80", "192.168.1.7", 80, False),
        ("[::]:80", "::", 80, False),
        ("unix:///run/auricle/http.sock", "", 0, True),
    ],
)
def test_an_address_is_read(text: str, host: str, port: int, private: bool) -> None:
    address = parse_bind(text)
    assert (address.host, address.port, address.private) == (host, port, private)
