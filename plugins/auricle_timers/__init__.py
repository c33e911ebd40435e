"""Timers and alarms: named, several at once, kept on disk, ringing until they are stopped."""

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta

from auricle.api import (
    Event,
    Intent,
    PluginConfig,
    PluginContext,
    Reply,
    Sentences,
    StopAsked,
    Turn,
    WakeHeard,
    hookimpl,
    spoken,
)
from auricle_timers.clockwork import Clockwork
from auricle_timers.talk import Talk
from auricle_timers.wording import LANGUAGES, Wording


class Timers:
    """A timer counts on whatever the clock on the wall does; an alarm rings when that clock says so."""

    class Config(PluginConfig, frozen=True, kw_only=True):
        """The timers' keys."""

        ring_s: Annotated[
            float, Meta(ge=5, le=3600, description="How long an alarm rings if nobody stops it.", extra={"unit": "s"})
        ] = 600.0
        limit: Annotated[int, Meta(ge=1, le=10_000, description="Timers and alarms that there may be at once.")] = 1000

    def __init__(self, context: PluginContext, config: Config) -> None:
        self._context = context
        self._config = config
        self._clockwork: Clockwork | None = None

    @hookimpl
    def auricle_sentences(self) -> Mapping[str, Sentences]:
        return {
            language: spoken.with_clock_times(spoken.with_durations(module.SENTENCES, language), language)
            for language, module in LANGUAGES.items()
        }

    @hookimpl
    async def auricle_startup(self) -> None:
        if self._context.assistant.running:
            self._clockwork = Clockwork(self._context, self._config.ring_s, self._config.limit)
            await self._clockwork.start()

    @hookimpl
    async def auricle_handle(self, intent: Intent, turn: Turn) -> Reply | None:
        if intent.plugin != self._context.name:
            return None
        wording = Wording(turn.language or self._context.language)
        if self._clockwork is None:
            return Reply(wording.say("no_daemon"))
        return await Talk(self._clockwork, wording).handle(intent)

    @hookimpl
    async def auricle_event(self, event: Event) -> None:
        if isinstance(event, StopAsked | WakeHeard) and self._clockwork is not None:
            await self._clockwork.silence()

    @hookimpl
    async def auricle_shutdown(self) -> None:
        if self._clockwork is not None:
            await self._clockwork.close()
            self._clockwork = None
