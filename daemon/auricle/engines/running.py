"""Finds the engines' processes of a running daemon, by their sockets, and asks them what they do."""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from auricle.engines.client import ping
from auricle.model.errors import AuricleError

_ANSWER_S: Final = 2.0


async def running_engines(runtime_dirs: Iterable[Path]) -> Mapping[str, Mapping[str, object]]:
    """Engine's name to what its process tells of itself, as `EngineServer.figures`.

    runtime_dirs: folders that daemons keep their sockets in. What does not answer, or may not be asked, is left out.
    """
    sockets = [socket for folder in runtime_dirs for socket in _sockets(folder)]
    answers = await asyncio.gather(*(_asked(socket) for socket in sockets))
    return {str(figures["engine"]): figures for figures in answers if "engine" in figures}


def _sockets(folder: Path) -> list[Path]:
    try:
        return sorted(folder.glob("engines-*-*/*.sock"))
    except OSError:
        return []


async def _asked(socket: Path) -> Mapping[str, object]:
    try:
        return await ping(f"unix://{socket}", _ANSWER_S)
    except AuricleError:
        return {}
