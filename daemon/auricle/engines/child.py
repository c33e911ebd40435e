"""The main program of an engine's process; started by the supervisor, ends with it."""

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Sequence

import msgspec

from auricle.api.engines import EngineSpec, Voice
from auricle.api.plugin import PluginConfig
from auricle.engines import gpu
from auricle.engines.conditions import Conditions, live_with, settle_in
from auricle.engines.making import build, resolve
from auricle.engines.server import EngineServer
from auricle.model.engine_faults import engine_fault
from auricle.model.errors import AuricleError, EngineUnavailable

_log = logging.getLogger("auricle.engines.child")


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """The one line that a worker writes when it is loaded, or cannot be."""

    error: str | None = None
    """Code of the error; none when all is well."""
    message: str = ""
    voices: tuple[Voice, ...] = ()
    uri: str = ""
    """Where it listens, with the real port."""
    device: str = ""
    batch: int = 1
    """Whole utterances that are taken at a time."""


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parser().parse_args(arguments)
    live_with(given.parent)
    os.set_inheritable(given.ready_fd, False)
    # Libraries print; nothing that they print may be taken for ours.
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(
        stream=sys.stderr, level=given.log_level.upper(), format="%(levelname)s %(name)s: %(message)s", force=True
    )
    try:
        conditions = msgspec.json.decode(given.conditions, type=Conditions)
        settle_in(conditions)
        spec, config = _described(given)
        server = EngineServer(spec, build(spec.target, config), restarts=given.restarts)
        status = asyncio.run(_serve(server, conditions, given.uri, given.ready_fd))
    except Exception as error:
        _report(given.ready_fd, _failure(given.name, error))
        status = 1
    sys.stderr.flush()
    # Leaves at once: threads of an engine that hangs, or of its libraries, are not waited for.
    os._exit(status)


async def _serve(server: EngineServer, conditions: Conditions, uri: str, ready_fd: int) -> int:
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
    serving = asyncio.create_task(_load(server, conditions, uri), name="load")
    waiting = asyncio.create_task(asked.wait(), name="wait for SIGTERM")
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        uri = serving.result()
        _report(ready_fd, Ready(voices=tuple(server.voices), uri=uri, device=server.device, batch=server.batch))
        await waiting
    await server.close()
    serving.cancel()
    return 0


async def _load(server: EngineServer, conditions: Conditions, uri: str) -> str:
    if conditions.gpu_memory_share:
        gpu.limit_memory(server.spec.name, conditions.gpu_memory_share)
    await server.load()
    if conditions.slowest_rtf and server.device == "cpu":
        await _test_pace(server, conditions.slowest_rtf)
    return await server.listen(uri)


async def _test_pace(server: EngineServer, slowest_rtf: float) -> None:
    """It wanted a GPU and got a CPU. Raises EngineUnavailable where that is too slow to be of use."""
    name = server.spec.name
    found = await server.self_test()
    told = f"{name} finds no GPU, and takes {found:.2g} s on the CPU for 1 s of sound"
    if found > slowest_rtf:
        raise EngineUnavailable(f"{told}, over [engines.{name}] slowest_rtf = {slowest_rtf:g}")
    _log.info("%s: quick enough", told)


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


def _failure(name: str, error: Exception) -> Ready:
    if isinstance(error, AuricleError):
        return Ready(error=error.code, message=error.message)
    _log.error("%s cannot be loaded", name, exc_info=error)
    if (fault := engine_fault(error)) is not None:
        # Trying again at once would not help: it is left alone for a while.
        return Ready(error=EngineUnavailable.code, message=f"{name} cannot be loaded: {fault.message}")
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
    parser.add_argument("--conditions", default="{}")
    parser.add_argument("--restarts", type=int, default=0)
    parser.add_argument("--ready-fd", required=True, type=int)
    parser.add_argument("--parent", required=True, type=int)
    parser.add_argument("--log-level", default="info")
    return parser


if __name__ == "__main__":
    sys.exit(main())
