"""The main program of an isolated plugin's process: a plugin host with one plugin, asked over a socket."""

import asyncio
import ctypes
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import msgspec

from auricle.api import (
    Answered,
    AuricleError,
    Event,
    Intent,
    KnownIntent,
    PluginContext,
    PluginError,
    Reply,
    Transcript,
    Turn,
)
from auricle.host.isolated.messages import Birth, Happened, Hello, Told, Wish, event_of
from auricle.host.isolated.streams import OpenStreams
from auricle.host.isolated.wire import Call, Wire
from auricle.host.loading import GROUP
from auricle.host.plugin_host import PluginHost
from auricle.model.speech import Priority, SpeechRequest, SpeechStatus
from auricle.settings import Plugins

_PR_SET_PDEATHSIG = 1


class RemoteEnd:
    def __init__(self, status: SpeechStatus) -> None:
        self.status = status


class RemoteTicket:
    def __init__(self, end: "asyncio.Future[msgspec.Raw]") -> None:
        self._end = end

    async def done(self) -> RemoteEnd:
        status = msgspec.msgpack.decode(await self._end, type=str)
        return RemoteEnd(SpeechStatus(status))


class RemoteAnswer:
    def __init__(self, answered: Answered) -> None:
        self.intent, self.slots = answered.intent, answered.slots
        self.reply, self.handled_by = answered.text, answered.handled_by


class RemoteSettings:
    def __init__(self, volume: int, muted: bool) -> None:
        self.volume, self.muted = volume, muted


class RemoteHouse:
    """`ports.House` over the wire."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def wish(self, method: str, wish: Wish) -> msgspec.Raw:
        return await asyncio.wrap_future(self._wire.request(method, wish))

    @property
    def status(self) -> RemoteSettings:
        raw = self._wire.request("status", Wish()).result(2.0)
        volume, muted = msgspec.msgpack.decode(raw, type=tuple[int, bool])
        return RemoteSettings(volume, muted)

    def submit(self, request: SpeechRequest) -> RemoteTicket:
        wish = Wish(
            text=request.text,
            id=request.id,
            language=request.language,
            voice=request.voice,
            priority=Priority(request.priority).name.lower(),
            chime=request.chime,
            expires_s=request.expires_s,
            wait=True,
        )
        return RemoteTicket(asyncio.ensure_future(asyncio.wrap_future(self._wire.request("say", wish))))

    async def ask(self, text: str, *, language: str | None = None, speak: bool = False) -> RemoteAnswer:
        raw = await self.wish("ask", Wish(text=text, language=language, chime=speak))
        return RemoteAnswer(msgspec.msgpack.decode(raw, type=Answered))

    async def intents(self, language: str | None = None) -> Sequence[KnownIntent]:
        return msgspec.msgpack.decode(await self.wish("intents", Wish(language=language)), type=tuple[KnownIntent, ...])

    async def perform(self, plugin: str, intent: str, slots: Mapping[str, object], turn: Turn) -> Reply:
        payload = msgspec.msgpack.encode((plugin, intent, slots, turn))
        told = msgspec.msgpack.decode(await self.wish("perform", Wish(payload=payload)), type=Told)
        reply = told.reply or Reply("", understood=False)
        return replace(reply, stream=self._pieces(told.stream)) if told.stream else reply

    async def _pieces(self, stream: int) -> AsyncGenerator[str, None]:
        """What follows another plugin's reply, as the daemon has it made; closed there when it is closed here."""
        ended = False
        try:
            while True:
                raw = await self.wish("piece", Wish(number=stream))
                piece = msgspec.msgpack.decode(raw, type=str | None)
                if piece is None:
                    ended = True
                    return
                yield piece
        finally:
            if not ended:
                self._wire.request("close", Wish(number=stream))

    async def renew_sentences(self, plugin: str) -> None:
        raise PluginError("a plugin in a process of its own has the sentences that it began with")

    async def listen(self, *, say: str | None = None) -> str:
        return msgspec.msgpack.decode(await self.wish("listen", Wish(text=say or "")), type=str)

    async def stop(self, id: str | None = None) -> int:
        return msgspec.msgpack.decode(await self.wish("stop", Wish(id=id)), type=int)

    def set_volume(self, volume: int) -> None:
        self._wire.request("set_volume", Wish(number=volume))

    def set_muted(self, muted: bool) -> None:
        self._wire.request("set_muted", Wish(number=int(muted)))

    def publish(self, event: Event) -> None:
        self._wire.request("tell", Wish(payload=msgspec.msgpack.encode(event)))


