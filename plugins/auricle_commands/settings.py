"""`[plugins.commands]`: its keys, and that all of them fit together."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta, field

from auricle.api import PluginConfig
from auricle_commands.slots import slots_of
from auricle_commands.templates import Shape, shape

Value = str | int | float | bool

_BRACKETS = re.compile(r"[()\[\]{}<>|;]")
_WILDCARDS = re.compile(r"[+#\x00]")


class Command(PluginConfig, frozen=True, kw_only=True):
    """One `[[plugins.commands.command]]`."""

    name: Annotated[str, Meta(pattern="^[A-Za-z0-9_.-]{1,64}$", description="Name of the intent; each has its own.")]
    sentences: Annotated[
        tuple[str, ...],
        Meta(min_length=1, description='What may be said: "(turn|switch) {state} the {room} (lamp|light)".'),
    ]
    topic: Annotated[
        str, Meta(max_length=1024, description="Where to publish, with slots: home/{room}/lamp/set. Empty: nowhere.")
    ] = ""
    payload: Annotated[
        str | dict[str, object],
        Meta(description="What to publish, with slots. A table becomes JSON; a text of one slot alone keeps its type."),
    ] = ""
    reply: Annotated[str, Meta(max_length=4096, description="What to say, with slots. Empty: nothing.")] = ""
    qos: Annotated[Literal[0, 1, 2], Meta(description="MQTT quality of service.")] = 0
    retain: Annotated[bool, Meta(description="Whether the broker keeps the message.")] = False
    language: Annotated[
        Annotated[str, Meta(pattern="^[a-z]{2,3}(-[A-Za-z]{2,4})?$")] | None,
        Meta(description="Language of the sentences; none is the site's."),
    ] = None


class CommandsConfig(PluginConfig, frozen=True, kw_only=True):
    """Sentences of your own."""

    lists: Annotated[
        dict[str, tuple[str, ...] | dict[str, Value]],
        Meta(description="Slot to the words that fill it, or words to the values that they stand for."),
    ] = field(default_factory=dict)
    ranges: Annotated[dict[str, tuple[int, int]], Meta(description="Slot to its lowest and highest number.")] = field(
        default_factory=dict
    )
    wildcards: Annotated[tuple[str, ...], Meta(description="Slots that any words fill.")] = ()
    command: Annotated[tuple[Command, ...], Meta(max_length=1000, description="The commands.")] = ()

    def __post_init__(self) -> None:
        """Raises ValueError with every problem; each names the command or list, and the key."""
        if problems := [*_list_problems(self), *_command_problems(self)]:
            raise ValueError("; ".join(problems))


def _list_problems(config: CommandsConfig) -> Iterator[str]:
    for name, count in Counter([*config.lists, *config.ranges, *config.wildcards]).items():
        if count > 1:
            yield f"{{{name}}} is named {count} times among lists, ranges and wildcards"
    for name, words in config.lists.items():
        if not words:
            yield f"lists.{name} is empty"
        for word in words:
            if not word.strip() or _BRACKETS.search(word):
                yield f'lists.{name}: "{word}" is no plain word; write each way of saying it as a word of its own'
    for name, (low, high) in config.ranges.items():
        if not (low <= high and high - low <= 10_000):
            yield f"ranges.{name} is [{low}, {high}]: lowest first, and at most 10000 apart"


def _command_problems(config: CommandsConfig) -> Iterator[str]:
    for name, count in Counter(command.name for command in config.command).items():
        if count > 1:
            yield f"{count} commands have the name {name}"
    known = {*config.lists, *config.ranges, *config.wildcards}
    for command in config.command:
        for problem in _problems(command, known):
            yield f"command {command.name}: {problem}"


def _problems(command: Command, known: set[str]) -> Iterator[str]:
    shapes: list[Shape] = []
    for sentence in command.sentences:
        if not sentence.strip():
            yield "sentences has an empty one"
            continue
        try:
            found = shape(sentence)
        except ValueError as error:
            yield f'sentences: "{sentence}": {error}'
            continue
        shapes.append(found)
        for name in sorted({name for name in found.lists.values() if ".." not in name} - known):
            yield f'sentences: "{sentence}" has {{{name}}}, which is not in lists, ranges or wildcards'
    if not command.topic and not command.reply:
        yield "has neither topic nor reply, so it would do nothing"
    if command.payload and not command.topic:
        yield "payload has no topic to go to"
    if _WILDCARDS.search(command.topic):
        yield f'topic "{command.topic}" has a +, # or NUL, which cannot be published to'
    for key, text in (("topic", command.topic), ("payload", command.payload), ("reply", command.reply)):
        for slot in sorted(slots_of(text)):
            if not any(slot in found.lists for found in shapes):
                yield f"{key} has {{{slot}}}, which no sentence fills"
            elif not all(slot in found.certain for found in shapes):
                yield f"{key} has {{{slot}}}, which a sentence can be said without"
