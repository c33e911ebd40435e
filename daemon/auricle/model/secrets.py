"""Secrets that a key names by file: `password_file` beside `password`."""

from collections.abc import Mapping
from pathlib import Path

_LARGEST_BYTES = 65_536


def read_secret(name: str, environ: Mapping[str, str], beside: Path | None) -> str:
    """Return the content of a secret file without its last line end.

    name: a path (a relative one counts from `beside`, the configuration's folder), or a bare name, which is looked
    for in `$CREDENTIALS_DIRECTORY`. Raises ValueError with a sentence that names the file.
    """
    path = _path(name, environ, beside)
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(content) > _LARGEST_BYTES:
        raise ValueError(f"{path} is larger than {_LARGEST_BYTES // 1024} KiB: is it the right file?")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text") from error
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise ValueError(f"{path} is empty")
    return text


def _path(name: str, environ: Mapping[str, str], beside: Path | None) -> Path:
    if "/" not in name:
        folder = environ.get("CREDENTIALS_DIRECTORY")
        if not folder:
            raise ValueError(
                f"{name} is a bare name and $CREDENTIALS_DIRECTORY is not set: give a path, or start by systemd "
                "with LoadCredential="
            )
        return Path(folder, name)
    try:
        path = Path(name).expanduser()
    except RuntimeError as error:
        raise ValueError(f"{name}: {error}") from error
    return path if beside is None else beside / path
