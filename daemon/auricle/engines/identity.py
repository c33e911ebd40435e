"""What makes an engine's sound what it is, as one string: when it changes, speech that was kept is of no more use."""

import asyncio
import hashlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from auricle import __version__, settings
from auricle.api.engines import EngineSpec
from auricle.engines import environments
from auricle.engines.client import describe
from auricle.model.errors import EngineError, WireError

_DESCRIBE_S = 5.0
_MOST_FILES = 1000


async def tts_identity(
    tts: settings.Tts, specs: Mapping[str, EngineSpec], options: Mapping[str, dict[str, Any]], state_dir: Path
) -> str | None:
    """A digest of the first TTS engine's configuration, the versions of all that it runs on, and its voices' files.

    For a server it is of what that says of itself; None if it does not answer now.
    """
    table = options.get(tts.engine, {})
    address = tts.uri or table.get("uri")
    if isinstance(address, str):
        try:
            info = await describe(address, _DESCRIBE_S)
        except (EngineError, WireError):
            return None
        return _digest(["server", address, tts.voice, *(program.to_dict() for program in info.tts)])
    spec = specs.get(tts.engine)
    if spec is None:
        return None
    return await asyncio.to_thread(_local, spec, tts.voice, table, state_dir)


def _local(spec: EngineSpec, voice: str, table: Mapping[str, Any], state_dir: Path) -> str | None:
    configured = table.get("python")
    try:
        python = environments.interpreter(spec.name, configured if isinstance(configured, str) else None, state_dir)
    except EngineError:
        return None
    files = [fact for path in _paths([voice, table]) for fact in _files(path)]
    return _digest(["local", __version__, spec.target, voice, dict(table), _packages(python), files])


def _packages(python: Path) -> list[str]:
    """`piper_tts-1.3.0.dist-info` and its like: any package of the environment may bear on the sound."""
    if environments.is_foreign(python):
        folders = list(python.parent.parent.glob("lib*/python3*/*-packages"))
    else:
        folders = [Path(entry) for entry in sys.path if entry]
    return sorted({found.name for folder in folders for found in folder.glob("*.dist-info")})


def _paths(value: object) -> Iterator[Path]:
    """Files and folders that a configuration names, at any depth."""
    match value:
        case str() if "/" in value:
            path = Path(value).expanduser()
            if path.is_absolute() and path.exists():
                yield path
        case dict():
            yield from (path for part in value.values() for path in _paths(part))
        case list() | tuple():
            yield from (path for part in value for path in _paths(part))


def _files(path: Path) -> list[tuple[str, int, int]]:
    inside = sorted(path.iterdir())[:_MOST_FILES] if path.is_dir() else []
    stats = [(found, found.stat()) for found in (path, *inside) if found.exists()]
    return [(str(found), stat.st_size, stat.st_mtime_ns) for found, stat in stats]


def _digest(facts: list[object]) -> str:
    return hashlib.sha256(msgspec.json.encode(facts, order="deterministic")).hexdigest()
