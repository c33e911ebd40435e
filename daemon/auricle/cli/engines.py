"""`auricle engines`: which engines there are and whether they can run; environments; serving to other machines."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from auricle.cli.common import ActionParsers, load, load_host, print_json, print_table, wrong_name
from auricle.cli.engines_install import install, made, remove

if TYPE_CHECKING:
    from auricle.api import EngineSpec, PluginConfig
    from auricle.settings import Config, EngineProcess

EXAMPLES = """\
examples:
  auricle engines list                                             every engine, and what one still needs
  auricle engines install chatterbox                               make that engine's own environment, and test it
  auricle engines serve faster_whisper --uri tcp://0.0.0.0:10300   give this machine's Whisper to the others
  auricle engines serve piper --uri unix:///run/auricle/piper.sock

Another daemon uses it with [stt] uri = "tcp://HOST:10300"; so does anything else that speaks Wyoming.
"""

_SYSTEM_RUNTIME_DIR = Path("/run/auricle")
"""Where the system's daemon keeps its sockets; another user's cannot be asked."""
_FIGURES = ("pid", "rss_mb", "gpu_mb", "threads", "device", "restarts", "requests", "rtf")
"""Of an engine whose process is running now; none of the others."""
_COLUMNS = ("name", "kind", "used_for", "state", "detail", "environment", "languages", "licence")


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = ActionParsers(parser)
    actions.add("list", "every engine: kind, state, languages, licence, interpreter, what it is used for", json="it")
    install = actions.add("install", "make an engine's own environment and test it; goes on where it broke off")
    install.add_argument("name", metavar="NAME", help="an engine that has an environment of its own")
    install.add_argument(
        "--recipe", metavar="RECIPE", default="", help="another than the usual one; see docs/engines.md"
    )
    remove = actions.add("remove", "remove an engine's own environment")
    remove.add_argument("name", metavar="NAME", help="an engine whose environment was made by `install`")
    serve = actions.add("serve", "load one engine and serve it over Wyoming until Ctrl-C")
    serve.add_argument("name", metavar="NAME", help="an engine for STT or TTS, as `auricle engines list` shows it")
    serve.add_argument(
        "--uri", required=True, metavar="URI", help="tcp://HOST:PORT (port 0: any) or unix:///PATH; printed when ready"
    )


def run(args: argparse.Namespace) -> int:
    match args.action:
        case "list":
            return _list(args)
        case "install":
            return install(args.name, args.recipe, load_host(load(args).config).engines())
        case "remove":
            return remove(args.name)
        case _:
            return _serve(args)


def _list(args: argparse.Namespace) -> int:
    import asyncio
    import os

    from auricle.config import runtime_dir
    from auricle.engines.running import running_engines

    config = load(args).config
    specs = load_host(config).engines()
    found = asyncio.run(_described(config, list(specs.values())))
    found += [_remote(config, name) for name, keys in config.engines.items() if name not in specs and keys.get("uri")]
    running = asyncio.run(running_engines({runtime_dir(os.environ), _SYSTEM_RUNTIME_DIR}))
    for engine in found:
        figures = running.get(str(engine["name"]), {})
        engine |= {column: figures.get(column) for column in _FIGURES}
        if figures:
            engine["state"] = "running"
    if args.json:
        print_json(found)
    else:
        columns = (*_COLUMNS, *(_FIGURES if running else ()))
        rows = [[_cell(engine[column]) for column in columns] for engine in found]
        print_table([column.replace("_", " ").upper() for column in columns], rows)
    return 0


async def _described(config: "Config", specs: "list[EngineSpec]") -> list[dict[str, object]]:
    import asyncio

    return list(await asyncio.gather(*(_description(config, spec) for spec in specs)))


async def _description(config: "Config", spec: "EngineSpec") -> dict[str, object]:
    state, detail, python = await _state(config, spec)
    return {
        "name": spec.name,
        "kind": spec.kind,
        "used_for": _uses(config, spec.name),
        "state": state,
        "detail": detail,
        "environment": made(spec.name),
        "languages": list(spec.languages),
        "licence": spec.licence,
        "interpreter": python,
        "description": spec.description,
    }


async def _state(config: "Config", spec: "EngineSpec") -> tuple[str, str, str]:
    """Return the engine's state, what to do or where it is, and the interpreter that runs it."""
    import os
    import sys

    from auricle.config import state_dir
    from auricle.engines import environments
    from auricle.model.errors import AuricleError

    if spec.kind in ("wake", "vad"):
        missing = environments.missing_here(spec.requires)
        advice = f"pip install 'auricle[{spec.extra}]'" if spec.extra else f"pip install {' '.join(missing)}"
        return ("not installed" if missing else "ready"), (advice if missing else ""), sys.executable
    try:
        process, _ = _settings(config, spec)
        uri = _section_uri(config, spec) or process.uri
        if uri:
            return "remote", uri, ""
        python = environments.interpreter(spec.name, process.python, state_dir(os.environ))
        await environments.check(spec, python, environments.environment(python, Path(), 0))
    except AuricleError as error:
        return "not installed", error.message, ""
    return "ready", "", str(python)


