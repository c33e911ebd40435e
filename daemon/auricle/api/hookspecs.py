"""The hooks, in lifecycle order. A hook may be `async def`, except the first four."""

from collections.abc import Awaitable, Mapping, Sequence

import pluggy

from auricle.api.engines import EngineSpec
from auricle.api.plugin import Adapter, Command, Sentences
from auricle.model.events import Event
from auricle.model.intent import Intent, Reply, Transcript
from auricle.model.turn import Turn

hookspec = pluggy.HookspecMarker("auricle")
hookimpl = pluggy.HookimplMarker("auricle")


@hookspec
def auricle_engines() -> Sequence[EngineSpec]:  # type: ignore[empty-body]
    """The engines that the plugin brings."""


@hookspec
def auricle_sentences() -> Mapping[str, Sentences]:  # type: ignore[empty-body]
    """Language (`en`) to the sentences whose intents the plugin handles."""


@hookspec
def auricle_adapters() -> Sequence[Adapter]:  # type: ignore[empty-body]
    """What runs beside the pipeline for the plugin."""


@hookspec
def auricle_commands() -> Sequence[Command]:  # type: ignore[empty-body]
    """Sub-commands of `auricle` that the plugin brings."""


@hookspec
def auricle_startup() -> Awaitable[None] | None:
    """The daemon is about to listen."""


@hookspec
def auricle_recognize(transcript: Transcript, turn: Turn) -> Awaitable[Intent | None] | Intent | None:
    """Understand what the sentence templates did not; None leaves it to the next plugin."""


@hookspec
def auricle_handle(intent: Intent, turn: Turn) -> Awaitable[Reply | None] | Reply | None:
    """Act on an intent and answer; None leaves it to the next plugin."""


@hookspec
def auricle_event(event: Event) -> Awaitable[None] | None:
    """Something happened; the plugin need not care."""


@hookspec
def auricle_shutdown() -> Awaitable[None] | None:
    """The daemon stops; release what was taken."""
