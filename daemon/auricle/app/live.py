"""What of the configuration can change while the daemon runs, and how it is made to hold."""

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from auricle.app.broker import try_files
from auricle.app.building import make_conversation, make_listeners, make_own_voice, voice_settings
from auricle.app.http import HttpDoor
from auricle.app.reload import Prepare, Ready
from auricle.config.nearest import nearest
from auricle.engines.fleet import Fleet
from auricle.host import PluginHost
from auricle.model.errors import AuricleError, ConfigError
from auricle.model.events import VoiceSet, VolumeSet
from auricle.model.voice_names import has_voice
from auricle.pipeline.capture import Capture
from auricle.pipeline.ears import Ears
from auricle.pipeline.echo import EchoCanceller
from auricle.pipeline.own_voice import OwnVoice
from auricle.pipeline.turn import Conversation
from auricle.pipeline.wake import WakeDetector
from auricle.service import Assistant
from auricle.settings import Config
from auricle.store import SettingsStore

_SAID = ("speed", "pitch", "loudness_lufs", "voice")
_MOST_LISTED = 12


class Parts(Protocol):
    """The running daemon, as far as its settings change."""

    config: Config
    assistant: Assistant
    host: PluginHost
    capture: Capture
    ears: Ears
    fleet: Fleet
    conversation: Conversation | None
    detector: WakeDetector
    echo: EchoCanceller | None
    own_voice: OwnVoice
    store: SettingsStore
    http: HttpDoor
    state: Path

    async def renew_plugin(self, name: str, act: Callable[[], Awaitable[None]], enabled: bool) -> None: ...

    async def renew_broker(self) -> None: ...


class LiveSettings:
    """One method a group of keys; each is given the whole new configuration and takes its own part of it."""

    def __init__(self, daemon: Parts) -> None:
        self._daemon = daemon

    def prepares(self) -> Mapping[str, Prepare | None]:
        """See `Reloader`."""
        names = [plugin.name for plugin in self._daemon.host.statuses()]
        return {
            "log.level": _at_once(self._log),
            "listen": _at_once(self._listen),
            "wake": self._wake,
            **{f"tts.{key}": _at_once(self._voice) for key in _SAID},
            "tts.voice": self._known_voice,
            "audio.output.volume": _at_once(self._volume),
            "mqtt": self._broker,
            "mqtt.topic_prefix": None,
            "http": self._http,
            "plugins.disabled": _at_once(self._disabled),
            "plugins.watch": _at_once(self._watched),
            **{f"plugins.{name}": _at_once(functools.partial(self._plugin, name)) for name in names},
        }

    async def _log(self, config: Config) -> None:
        logging.getLogger().setLevel(config.log.level.upper())
        self._hold(log=config.log)

    async def _listen(self, config: Config) -> None:
        """From the next turn on."""
        daemon = self._daemon
        before = self._conversation
        self._hold(listen=config.listen)
        daemon.conversation = make_conversation(
            daemon.config,
            daemon.assistant,
            ears=daemon.ears,
            capture=daemon.capture,
            fleet=daemon.fleet,
            dialogue=before.dialogue,
            speech=before.speech,
        )
        daemon.assistant.converse(daemon.conversation)
        daemon.assistant.set_follow_up(config.listen.follow_up_s)

    async def _wake(self, config: Config) -> Ready:
        """The new words are loaded beside the old ones, which are heard until then."""
        daemon = self._daemon
        changed = msgspec.structs.replace(daemon.config, wake=config.wake)
        fresh, vad = make_listeners(changed, daemon.host, daemon.state)
        vad.close()
        own_voice = make_own_voice(changed, daemon.host, lambda: daemon.assistant.speaking, daemon.echo)

        def drop() -> None:
            fresh.close()
            own_voice.close()

        try:
            await asyncio.to_thread(fresh.load)
            await asyncio.to_thread(own_voice.load)
        except AuricleError as error:
            drop()
            if isinstance(error, ConfigError):
                raise
            raise ConfigError(f"wake.words: {error}") from error

        async def hold() -> None:
            daemon.detector.renew(fresh)
            daemon.own_voice.renew(own_voice)
            self._hold(wake=config.wake)

        return Ready(hold, drop=drop)

    async def _known_voice(self, config: Config) -> Ready:
        voice = config.tts.voice
        names = [known.name for known in await self._daemon.fleet.voices()]
        if not has_voice(names, voice):
            near = nearest(voice, names)
            what = f"did you mean {near}?" if near else f"there are {', '.join(sorted(names)[:_MOST_LISTED])}"
            raise ConfigError(f"tts.voice: {config.tts.engine} has no voice {voice!r}: {what}")
        return await _at_once(self._voice)(config)

    async def _voice(self, config: Config) -> None:
        tts = self._daemon.config.tts
        speech = self._conversation.speech
        held = {key: getattr(config.tts, key) for key in _SAID}
        self._hold(tts=msgspec.structs.replace(tts, **held))
        self._daemon.fleet.use_voice(config.tts.voice)
        speech.use(voice_settings(self._daemon.config, self._daemon.assistant))
        if config.tts.voice != tts.voice and "voice" not in self._daemon.store.load():
            self._daemon.assistant.publish(VoiceSet(voice=config.tts.voice))

    async def _volume(self, config: Config) -> None:
        """One that was set at run time is kept."""
        if "volume" not in self._daemon.store.load():
            self._daemon.assistant.publish(VolumeSet(volume=config.audio.output.volume))

    async def _broker(self, config: Config) -> Ready:
        """The files are tried first; whether the broker answers is seen once the old one is left."""
        prefix = self._daemon.config.mqtt.topic_prefix
        mqtt = msgspec.structs.replace(config.mqtt, topic_prefix=prefix)
        if mqtt.host is not None:
            await asyncio.to_thread(try_files, mqtt)

        async def hold() -> None:
            self._hold(mqtt=mqtt)
            await self._daemon.renew_broker()

        return Ready(hold)

    async def _http(self, config: Config) -> Ready:
        ready = await self._daemon.http.prepare(config.http)

        async def hold() -> None:
            await ready.hold()
            self._hold(http=config.http)

        return Ready(hold, ready.drop)

    async def _disabled(self, config: Config) -> None:
        daemon = self._daemon
        before, after = set(daemon.config.plugins.disabled), set(config.plugins.disabled)
        self._hold(plugins=msgspec.structs.replace(daemon.config.plugins, disabled=config.plugins.disabled))
        for name in sorted(after - before):
            await daemon.renew_plugin(name, functools.partial(daemon.host.disable, name), False)
        for name in sorted(before - after):
            await daemon.renew_plugin(name, functools.partial(daemon.host.enable, name), True)

    async def _watched(self, config: Config) -> None:
        self._hold(plugins=msgspec.structs.replace(self._daemon.config.plugins, watch=config.plugins.watch))

    async def _plugin(self, name: str, config: Config) -> None:
        host = self._daemon.host
        options = dict(config.plugin_options.get(name, {}))
        await self._daemon.renew_plugin(name, functools.partial(host.configure, name, options), True)

    @property
    def _conversation(self) -> Conversation:
        if self._daemon.conversation is None:
            raise AuricleError("still starting; try again in a moment", code="starting")
        return self._daemon.conversation

    def _hold(self, **sections: object) -> None:
        self._daemon.config = msgspec.structs.replace(self._daemon.config, **sections)


def _at_once(hold: Callable[[Config], Awaitable[None]]) -> Prepare:
    """Nothing of it can be tried beforehand."""

    async def prepare(config: Config) -> Ready:
        return Ready(functools.partial(hold, config))

    return prepare