def _remote(config: "Config", name: str) -> dict[str, object]:
    fields: dict[str, object] = dict.fromkeys(_COLUMNS, "")
    detail = str(config.engines[name]["uri"])
    extra = {"languages": [], "interpreter": "", "description": "A Wyoming server"}
    return fields | extra | {"name": name, "used_for": _uses(config, name), "state": "remote", "detail": detail}


def _uses(config: "Config", name: str) -> list[str]:
    """Return what the configuration uses an engine for."""
    uses = []
    for part, section in (("stt", config.stt), ("tts", config.tts)):
        if section.engine == name:
            uses.append(part)
        elif name in section.fallback:
            uses.append(f"{part} fallback")
    if any(word.engine == name for word in config.wake.words):
        uses.append("wake")
    return uses


def _section_uri(config: "Config", spec: "EngineSpec") -> str | None:
    section = config.stt if spec.kind == "stt" else config.tts
    return section.uri if section.engine == spec.name else None


def _settings(config: "Config", spec: "EngineSpec") -> "tuple[EngineProcess, PluginConfig]":
    """Return what the configuration says of the engine's process and of the engine. Raises ConfigError.

    As for a worker of the daemon's, `[stt] model` and `[tts] voice` count where `[engines.NAME]` does not say it.
    """
    import msgspec

    from auricle.model.errors import ConfigError
    from auricle.settings import EngineProcess

    keys = dict(config.engines.get(spec.name, {}))
    section = config.stt if spec.kind == "stt" else config.tts
    own_names = {field.encode_name for field in msgspec.structs.fields(spec.config)}
    choice, value = ("model", config.stt.model) if spec.kind == "stt" else ("voice", config.tts.voice)
    if section.engine == spec.name and value and choice in own_names:
        keys.setdefault(choice, value)
    if spec.kind == "stt" and isinstance(config.stt.language, tuple) and "languages" in own_names:
        keys.setdefault("languages", config.stt.language)
    shared = {name: value for name, value in keys.items() if name in EngineProcess.__struct_fields__}
    own = {name: value for name, value in keys.items() if name not in shared}
    try:
        return msgspec.convert(shared, EngineProcess, strict=True), msgspec.convert(own, spec.config, strict=True)
    except (msgspec.ValidationError, TypeError) as error:  # TypeError: the engine's own type is broken
        raise ConfigError(f"[engines.{spec.name}]: {error}; `auricle config check` tells more") from error


def _serve(args: argparse.Namespace) -> int:
    import asyncio

    from auricle.cli.engines_serve import serve
    from auricle.engines.uri import parse
    from auricle.logs import set_up

    config = load(args).config
    specs = {name: spec for name, spec in load_host(config).engines().items() if spec.kind in ("stt", "tts")}
    if args.name not in specs:
        return wrong_name("engine for STT or TTS", args.name, specs)
    parse(args.uri)
    set_up(config.log.level)
    process, own = _settings(config, specs[args.name])
    return asyncio.run(serve(specs[args.name], own, process, args.uri))


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}" if value < 1 else f"{value:.1f}"
    if value is None:
        return "-"
    return (", ".join(str(item) for item in value) if isinstance(value, list) else str(value)) or "-"
