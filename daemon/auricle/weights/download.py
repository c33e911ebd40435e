"""One file over HTTP, going on with what is there of it; the checks are the caller's."""

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlparse

_BLOCK_BYTES = 256 << 10
_TIMEOUT_S = 30.0
_TRIES = 3
_PAUSE_S = 1.0

OnBytes = Callable[[int], None]
"""Told how many more bytes of the file are here; fewer, negative, if it has to begin again."""


def download(
    url: str, target: Path, size_bytes: int, *, headers: Mapping[str, str], on_bytes: OnBytes = lambda count: None
) -> None:
    """Fetch `url` into `target`; what has come so far lies in `target` with `.partial`, also after a failure.

    An attempt that brought something is followed by another; three on end that brought nothing are the end.
    Raises OSError.
    """
    if urlparse(url).scheme not in ("http", "https"):
        raise OSError(f"{url} is no address on the web")
    partial = target.with_name(f"{target.name}.partial")
    partial.parent.mkdir(parents=True, exist_ok=True)
    partial.touch()
    on_bytes(partial.stat().st_size)
    failed = 0
    while (here := partial.stat().st_size) < size_bytes:
        try:
            _go_on(url, partial, here, headers, on_bytes)
            reason = OSError("the connection ended early")
        except (OSError, http.client.HTTPException) as error:
            reason = error if isinstance(error, OSError) else OSError(repr(error))
            if isinstance(error, urllib.error.HTTPError):
                error.close()
                failed = _TRIES if error.code < 500 else failed
        if partial.stat().st_size > here:
            failed = 0
            continue
        failed += 1
        if failed >= _TRIES:
            raise reason
        time.sleep(_PAUSE_S)
    partial.replace(target)


def _go_on(url: str, partial: Path, here: int, headers: Mapping[str, str], on_bytes: OnBytes) -> None:
    """Append what comes; a server that cannot begin in the middle begins anew."""
    asked = {**headers, "Accept-Encoding": "identity"}
    if here:
        asked["Range"] = f"bytes={here}-"
    request = urllib.request.Request(url, headers=asked)
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
        anew = here > 0 and answer.status != http.HTTPStatus.PARTIAL_CONTENT
        if anew:
            on_bytes(-here)
        with partial.open("wb" if anew else "ab", buffering=0) as file:
            while block := answer.read(_BLOCK_BYTES):
                file.write(block)
                on_bytes(len(block))
