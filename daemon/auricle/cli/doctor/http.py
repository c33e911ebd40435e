"""HTTP: the address of `[http] bind` answers as the daemon does, or can be had by it."""

import errno
import http.client
import json
import socket
from collections.abc import Iterator

from auricle.adapters.http_address import Address, close_socket, open_socket, parse_bind
from auricle.cli.doctor.finding import Finding, failed, ok, skipped, warning
from auricle.model.errors import ConfigError
from auricle.settings import Config

_CHECK = "HTTP"
_WHY = "Prometheus, health checks and programs that know OpenAI's API come that way"
_ANSWER_S = 5.0
_LARGEST_BYTES = 65_536
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def check(config: Config) -> Iterator[Finding]:
    if config.http.bind is None:
        yield skipped(_CHECK, "[http] bind is not set")
        return
    address = parse_bind(config.http.bind)
    try:
        close_socket(address, open_socket(address))
    except ConfigError as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EADDRINUSE:
            yield _taken(address)
        else:
            yield failed(_CHECK, error.message, _WHY, "another address or port in: [http] bind")
    else:
        yield ok(_CHECK, f"{address.text} is free; the daemon is not running")


def _taken(address: Address) -> Finding:
    """By the daemon, or by another program."""
    try:
        told = _health(address)
    except (OSError, ValueError, http.client.HTTPException):
        return failed(
            _CHECK,
            f"{address.text} is taken by a program that is not Auricle",
            _WHY,
            f"ss -ltnp 'sport = :{address.port}'    shows which" if address.port else "end it, or name another path",
            "or another port in: [http] bind",
        )
    if told.get("status") == "ok":
        return ok(_CHECK, f"{address.text} answers, and is well")
    what = told.get("detail") or told.get("status")
    return warning(_CHECK, f"{address.text} answers: {what}", "a wake word would not be heard", "auricle status")


def _health(address: Address) -> dict[str, object]:
    """What `/healthz` tells. Raises OSError, HTTPException, and ValueError for another program's answer."""
    connection = http.client.HTTPConnection(_ANY.get(address.host, address.host) or "localhost", address.port or None)
    connection.sock = _connected(address)
    try:
        connection.request("GET", "/healthz", headers={"Host": "localhost"})
        told = json.loads(connection.getresponse().read(_LARGEST_BYTES))
    finally:
        connection.close()
    if not isinstance(told, dict) or "status" not in told:
        raise ValueError("another program")
    return told


def _connected(address: Address) -> socket.socket:
    if not address.path:
        return socket.create_connection((_ANY.get(address.host, address.host), address.port), timeout=_ANSWER_S)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.settimeout(_ANSWER_S)
    try:
        made.connect(address.path)
    except BaseException:
        made.close()
        raise
    return made
