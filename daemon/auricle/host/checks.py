"""Each step of loading a plugin, checked alone: every failure is a PluginError that says what to do."""

import inspect
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import msgspec

from auricle.api import (
    Adapter,
    Command,
    EngineSpec,
    Intent,
    PluginConfig,
    PluginError,
    Reply,
    Sentences,
    hookspecs,
)

HOOKS_PROJECT = "auricle"
"""The name that the hook markers were made with."""
SYNC_HOOKS = ("auricle_engines", "auricle_sentences", "auricle_adapters", "auricle_commands")
"""Hooks that are asked while loading, before there is an event loop."""


def known_hooks() -> Mapping[str, tuple[str, ...]]:
    """Every hook in lifecycle order, with the names of its arguments."""
    return {
        name: tuple(inspect.signature(spec).parameters)
        for name, spec in vars(hookspecs).items()
        if name.startswith("auricle_") and inspect.isfunction(spec)
    }


def nearest(name: str, known: Sequence[str]) -> str:
    """`; did you mean X?`, or nothing where no known name is near."""
    near = get_close_matches(name, known, n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""


def plugin_class(found: object) -> type:
    if not inspect.isclass(found):
        raise PluginError(
            f"the entry point names a {type(found).__name__}, not a class: point it at the plugin's class"
        )
    return found


def config_type(plugin: type) -> type[PluginConfig]:
    """The nested `Config`, or one without keys where there is none."""
    found = getattr(plugin, "Config", PluginConfig)
    if not (inspect.isclass(found) and issubclass(found, PluginConfig)):
        raise PluginError(f"{plugin.__name__}.Config is no subclass of auricle.api.PluginConfig")
    return found


def config(
    plugin: str, wanted: type[PluginConfig], options: Mapping[str, Any], secret: Callable[[str], str] | None = None
) -> PluginConfig:
    """The keys as the plugin's type has them. secret: reads the file that a key such as `token_file` names."""
    try:
        made = msgspec.convert(dict(options), wanted, strict=True)
        return made if secret is None else _with_secrets(plugin, made, secret)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at ")
        key = where.strip("`").removeprefix("$").removeprefix(".")
        near = ""
        if "unknown field" in what and not key:
            unknown = what.partition("unknown field ")[2].strip("`")
            near = nearest(unknown, [field.name for field in msgspec.structs.fields(wanted)])
        raise PluginError(f"[plugins.{plugin}]{' ' + key if key else ''}: {what}{near}") from error


def _with_secrets(plugin: str, made: PluginConfig, read: Callable[[str], str]) -> PluginConfig:
    """Fill `token` from the file that `token_file` names, where a type has both."""
    filled = {}
    for name in made.__struct_fields__:
        key, file = name.removesuffix("_file"), getattr(made, name)
        if key != name and key in made.__struct_fields__ and file and not getattr(made, key):
            try:
                filled[key] = read(str(file))
            except ValueError as error:
                raise PluginError(f"[plugins.{plugin}] {name}: {error}") from None
    return msgspec.structs.replace(made, **filled)


def hooks(plugin: type) -> tuple[str, ...]:
    """The hooks that the class implements, in lifecycle order; their names, arguments and kind are checked."""
    known = known_hooks()
    found = set()
    for attribute in dir(plugin):
        member = inspect.getattr_static(plugin, attribute)
        function = getattr(member, "__func__", member)
        options = getattr(function, f"{HOOKS_PROJECT}_impl", None)
        if options is None:
            if attribute.startswith("auricle_") and inspect.isroutine(function):
                raise PluginError(f"{attribute} lacks @hookimpl: import it from auricle.api")
            continue
        name = options.get("specname") or attribute
        if name not in known:
            raise PluginError(f"there is no hook {name}{nearest(name, list(known))}")
        if options.get("wrapper") or options.get("hookwrapper"):
            raise PluginError(f"{name} is a hook wrapper: plugins cannot wrap each other's hooks")
        given = [parameter for parameter in inspect.signature(function).parameters if parameter != "self"]
        if unknown := [argument for argument in given if argument not in known[name]]:
            takes = ", ".join(known[name]) or "nothing"
            raise PluginError(f"{name} asks for {', '.join(unknown)}; it can take {takes}")
        if name in SYNC_HOOKS and inspect.iscoroutinefunction(function):
            raise PluginError(f"{name} cannot be async: it is asked before the daemon runs")
        found.add(name)
    return tuple(name for name in known if name in found)


def engines(answer: object) -> Sequence[EngineSpec]:
    if not (isinstance(answer, Sequence) and all(isinstance(spec, EngineSpec) for spec in answer)):
        raise PluginError(f"auricle_engines answered with {_shape(answer)}, not a list of EngineSpec")
    return tuple(answer)


def sentences(answer: object) -> Mapping[str, Sentences]:
    if not (
        isinstance(answer, Mapping)
        and all(isinstance(code, str) and isinstance(texts, Sentences) for code, texts in answer.items())
    ):
        raise PluginError(f"auricle_sentences answered with {_shape(answer)}, not a dict of language to Sentences")
    return dict(answer)


def adapters(answer: object) -> Sequence[Adapter]:
    if not isinstance(answer, Sequence):
        raise PluginError(f"auricle_adapters answered with {_shape(answer)}, not a list of adapters")
    for adapter in answer:
        if not (callable(getattr(adapter, "start", None)) and callable(getattr(adapter, "stop", None))):
            raise PluginError(f"auricle_adapters answered with {_shape(adapter)} that lacks start() or stop()")
    return tuple(answer)


def commands(answer: object) -> Sequence[Command]:
    if not (isinstance(answer, Sequence) and all(isinstance(command, Command) for command in answer)):
        raise PluginError(f"auricle_commands answered with {_shape(answer)}, not a list of Command")
    for command in answer:
        if not re.fullmatch(r"[a-z][a-z0-9_-]*", command.name):
            raise PluginError(f"auricle_commands: {command.name!r} is no name of a command: a-z, 0-9, - and _ fit")
    return tuple(answer)


def _shape(answer: object) -> str:
    return "None" if answer is None else f"a {type(answer).__name__}"


def sound(answer: Intent | Reply) -> bool:
    """Whether the fields are what their types promise; dataclasses do not check."""
    match answer:
        case Intent():
            return isinstance(answer.name, str) and bool(answer.name) and isinstance(answer.slots, Mapping)
        case Reply():
            return isinstance(answer.text, str) and (answer.stream is None or isinstance(answer.stream, AsyncIterator))


def shown(answer: object) -> str:
    """What kind of thing it is. Not the thing: it may hold the user's words, and its repr is the plugin's code."""
    return f"a {type(answer).__name__}{' with a wrong field' if isinstance(answer, Intent | Reply) else ''}"
