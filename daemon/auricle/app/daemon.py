"""The daemon: all parts of a running assistant, started bottom up and stopped top down."""

import asyncio
import contextlib
import logging
import os
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from auricle import __version__
from auricle.adapters.dbus import DbusAdapter
from auricle.adapters.events_file import EventsFile
from auricle.adapters.mqtt import MqttAdapter
from auricle.app.broker import make_mqtt
from auricle.app.building import (
    describe,
    forget_lost_voice,
    make_conversation,
    make_dialogue,
    make_ducking,
    make_echo,
    make_listeners,
    make_own_voice,
    make_speech,
    status_at_start,
)
from auricle.app.hosting import judged, make_host
from auricle.app.http import HttpDoor
from auricle.app.live import LiveSettings
from auricle.app.loading import load_ahead
from auricle.app.plugin_topics import PluginTopics
from auricle.app.readiness import health_of, log_device, log_ready
from auricle.app.reload import Reloader
from auricle.app.systemd import Systemd, signs_of
from auricle.app.tracing import Tracer
from auricle.app.watching import watch
from auricle.bus import EventBus
from auricle.config import LoadedConfig, cache_dir, runtime_dir, state_dir
from auricle.config.later import unused_keys
from auricle.engines.fleet import Fleet
from auricle.engines.identity import tts_identity
from auricle.engines.inprocess import make_vad
from auricle.ledger import Ledger
from auricle.memory import give_back
from auricle.model.errors import AuricleError
from auricle.model.events import ComponentChanged, Event
from auricle.model.turn import utc_now
from auricle.notify import tell_systemd
from auricle.pipeline.capture import Capture
from auricle.pipeline.ears import Ears
from auricle.pipeline.far_end import FarEnd
from auricle.pipeline.meter import Meter
from auricle.pipeline.overheard import Overheard
from auricle.pipeline.playback import open_speaker
from auricle.pipeline.rehearsal import canned, rehearse
from auricle.pipeline.speak import Speech
from auricle.pipeline.synthesis import KeptSpeech
from auricle.pipeline.system_echo import use_system_echo_canceller
from auricle.pipeline.turn import Conversation
from auricle.service import Assistant
from auricle.speech_cache import SpeechCache
from auricle.store import SettingsStore
from auricle.traces import Traces

_LOG = logging.getLogger("auricle")
_ENGINE_ASKED_EVERY_S = 30.0
"""While a speech server does not answer."""
_FIRST_SOUND_S = 3.0
"""A microphone that says nothing of itself for so long is not waited for."""


