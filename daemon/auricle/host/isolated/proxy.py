"""The daemon's side of a plugin in a process of its own: a plugin like any other, whose hooks ask that process."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from typing import Any, Literal

import msgspec

from auricle.api import (
    AuricleError,
    Event,
    Intent,
    PluginConfig,
    PluginContext,
    PluginError,
    Reply,
    Sentences,
    TimerChanged,
    Transcript,
    Turn,
    hookimpl,
)
from auricle.host.isolated.messages import Birth, Hello, Told, Wish, happened
from auricle.host.isolated.process import PluginProcess
from auricle.host.isolated.streams import OpenStreams
from auricle.host.isolated.wire import Call, Wire
from auricle.host.running import STREAM_PIECE_S

GRACE_S = 0.7
"""What its answer may take longer than the plugin's own limit; then the process hangs, and is ended."""
_UNSUPPORTED = ("auricle_engines", "auricle_commands")

Fault = Callable[[str], None]


def isolated_plugin(
    context: PluginContext, options: Mapping[str, Any], *, timeout_s: float, load_timeout_s: float, fault: Fault
) -> type:
    """Start the plugin's process, and return a class that stands for the plugin. Raises PluginError.

    options: `[plugins.NAME]` as written. fault: told, from another thread, what went wrong outside of a call.
    """
    birth = Birth(
        name=context.name,
        options={name: value for name, value in options.items() if name not in ("isolated", "python")},
        language=context.language,
        site=context.site,
        data_dir=str(context.data_dir),
        topic_prefix=context.topic_prefix,
        timeout_s=timeout_s,
        load_timeout_s=load_timeout_s,
    )
    desk = _Desk(fault)
    process = PluginProcess(birth, str(options.get("python") or sys.executable), desk.take)
    hello = process.start()
    for hook in _UNSUPPORTED:
        if hook in hello.hooks:
            fault(f"{hook} is not asked: a plugin in a process of its own cannot bring that")
    hooks = {name: method for name, method in vars(_Hooks).items() if name in hello.hooks}

    def made(self: Any, context: PluginContext, config: PluginConfig) -> None:
        _Stand.__init__(self, context, process, hello, desk, timeout_s, fault)

    return type(f"Isolated_{context.name}", (_Stand,), {"__init__": made, **hooks})


class _Desk:
    """Takes the wishes of the process; grants them through the plugin's context."""

    def __init__(self, fault: Fault) -> None:
        self._fault = fault
        self.loop: asyncio.AbstractEventLoop | None = None
        self.context: PluginContext | None = None
        self._streams = OpenStreams()
        """What other plugins still answer to this one."""

    def take(self, call: Call, wire: Wire) -> None:
        try:
            wish = msgspec.msgpack.decode(call.arguments, type=Wish)
        except msgspec.DecodeError as error:
            wire.refuse(call, error)
            return
        if call.method == "fault":
            self._fault(wish.text)
            wire.answer(call, None)
        elif self.loop is None or self.context is None:
            wire.refuse(call, PluginError("the daemon does not run here", code="not_connected"))
        else:
            with suppress(RuntimeError):
                asyncio.run_coroutine_threadsafe(self._grant(call, wish, wire, self.context), self.loop)

    async def _grant(self, call: Call, wish: Wish, wire: Wire, context: PluginContext) -> None:
        try:
            wire.answer(call, await _granted(call.method, wish, wire, context, self._streams))
        except AuricleError as error:
            wire.refuse(call, error)
        except Exception as error:  # a plugin call
            wire.refuse(call, PluginError(f"{call.method}: {type(error).__name__}: {error}"))


