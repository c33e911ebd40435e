"""The main program of an engine's process; started by the supervisor, ends with it."""

import argparse
import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import sys
from collections.abc import Sequence

import msgspec

from auricle.api.engines import EngineSpec, Voice
from auricle.api.plugin import PluginConfig
from auricle.engines.serve import build, resolve
from auricle.engines.server import EngineServer
from auricle.model.errors import AuricleError, EngineUnavailable

_PR_SET_PDEATHSIG = 1
_log = logging.getLogger("auricle.engines.child")


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """The one line that a worker writes when it is loaded, or cannot be."""

    error: str | None = None
    """Code of the error; none when all is well."""
    message: str = ""
    voices: tuple[Voice, ...] = ()


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    _live_with(given.parent)
    os.set_inheritable(given.ready_fd, False)
    # Libraries print; nothing that they print may be taken for ours.
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(
        stream=sys.stderr, level=given.log_level.upper(), format="%(levelname)s %(name)s: %(message)s", force=True
    )
    try:
        spec, config = _described(given)
        status = asyncio.run(_serve(EngineServer(spec, build(spec.target, config)), given.uri, given.ready_fd))
    except Exception as error:
        _report(given.ready_fd, _failure(given.name, error))
        status = 1
    sys.stderr.flush()
    # Leaves at once: threads of an engine that hangs, or of its libraries, are not waited for.
    os._exit(status)


async def _serve(server: EngineServer, uri: str, ready_fd: int) -> int:
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
    serving = asyncio.create_task(_load(server, uri), name="load")
    waiting = asyncio.create_task(asked.wait(), name="wait for SIGTERM")
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        serving.result()
        _report(ready_fd, Ready(voices=tuple(server.voices)))
        await waiting
    await server.close()
    serving.cancel()
    return 0


async def _load(server: EngineServer, uri: str) -> None:
    await server.load()
    await server.listen(uri)


def _described(given: argparse.Namespace) -> tuple[EngineSpec, PluginConfig]:
    config_type = resolve(given.config_type)
    if not isinstance(config_type, type) or not issubclass(config_type, PluginConfig):
        raise EngineUnavailable(f"{given.config_type} is no PluginConfig")
    # Standard input rather than the command line, which every user of the machine can read.
    text = sys.stdin.read() if given.config_json == "-" else given.config_json
    config = msgspec.json.decode(text, type=config_type)
    languages = tuple(msgspec.json.decode(given.languages, type=list[str]))
    spec = EngineSpec(
        given.name, given.kind, given.target, config_type, description=given.description, languages=languages
    )
    return spec, config


def _live_with(parent: int) -> None:
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have gone before the line above.
    if os.getppid() != parent:
        os._exit(1)
    # When memory runs out, the engine is to go before the daemon that can start it again.
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("300")


def _failure(name: str, error: Exception) -> Ready:
    if isinstance(error, AuricleError):
        return Ready(error=error.code, message=error.message)
    _log.error("%s cannot be loaded", name, exc_info=error)
    return Ready(error="engine_failed", message=f"{name} cannot be loaded: {type(error).__name__}: {error}")


def _report(ready_fd: int, ready: Ready) -> None:
    with contextlib.suppress(OSError), open(ready_fd, "wb") as pipe:
        pipe.write(msgspec.json.encode(ready) + b"\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="auricle.engines.child", description=__doc__)
    for required in ("name", "target", "config-type", "config-json", "uri"):
        parser.add_argument(f"--{required}", required=True)
    parser.add_argument("--kind", required=True, choices=("stt", "tts"))
    parser.add_argument("--description", default="")
    parser.add_argument("--languages", default='["en"]')
    parser.add_argument("--ready-fd", required=True, type=int)
    parser.add_argument("--parent", required=True, type=int)
    parser.add_argument("--log-level", default="info")
    return parser


if __name__ == "__main__":
    sys.exit(main())
