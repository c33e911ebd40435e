"""D-Bus: `org.auricle.Auricle1` on the session's bus or the system's; `docs/dbus.md` tells users all of it."""

import asyncio
import json
import logging
import os
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack

import msgspec
from dbus_fast import unpack_variants

from auricle.adapters import requests
from auricle.adapters.assistant import Assistant
from auricle.adapters.dbus_address import choose_bus
from auricle.adapters.dbus_interface import PROPERTIES
from auricle.adapters.dbus_link import Answer, Call, Link
from auricle.adapters.dbus_values import Properties, details, properties, signals, text
from auricle.bus import Subscription
from auricle.model.errors import BadRequest, ConfigError
from auricle.model.events import ComponentChanged, Event, Lagged
from auricle.overview import Overview
from auricle.settings import Dbus, Site

_LOG = logging.getLogger(__name__)
_EVENTS = 1024
_DRAIN_S = 1.0
_ONE = r"(unix|tcp):[a-z]+=[^,;=]+(,[a-z]+=[^,;=]+)*"
_ADDRESS = re.compile(rf"{_ONE}(;{_ONE})*;?")


class DbusAdapter:
    """The assistant on one bus. A bus that is away is waited for; where there is none, nothing happens."""

    def __init__(
        self,
        assistant: Assistant,
        settings: Dbus,
        site: Site,
        *,
        version: str,
        reload: Callable[[], Awaitable[None]],
        on_change: Callable[[ComponentChanged], None],
        sound: Callable[[], dict[str, object]] = dict,
    ) -> None:
        """reload: reads the configuration anew, or raises ConfigError. on_change: told from any thread.

        sound: levels and wake scores of the last seconds, for `Describe`.

        Raises ConfigError for an address that is none.
        """
        self._assistant = assistant
        self._site = site
        self._version = version
        self._reload = reload
        self._on_change = on_change
        self._sound = sound
        self._bus = choose_bus(settings.bus, os.environ)
        if self._bus is not None:
            _check(self._bus.address, settings.bus)
        self._link: Link | None = None
        self._overview = Overview(assistant.status)
        self._described = assistant.describe()
        self._views: Properties = {}
        self._subscribed = ExitStack()
        self._subscription: Subscription | None = None
        self._events: asyncio.Task[None] | None = None

    @property
    def where(self) -> str:
        """`session bus`, `system bus`, `bus` or `off`."""
        return self._bus.kind if self._bus is not None else "off"

    async def start(self) -> None:
        """Returns at once; the connection is made in the background."""
        if self._bus is None:
            _LOG.info("D-Bus is off: no bus is configured or found")
            return
        self._overview = Overview(self._assistant.status)
        self._described = self._assistant.describe()
        self._views = self._properties()
        self._link = Link(self._bus.address, self._serve, self._changed, self._views)
        self._subscription = self._subscribed.enter_context(self._assistant.bus.subscribe(_EVENTS))
        self._events = asyncio.create_task(self._send_events(self._subscription), name="dbus events")
        self._link.start()

    async def stop(self) -> None:
        """Tell what has happened so far and leave the bus; no task and no thread is left."""
        if self._subscription is None or self._events is None or self._link is None:
            return
        self._subscription.close()
        await asyncio.wait({self._events}, timeout=_DRAIN_S)
        self._events.cancel()
        await asyncio.gather(self._events, return_exceptions=True)
        self._subscribed.close()
        self._subscription = None
        await self._link.stop()

    def refresh(self) -> None:
        """The voices or wake words may be others now; facts are told by themselves."""
        self._described = self._assistant.describe()
        self._tell_changes()

    def _tell_changes(self) -> None:
        if self._link is None:
            return
        values = self._properties()
        changed = {name: value for name, value in values.items() if value != self._views.get(name)}
        self._views = values
        self._link.set_properties(values, changed)

    def _changed(self, ok: bool, detail: str) -> None:
        kind = self.where
        _LOG.log(logging.INFO if ok else logging.WARNING, "D-Bus: %s: %s", kind, detail)
        self._on_change(ComponentChanged(component="dbus", ok=ok, detail=f"{kind}: {detail}", essential=False))

    async def _send_events(self, subscription: Subscription) -> None:
        async for event in subscription:
            try:
                self._send_event(event)
            except Exception:
                # This adapter's top: one event that cannot be sent must not end the rest.
                _LOG.exception("D-Bus: a %s could not be sent", type(event).__name__)

    def _send_event(self, event: Event) -> None:
        if isinstance(event, Lagged):
            _LOG.warning("D-Bus: %d events came too fast and were not sent", event.count)
        self._overview.observe(event)
        if isinstance(event, ComponentChanged):
            self._described = self._assistant.describe()
        self._tell_changes()
        assert self._link is not None
        for name, arguments in signals(event):
            self._link.emit(name, arguments)

    def _properties(self) -> Properties:
        status, told = self._assistant.status, self._described
        return properties(
            {
                "State": status.state,
                "Muted": status.muted,
                "Volume": status.volume,
                "Voice": status.voice,
                "Voices": told.get("voices", []),
                "WakeWords": told.get("wake_words", []),
                "Site": self._site.id,
                "Version": self._version,
            }
        )

    async def _serve(self, call: Call) -> Answer:
        """On the daemon's loop. Raises AuricleError."""
        arguments = unpack_variants(list(call.arguments))
        match call.member, arguments:
            case "Say", [str(words), dict(options)]:
                request = requests.parse_say(_json({**options, "text": words}))
                return Answer([(await self._assistant.accept(request)).id])
            case "Ask", [str(words), dict(options)]:
                return await self._ask(requests.parse_ask(_json({**options, "text": words})))
            case "Listen", [dict(options)]:
                listen = requests.parse_listen(_json(options))
                return Answer([await self._assistant.listen(id=listen.id, say=listen.say)])
            case "Transcribe", [_, dict(options)]:
                return await self._transcribe(call.file or b"", options)
            case "Synthesize", [str(words), _, dict(options)]:
                request = requests.parse_say(_json({**options, "text": words}))
                return Answer(file=await self._assistant.synthesize(request))
            case "Stop", [str(id)]:
                stop = requests.parse_stop(_json({"id": id}) if id else b"")
                await self._assistant.stop(stop.id)
            case "Reload", []:
                await self._reload()
            case "SetPlugin", [str(name), bool(enabled)]:
                await self._assistant.set_plugin(name, enabled)
            case "ReloadPlugin", [str(name)]:
                await self._assistant.reload_plugin(name)
            case "Describe", []:
                return Answer([self._describe()])
            case "Set", [str(name), value]:
                self._set(name, value)
                self._tell_changes()
            case other:
                raise BadRequest(f"{other}: there is no such call")
        return Answer()

    async def _ask(self, ask: requests.Ask) -> Answer:
        result = await self._assistant.ask(ask.text, id=ask.id, language=ask.language, speak=ask.speak)
        reply = {
            "id": result.id,
            "intent": result.intent or "",
            "slots": result.slots,
            "reply": result.reply,
            "handled_by": result.handled_by,
        }
        return Answer([details(reply)])

    async def _transcribe(self, file: bytes, options: dict[str, object]) -> Answer:
        asked = requests.parse_transcribe(_json(options))
        sound = requests.parse_sound(file)
        began_s = time.monotonic()
        heard, audio_s = await self._assistant.transcribe(sound.file, language=asked.language)
        transcript = {
            "id": asked.id or sound.id,
            "text": heard.text,
            "language": heard.language,
            "confidence": heard.confidence,
            "audio_s": round(audio_s, 3),
            "latency_ms": round(1000 * (time.monotonic() - began_s), 1),
        }
        return Answer([details(transcript)])

    def _set(self, name: str, value: object) -> None:
        match name, value:
            case "Muted", bool(muted):
                self._assistant.set_muted(muted)
            case "Volume", int(volume):
                self._assistant.set_volume(requests.parse_volume(str(volume).encode()))
            case "Voice", str(voice):
                self._assistant.set_voice(requests.parse_voice(voice.encode()))
            case other:
                raise BadRequest(f"{other[0]}: {PROPERTIES[name].type} fits", field=name)

    def _describe(self) -> str:
        status = self._assistant.status
        told = {
            **self._assistant.describe(),
            "state": status.state,
            "since": status.since,
            "detail": status.detail,
            "muted": status.muted,
            "volume": status.volume,
            "voice": status.voice,
            "bus": self.where,
            **self._overview.told(),
            "sound": self._sound(),
        }
        return text(msgspec.json.encode(told, enc_hook=str).decode())


def _json(options: dict[str, object]) -> bytes:
    """Options as the JSON object that other ways in take, so that the same rules hold."""
    try:
        # Not msgspec: it would take bytes for text.
        return json.dumps(options, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise BadRequest(f"options: {error}", field="options") from None


def _check(address: str, setting: str) -> None:
    if not _ADDRESS.fullmatch(address):
        raise ConfigError(
            f'dbus.bus: "{setting}" is no bus; auto, system, session, off or an address such as unix:path=/run/bus fit'
        )