async def _granted(method: str, wish: Wish, wire: Wire, context: PluginContext, streams: OpenStreams) -> object:
    assistant = context.assistant
    match method:
        case "say":
            spoken = await assistant.say(
                wish.text,
                priority=_priority(wish.priority),
                language=wish.language,
                voice=wish.voice,
                chime=wish.chime,
                expires_s=wish.expires_s,
                id=wish.id,
                wait=wish.wait,
            )
            return spoken.status
        case "ask":
            return await assistant.ask(wish.text, language=wish.language, speak=wish.chime)
        case "intents":
            return await assistant.intents(wish.language)
        case "perform":
            wanted = msgspec.msgpack.decode(wish.payload, type=tuple[str, str, dict[str, object], Turn])
            return streams.told(await assistant.perform(*wanted))
        case "piece":
            return await streams.next(wish.number)
        case "close":
            await streams.close(wish.number)
        case "listen":
            return await assistant.listen(say=wish.text or None)
        case "stop":
            return await assistant.stop(wish.id)
        case "set_volume":
            await assistant.set_volume(wish.number)
        case "set_muted":
            await assistant.set_muted(bool(wish.number))
        case "tell":
            await assistant.tell(msgspec.msgpack.decode(wish.payload, type=TimerChanged))
        case "publish":
            await context.publish(wish.topic, wish.payload, wish.qos, wish.retain)
        case "publish_own":
            await assistant.publish(wish.topic, wish.payload, qos=wish.qos, retain=wish.retain)
        case "subscribe" | "subscribe_to":

            def forward(topic: str, payload: bytes) -> None:
                wire.request("message", Wish(topic=topic, payload=payload))

            subscribe = assistant.subscribe if method == "subscribe" else assistant.subscribe_to
            await subscribe(wish.topic, forward)
        case "status":
            return [assistant.volume, assistant.muted]
        case _:
            raise PluginError(f"there is no {method}")
    return None


def _priority(name: str) -> Literal["low", "normal", "high", "alarm"]:
    match name:
        case "low" | "normal" | "high" | "alarm":
            return name
        case _:
            raise PluginError(f"priority {name!r} is none of low, normal, high, alarm")


class _Stand:
    """Stands for the plugin; its other hooks are those that the plugin has."""

    def __init__(
        self,
        context: PluginContext,
        process: PluginProcess,
        hello: Hello,
        desk: _Desk,
        timeout_s: float,
        fault: Fault,
    ) -> None:
        self._context = context
        self._process = process
        self._hello = hello
        self._desk = desk
        self._timeout_s = timeout_s
        desk.context = context
        process.on_death = fault

    @hookimpl
    def auricle_sentences(self) -> Mapping[str, Sentences]:
        return self._hello.sentences

    @hookimpl
    async def auricle_startup(self) -> None:
        loop = self._desk.loop = asyncio.get_running_loop()
        await self.asked("startup", self._context.assistant.running)
        self._process.on_rebirth = lambda: self._begin_again(loop)

    @hookimpl
    async def auricle_shutdown(self) -> None:
        try:
            await self.asked("shutdown")
        finally:
            self._process.end()

    def _begin_again(self, loop: asyncio.AbstractEventLoop) -> None:
        with suppress(RuntimeError, PluginError):
            self._process.request("startup", self._context.assistant.running)

    async def pieces(self, stream: int) -> AsyncGenerator[str, None]:
        """What follows a reply, as the process makes it; closed there when it is closed here. Raises PluginError."""
        ended = False
        try:
            while True:
                raw = await self.asked("piece", stream, STREAM_PIECE_S)
                piece = msgspec.msgpack.decode(raw, type=str | None)
                if piece is None:
                    ended = True
                    return
                yield piece
        finally:
            if not ended:
                with suppress(PluginError):  # dead, and its streams with it
                    self._process.request("close", stream)

    async def asked(self, method: str, arguments: object = None, limit_s: float | None = None) -> msgspec.Raw:
        """Ask the process. One that does not answer in time is ended, and started again."""
        limit_s = self._timeout_s if limit_s is None else limit_s
        future: Future[msgspec.Raw] = self._process.request(method, arguments)
        try:
            async with asyncio.timeout(limit_s + GRACE_S):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            self._process.kill(f"did not answer {method} within {limit_s:g} s and was ended")
            raise PluginError(f"its process did not answer {method} within {limit_s:g} s: it is ended") from None


class _Hooks:
    """The hooks that a plugin may have or not."""

    @hookimpl
    async def auricle_recognize(self: Any, transcript: Transcript, turn: Turn) -> Intent | None:
        raw = await self.asked("recognize", [transcript, turn])
        return msgspec.msgpack.decode(raw, type=Intent | None)

    @hookimpl
    async def auricle_handle(self: Any, intent: Intent, turn: Turn) -> Reply | None:
        told = msgspec.msgpack.decode(await self.asked("handle", [intent, turn]), type=Told)
        if told.reply is None or not told.stream:
            return told.reply
        return replace(told.reply, stream=self.pieces(told.stream))

    @hookimpl
    async def auricle_event(self: Any, event: Event) -> None:
        await self.asked("event", happened(event))