class RemoteTopics:
    """The broker over the wire; the plugin's own topics are completed on the daemon's side."""

    def __init__(self, house: RemoteHouse, name: str) -> None:
        self._house = house
        self._root = f"plugin/{name}/"
        self.calls: dict[str, Callable[[bytes], None]] = {}

    async def publish(self, topic: str, payload: str | bytes, qos: int, retain: bool) -> None:
        body = payload.encode() if isinstance(payload, str) else payload
        own = topic.removeprefix(self._root)
        await self._house.wish("publish_own", Wish(topic=own, payload=body, qos=qos, retain=retain))

    async def anywhere(self, topic: str, payload: str | bytes, qos: int, retain: bool) -> None:
        body = payload.encode() if isinstance(payload, str) else payload
        await self._house.wish("publish", Wish(topic=topic, payload=body, qos=qos, retain=retain))

    def subscribe(self, topic: str, call: Callable[[bytes], None], *, whole: bool = False) -> None:
        own = topic if whole else topic.removeprefix(self._root)
        self.calls[own] = call
        asyncio.ensure_future(self._house.wish("subscribe_to" if whole else "subscribe", Wish(topic=own)))  # noqa: RUF006 -- the wire holds it


class Child:
    """Serves one plugin."""

    def __init__(self, end: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.wire = Wire(end, self._take)
        self._house = RemoteHouse(self.wire)
        self._host: PluginHost | None = None
        self._topics: RemoteTopics | None = None
        self._streams = OpenStreams()

    def _take(self, call: Call) -> None:
        asyncio.run_coroutine_threadsafe(self._serve(call), self._loop)

    async def _serve(self, call: Call) -> None:
        try:
            self.wire.answer(call, await self._done(call))
        except AuricleError as error:
            self.wire.refuse(call, error)
        except Exception as error:  # a plugin call
            self.wire.refuse(call, PluginError(f"{call.method}: {type(error).__name__}: {error}"))

    async def _done(self, call: Call) -> object:
        if call.method == "birth":
            return self._born(msgspec.msgpack.decode(call.arguments, type=Birth))
        if self._host is None or self._topics is None:
            raise PluginError(f"{call.method} before its birth")
        match call.method:
            case "startup":
                if msgspec.msgpack.decode(call.arguments, type=bool):
                    self._host.attach(self._house, self._topics)
                await self._host.startup()
                (status,) = self._host.statuses()
                if status.state == "failed":
                    raise PluginError(status.detail)
                return None
            case "recognize":
                transcript, turn = msgspec.msgpack.decode(call.arguments, type=tuple[Transcript, Turn])
                return await self._host.recognize(transcript, turn)
            case "handle":
                intent, turn = msgspec.msgpack.decode(call.arguments, type=tuple[Intent, Turn])
                return self._streams.told(await self._host.handle(intent, turn))
            case "piece":
                return await self._streams.next(msgspec.msgpack.decode(call.arguments, type=int))
            case "close":
                await self._streams.close(msgspec.msgpack.decode(call.arguments, type=int))
                return None
            case "event":
                event = event_of(msgspec.msgpack.decode(call.arguments, type=Happened))
                if event is not None:
                    await self._host.event(event)
                return None
            case "message":
                wish = msgspec.msgpack.decode(call.arguments, type=Wish)
                if (take := self._topics.calls.get(wish.topic)) is not None:
                    take(wish.payload)
                return None
            case "shutdown":
                await self._host.shutdown()
                return None
            case _:
                raise PluginError(f"there is no {call.method}")

    def _born(self, birth: Birth) -> Hello:
        found = [entry for entry in entry_points(group=GROUP) if entry.name == birth.name]
        if not found:
            return Hello(error=f"no plugin {birth.name} is installed for {sys.executable}")
        topics = self._topics = RemoteTopics(self._house, birth.name)
        host = self._host = PluginHost(
            plugins=Plugins(),
            options={birth.name: birth.options},
            context=lambda name: PluginContext(
                name=name,
                language=birth.language,
                site=birth.site,
                data_dir=Path(birth.data_dir),
                log=logging.getLogger(f"auricle.plugin.{name}"),
                topic_prefix=birth.topic_prefix,
                publish=topics.anywhere,
            ),
            timeout_s=birth.timeout_s,
            load_timeout_s=birth.load_timeout_s,
            on_fault=self._fault,
        )
        host.add(found[0])
        (status,) = host.statuses()
        if status.state != "active":
            return Hello(error=status.detail)
        return Hello(hooks=status.hooks, sentences=dict(host.all_sentences(birth.name)))

    def _fault(self, name: str, text: str) -> None:
        self.wire.request("fault", Wish(text=text))


def main(arguments: list[str]) -> int:
    fd, parent = map(int, arguments)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            return 1
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    loop = asyncio.new_event_loop()
    child = Child(socket.socket(fileno=fd), loop)

    def serve() -> None:
        child.wire.serve()
        os._exit(0)  # the daemon is gone, or wants no more; threads that hang are not waited for

    reading: Any = loop.run_in_executor(None, serve)
    loop.run_until_complete(reading)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
