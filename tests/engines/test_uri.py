"""Where engines listen."""

import asyncio
import os
import socket
import stat
from pathlib import Path

import pytest

from auricle.engines import uri
from auricle.engines.uri import TcpAddress, UnixAddress
from auricle.model.errors import ConfigError, EngineUnavailable


def test_the_two_kinds_of_address() -> None:
    assert uri.parse("tcp://10.0.0.2:10300") == TcpAddress("10.0.0.2", 10300)
    assert uri.parse("tcp://[::1]:0") == TcpAddress("::1", 0)
    assert str(TcpAddress("::1", 5)) == "tcp://[::1]:5"
    assert uri.parse("unix:///run/auricle/piper.sock") == UnixAddress(Path("/run/auricle/piper.sock"))


@pytest.mark.parametrize(
    "wrong",
    ["", "piper", "http://host:1", "tcp://host", "tcp://host:99999", "tcp://:1", "tcp://host:1/path", "tcp://h:1?x=1"]
    + ["tcp://user@h:1", "unix://relative/path", "unix:///", "unix:", "stdio://", "tcp://[::1:5", "tcp://h:x"],
)
def test_anything_else_is_one_clear_error(wrong: str) -> None:
    with pytest.raises(ConfigError, match="neither tcp://host:port nor unix:///path"):
        uri.parse(wrong)


def test_a_path_too_long_for_a_socket_is_said() -> None:
    with pytest.raises(ConfigError, match="at most 107 bytes"):
        uri.parse("unix:///" + "a" * 110)


async def _hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"hello")
    await writer.drain()


async def _greeting(address: str) -> bytes:
    reader, writer = await uri.connect(address)
    try:
        return await reader.read()
    finally:
        await uri.close_writer(writer)


async def test_a_free_port_is_chosen_and_told() -> None:
    listening = await uri.serve("tcp://127.0.0.1:0", _hello)
    assert isinstance(address := uri.parse(listening.uri), TcpAddress)
    assert address.port > 0
    assert await _greeting(listening.uri) == b"hello"
    await listening.close()
    with pytest.raises(EngineUnavailable, match="nothing can be reached"):
        await uri.connect(listening.uri)


async def test_a_unix_socket_is_private_and_gone_after_close(tmp_path: Path) -> None:
    path = tmp_path / "own" / "e.sock"
    before = os.umask(0o022)
    os.umask(before)
    listening = await uri.serve(f"unix://{path}", _hello)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert await _greeting(f"unix://{path}") == b"hello"
    after = os.umask(before)
    assert after == before
    await listening.close()
    assert not path.exists()


async def test_a_dead_socket_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "e.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    listening = await uri.serve(f"unix://{path}", _hello)
    assert await _greeting(f"unix://{path}") == b"hello"
    await listening.close()


async def test_a_socket_in_use_and_a_file_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "e.sock"
    listening = await uri.serve(f"unix://{path}", _hello)
    with pytest.raises(EngineUnavailable, match="another program listens"):
        await uri.serve(f"unix://{path}", _hello)
    assert await _greeting(f"unix://{path}") == b"hello"
    await listening.close()
    path.write_text("precious")
    with pytest.raises(EngineUnavailable, match="no socket"):
        await uri.serve(f"unix://{path}", _hello)
    assert path.read_text() == "precious"