class Daemon:
    """All parts of a running assistant. `async with Daemon(loaded)` starts it; leaving stops it, whatever happened.

    Raises AuricleError from the constructor or on entering if it cannot start in a way that waiting would not mend.
    """

    def __init__(
        self,
        loaded: LoadedConfig,
        *,
        events_file: str | None = None,
        state: Path | None = None,
        cache: Path | None = None,
    ) -> None:
        """state, cache: where what survives, and what can be made again, is kept, if not in the user's own places."""
        config = self.config = loaded.config
        self._loop = asyncio.get_running_loop()
        self._stack = AsyncExitStack()
        self.state = state or state_dir(os.environ)
        self._cache = cache or cache_dir(os.environ)
        self._events_file = events_file
        self.mqtt: MqttAdapter | None = None
        self._tts_identity: str | None = None
        self.sound_ended = asyncio.Event()
        """Set when a file or standard input is at its end."""
        self._microphone_told = asyncio.Event()
        self._reload_asked = asyncio.Event()
        self._voices: list[str] = []
        self.topics = PluginTopics(config.mqtt, config.site, lambda: self.mqtt)
        self.host = make_host(loaded, self.state, self.topics.send, self._plugin_failed)
        self.bus = EventBus()
        self.store = SettingsStore(self.state / "auricle.sqlite")
        self._stack.callback(self.store.close)
        ledger = Ledger(self.state / "requests.sqlite")
        self._stack.callback(ledger.close)
        self.assistant = Assistant(
            config.site,
            self.bus,
            self.store,
            status_at_start(config, self.store),
            follow_up_s=config.listen.follow_up_s,
            ledger=ledger,
        )
        self.conversation: Conversation | None = None
        self.reload = Reloader(
            loaded,
            judge=lambda fresh: judged(fresh, self.host),
            live=LiveSettings(self).prepares(),
            done=self._reloaded,
        )
        self._meter = Meter()
        self._dbus = DbusAdapter(
            self.assistant,
            config.dbus,
            config.site,
            version=__version__,
            reload=self.reload,
            on_change=self._tell,
            sound=self._meter.told,
        )
        self._systemd = Systemd(self.bus, lambda: self.assistant.status, self._models())
        if config.audio.input.echo == "system":
            use_system_echo_canceller(self._tell)
        far_end = FarEnd()
        self.echo = make_echo(config, far_end)
        self.capture = Capture(config.audio.input, on_change=self._tell, on_quality=self._tell, echo=self.echo)
        played = far_end.played if self.echo is not None else None
        self.speaker = open_speaker(config.audio.output, self._tell, played)
        self.fleet = Fleet(
            self.host.engines(),
            stt=config.stt,
            tts=config.tts,
            options=config.engines,
            runtime_dir=runtime_dir(os.environ),
            state_dir=self.state,
            on_change=self._tell,
            models_dir=self._cache / "models",
        )
        self.detector, self._vad = make_listeners(config, self.host, self.state)
        self._stack.callback(self.detector.close)
        self._stack.callback(self._vad.close)
        self.own_voice = make_own_voice(config, self.host, lambda: self.assistant.speaking, self.echo)
        self._stack.callback(self.own_voice.close)
        self._overheard = (
            Overheard(self.capture, lambda: self.assistant.status.muted) if config.privacy.record != "off" else None
        )
        self.ears = Ears(
            self._overheard or self.capture,
            self.detector,
            self._vad,
            loop=self._loop,
            on_wake=self.assistant.wake,
            on_end=self.sound_ended.set,
            on_fault=self.assistant.fault,
            meter=self._meter,
            own_voice=self.own_voice,
            on_stop=self.assistant.silence,
        )
        self._signs = signs_of(self.ears, self.capture)
        self.http = HttpDoor(
            self, lambda: health_of(self.assistant.status, self._models(), self._signs), on_change=self._tell
        )

    async def __aenter__(self) -> "Daemon":
        try:
            with self._systemd.starting():
                await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    async def _start(self) -> None:
        """Bottom up; each part that started is on the stack, and stops in the opposite order."""
        began = time.monotonic()
        starting = ComponentChanged(component="start", ok=False, detail="not listening yet")
        self.assistant.publish(starting)
        if self._events_file is not None:
            writer = EventsFile(self.assistant, self._events_file)
            await writer.start()
            self._stack.push_async_callback(writer.stop)
        await self.http.start()
        self._stack.push_async_callback(self.http.stop)
        self._stack.push_async_callback(self.speaker.close)
        self._stack.push_async_callback(self.fleet.stop)
        dialogue = make_dialogue(self.config, self.host, self.assistant.publish)
        self._stack.callback(dialogue.dispatcher.close)
        privacy = self.config.privacy
        traces = Traces(self.state / "traces", privacy.record_days, privacy.record_mb * 1_000_000)
        await asyncio.gather(
            self.fleet.start(),
            asyncio.to_thread(self._load_ears),
            asyncio.to_thread(dialogue.dispatcher.prepare),
            asyncio.to_thread(traces.tidy),
        )
        self._voices = [voice.name for voice in await self.fleet.voices()]
        forget_lost_voice(self.assistant, self._voices, self.config.tts.voice)
        conversation = self.conversation = make_conversation(
            self.config,
            self.assistant,
            ears=self.ears,
            capture=self.capture,
            fleet=self.fleet,
            dialogue=dialogue,
            speech=make_speech(self.config, self.assistant, self.fleet, self.speaker, self._kept_speech()),
        )
        plugins = (self._set_plugin, self._renew_sentences, self._reload_plugin)
        self.assistant.make_vad = lambda: make_vad(self.host.engines(), "silero_vad", self.config.engines)
        self.assistant.attach(conversation, self.ears, self._describe, *plugins)
        self.host.attach(self.assistant, self.topics)
        await self.host.startup()
        self._stack.push_async_callback(self.host.shutdown)
        self._beside(self._tell_plugins(), "events to plugins")
        watched = watch(self.host, lambda: self.config.plugins.watch, self.assistant.reload_plugin)
        self._beside(watched, "plugins under development")
        if self._overheard is not None:
            self._beside(Tracer(self.config, self.bus, self._overheard, traces).run(), "traces")
        self._beside(conversation.speech.run(), "speech")
        self._beside(make_ducking(self.config, self.state).run(self.bus, lambda: self.assistant.status), "ducking")
        self._make_mqtt()  # it has to hear how what is resumed ends
        await self.assistant.resume()
        learn = conversation.dialogue.dispatcher.learn_sounds
        self._beside(load_ahead(self.bus, self.fleet, lambda: _beside_all(learn)), "loading ahead")
        if self.config.tts.cache_mb:
            self._beside(self._rehearse(conversation.speech), "rehearsal")
        self._stack.push_async_callback(self.assistant.close)
        self.capture.start()
        self._stack.push_async_callback(asyncio.to_thread, self.capture.stop)
        self.ears.start()
        self._stack.push_async_callback(asyncio.to_thread, self.ears.stop)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._microphone_told.wait(), _FIRST_SOUND_S)
        self.assistant.publish(replace(starting, ok=True, detail="", at=utc_now()))
        self._beside(self._reload_when_asked(), "reload")
        await self._dbus.start()
        self._stack.push_async_callback(self._dbus.stop)
        self._stack.push_async_callback(self._leave_broker)
        await self._join_broker()
        if unused := ", ".join(unused_keys(self.config)):
            _LOG.warning("set, but not in this version yet: %s", unused)
        log_ready(self.assistant.status, self._models(), time.monotonic() - began, self.config.site.id)
        await asyncio.to_thread(give_back)  # what is there from now on stays
        self._beside(self._systemd.run(self._signs), "systemd")
        self._stack.push_async_callback(self.http.drain)
        self._stack.callback(tell_systemd, "STOPPING=1", "STATUS=stopping")

    def reload_soon(self) -> None:
        """A signal asks for it; what is wrong is in the log."""
        self._reload_asked.set()

    async def _reload_when_asked(self) -> None:
        while True:
            await self._reload_asked.wait()
            self._reload_asked.clear()
            try:
                await self.reload()
            except AuricleError:
                pass  # told in the log
            except Exception:  # the app's top: the next reload is still heard
                _LOG.exception("not reloaded")

    async def renew_broker(self) -> None:
        """Leave the broker, and join the one of the configuration."""
        await self._leave_broker()
        self._make_mqtt()
        await self._join_broker()

    def _make_mqtt(self) -> None:
        if self.config.mqtt.host is not None:
            self.mqtt = make_mqtt(self.config, self.assistant, self.store, self._tell, self.topics)
            self.mqtt.observe()

    async def _join_broker(self) -> None:
        if self.mqtt is not None:
            await self.mqtt.start()

    async def _leave_broker(self) -> None:
        mqtt, self.mqtt = self.mqtt, None
        if mqtt is not None:
            await mqtt.stop()

    def _reloaded(self) -> None:
        self._systemd.words = self._models()
        self._dbus.refresh()

    async def _rehearse(self, speech: Speech) -> None:
        """Get to know the engine, from when on its speech is kept; then fill the cache with what is said often."""
        tts = self.config.tts
        while self._tts_identity is None:
            self._tts_identity = await tts_identity(tts, self.host.engines(), self.config.engines, self.state)
            if self._tts_identity is None:
                await asyncio.sleep(_ENGINE_ASKED_EVERY_S)
        await rehearse(
            canned(self.config.site.language),
            speech.rehearse,
            lambda: speech.waiting > 0 or self.assistant.in_turn,
        )

    def _load_ears(self) -> None:
        self.detector.load()
        self.own_voice.load()
        self._vad.load()

    def _tell(self, event: Event) -> None:
        """Publish from any thread; what happens to sound devices is logged too (engines and the broker log theirs)."""
        log_device(event, self.assistant.status, self._models())
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to tell
            self._loop.call_soon_threadsafe(self.assistant.publish, event)
            if isinstance(event, ComponentChanged) and event.component == "microphone":
                self._loop.call_soon_threadsafe(self._microphone_told.set)

    def _plugin_failed(self, name: str, text: str) -> None:
        """From any thread; also while plugins are loaded, before there is anybody to tell it."""
        failed = ComponentChanged(component=f"plugin {name}", ok=False, detail=text, essential=False)
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(lambda: self._tell(failed))

    async def _set_plugin(self, name: str, enabled: bool) -> None:
        """Raises PluginError."""
        await self.renew_plugin(name, lambda: self.host.enable(name) if enabled else self.host.disable(name), enabled)

    async def _reload_plugin(self, name: str) -> None:
        """Raises PluginError."""
        await self.renew_plugin(name, lambda: self.host.reload(name), True)

    async def renew_plugin(self, name: str, act: Callable[[], Awaitable[None]], enabled: bool) -> None:
        """Do something to a plugin; its sentences are others then. Raises PluginError."""
        await act()
        await self._use_sentences()
        detail = "enabled" if enabled else "disabled"
        self._tell(ComponentChanged(component=f"plugin {name}", ok=enabled, detail=detail, essential=False))

    async def _renew_sentences(self, name: str) -> None:
        """A plugin has others now. Raises PluginError."""
        await self.host.renew_sentences(name)
        await self._use_sentences()

    async def _use_sentences(self) -> None:
        if (dialogue := self.assistant.dialogue) is not None:
            language = self.config.site.language
            dialogue.dispatcher.renew({language: self.host.sentences(language)})
            await asyncio.to_thread(dialogue.dispatcher.prepare)

    def _beside(self, work: Coroutine[None, None, None], name: str) -> None:
        """Run `work` until the daemon stops; its failure is told and is not the daemon's end."""

        def ended(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and (error := task.exception()) is not None:
                _LOG.error("%s ended: %s", name, error, exc_info=error)
                self.assistant.fault(AuricleError(f"{name} ended: {error}", code="internal"))

        task = asyncio.create_task(work, name=name)
        task.add_done_callback(ended)

        async def cancel() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self._stack.push_async_callback(cancel)

    async def _tell_plugins(self) -> None:
        with self.bus.subscribe() as events:
            async for event in events:
                await self.host.event(event)

    def _kept_speech(self) -> KeptSpeech | None:
        tts = self.config.tts
        if not tts.cache_mb:
            return None
        cache = SpeechCache(self._cache / "speech", limit_bytes=tts.cache_mb * 1_000_000)
        return KeptSpeech(cache, tts.engine, lambda: self._tts_identity)

    def _models(self) -> list[str]:
        return [word.model for word in self.config.wake.waking]

    def _describe(self) -> dict[str, object]:
        return describe(self.config, self.fleet, self.host, self._voices)


def _beside_all(work: Callable[[], None]) -> None:
    """Run `work` on a thread that nothing waits for, the end of the program neither."""
    threading.Thread(target=work, name=work.__name__, daemon=True).start()
