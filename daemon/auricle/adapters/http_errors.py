"""Errors as OpenAI's clients expect them: a status, and an object that names what is wrong."""

from collections.abc import Mapping

import msgspec
from aiohttp import web

from auricle.model.errors import AuricleError, BadRequest, EngineError, EngineTimeout, QueueFull, RateLimited

_FIELDS = {"text": "input", "audio": "file", "payload": None, "id": None}
"""Fields of the daemon's own requests to those of OpenAI's; the others have the same name."""
_RETRY_S = {429: "1", 503: "5"}


class Refused(AuricleError):
    """A request that is refused for what HTTP itself has a status for."""

    def __init__(self, status: int, message: str, code: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message, code=code)
        self.status = status
        self.headers = headers or {}


def response_of(error: AuricleError) -> web.Response:
    """What a caller gets for an error."""
    status = status_of(error)
    field = error.field if isinstance(error, BadRequest) else None
    param = None if field is None else _FIELDS.get(field, field)
    message = error.message
    if field is not None and param is not None and param != field:
        message = message.replace(f"{field}:", f"{param}:", 1)
    kind = "invalid_request_error" if status < 500 else "server_error"
    told = {"error": {"message": message, "type": kind, "param": param, "code": error.code}}
    headers = dict(error.headers) if isinstance(error, Refused) else {}
    if status in _RETRY_S:
        headers.setdefault("Retry-After", _RETRY_S[status])
    return web.Response(status=status, body=msgspec.json.encode(told), content_type="application/json", headers=headers)


def status_of(error: AuricleError) -> int:
    match error:
        case Refused():
            return error.status
        case BadRequest():
            return 400
        case QueueFull() | RateLimited():
            return 429
        case EngineTimeout():
            return 504
        case EngineError():
            return 503
        case _:
            return 503 if error.code == "starting" else 500
