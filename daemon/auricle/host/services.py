"""The daemon as one plugin sees it: bounded, on its own topics, and awaited from the plugin's own loop."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any, Literal, Protocol, TypeVar
from uuid import uuid4

from auricle.api import Answered, BadRequest, KnownIntent, NotConnected, Reply, Spoken, TimerChanged, Turn
from auricle.api.services import OnMessage
from auricle.model.errors import QueueFull
from auricle.model.speech import Priority, SpeechRequest
from auricle.ports import House

T = TypeVar("T")

SAID_AT_ONCE = 10
"""Speech requests that a plugin may make within SAID_WITHIN_S; one more is refused."""
SAID_WITHIN_S = 10.0


class Broker(Protocol):
    """Where a plugin's own topics lead."""

    async def publish(self, topic: str, payload: str | bytes, qos: int, retain: bool) -> None: ...

    def subscribe(self, topic: str, call: Callable[[bytes], None], *, whole: bool = False) -> None:
        """whole: the topic is as it stands, and not below the site's own."""
        ...


@dataclass(slots=True)
class Desk:
    """Where plugins find the daemon, once it runs."""

    house: House | None = None
    broker: Broker | None = None
    loop: asyncio.AbstractEventLoop | None = None


class PluginAssistant:
    """Implements `auricle.api.Assistant` for one plugin. Its methods may be awaited on any loop."""

    def __init__(
        self,
        name: str,
        desk: Desk,
        *,
        deliver: Callable[[str, Callable[[], object]], None],
        on_flood: Callable[[str], None],
    ) -> None:
        """deliver: makes a call of the plugin that nobody waits for. on_flood: told when the plugin says too much."""
        self._name = name
        self._desk = desk
        self._deliver = deliver
        self._on_flood = on_flood
        self._said: deque[float] = deque(maxlen=SAID_AT_ONCE)

    @property
    def running(self) -> bool:
        return self._desk.house is not None

    @property
    def _house(self) -> House:
        if self._desk.house is None:
            raise NotConnected("the daemon does not run here")
        return self._desk.house

    @property
    def _broker(self) -> Broker:
        if self._desk.broker is None:
            raise NotConnected("the daemon does not run here")
        return self._desk.broker

    @property
    def volume(self) -> int:
        return self._house.status.volume

    @property
    def muted(self) -> bool:
        return self._house.status.muted

    async def say(
        self,
        text: str,
        *,
        priority: Literal["low", "normal", "high", "alarm"] = "normal",
        language: str | None = None,
        voice: str | None = None,
        chime: bool = False,
        expires_s: float | None = None,
        id: str | None = None,
        wait: bool = False,
    ) -> Spoken:
        try:
            level = Priority.parse(priority)
        except ValueError as error:
            raise BadRequest(str(error), field="priority") from error
        request = SpeechRequest(
            text=text,
            id=id or str(uuid4()),
            priority=level,
            language=language,
            voice=voice,
            chime=chime,
            expires_s=expires_s,
        )
        return await self._there(self._say(request, wait))

    async def ask(self, text: str, *, language: str | None = None, speak: bool = False) -> Answered:
        async def ask() -> Answered:
            answer = await self._house.ask(text, language=language, speak=speak)
            return Answered(answer.reply, answer.intent, answer.slots, answer.handled_by)

        return await self._there(ask())

    async def intents(self, language: str | None = None) -> Sequence[KnownIntent]:
        async def intents() -> Sequence[KnownIntent]:
            return await self._house.intents(language)

        return await self._there(intents())

    async def perform(self, plugin: str, intent: str, slots: Mapping[str, object], turn: Turn) -> Reply:
        if plugin == self._name:
            raise BadRequest(f"{intent} is the plugin's own: it would ask itself", field="intent")
        reply = await self._there(self._house.perform(plugin, intent, slots, turn))
        return reply if reply.stream is None else replace(reply, stream=self._read(reply.stream))

    async def renew_sentences(self) -> None:
        if self.running:
            await self._there(self._house.renew_sentences(self._name))

    async def listen(self, *, say: str | None = None) -> str:
        return await self._there(self._house.listen(say=say))

    async def stop(self, id: str | None = None) -> int:
        return await self._there(self._house.stop(id))

    async def set_volume(self, volume: int) -> None:
        async def set_volume() -> None:
            self._house.set_volume(volume)

        await self._there(set_volume())

    async def set_muted(self, muted: bool) -> None:
        async def set_muted() -> None:
            self._house.set_muted(muted)

        await self._there(set_muted())

    async def tell(self, event: TimerChanged) -> None:
        if not isinstance(event, TimerChanged):
            raise BadRequest(f"a {type(event).__name__} is not for plugins to tell")

        async def tell() -> None:
            self._house.publish(event)

        await self._there(tell())

    async def publish(self, topic: str, payload: str | bytes, *, qos: int = 0, retain: bool = False) -> None:
        await self._there(self._broker.publish(self._own(topic), payload, qos, retain))

    async def subscribe(self, topic: str, call: OnMessage) -> None:
        await self._subscribe(topic, self._own(topic), call, whole=False)

    async def subscribe_to(self, topic: str, call: OnMessage) -> None:
        if not topic or set("+#\0") & set(topic):
            raise BadRequest(f"topic: {topic!r} is no topic to subscribe to; no wildcards", field="topic")
        await self._subscribe(topic, topic, call, whole=True)

    async def _subscribe(self, topic: str, own: str, call: OnMessage, *, whole: bool) -> None:
        def take(payload: bytes) -> None:
            self._deliver(f"a message on {own}", lambda: call(topic, payload))

        async def subscribe() -> None:
            self._broker.subscribe(own, take, whole=whole)

        await self._there(subscribe())

    async def _read(self, stream: AsyncIterator[str]) -> AsyncGenerator[str, None]:
        """The pieces of another plugin's reply: made on the daemon's loop, read on any."""
        one_at_a_time = asyncio.Lock()  # who is cancelled closes it, and the piece under way has to end first

        async def step() -> str | None:
            async with one_at_a_time:
                return await anext(stream, None)

        async def close() -> None:
            async with one_at_a_time:
                if isinstance(stream, AsyncGenerator):
                    await stream.aclose()

        try:
            while (piece := await self._there(step())) is not None:
                yield piece
        finally:
            await self._there(close())

    def _own(self, topic: str) -> str:
        if not topic or set("+#\0") & set(topic) or topic.startswith("/"):
            raise BadRequest(f"topic: {topic!r} is no topic below plugin/{self._name}/; no wildcards", field="topic")
        return f"plugin/{self._name}/{topic}"

    async def _say(self, request: SpeechRequest, wait: bool) -> Spoken:
        now_s = monotonic()
        if len(self._said) == SAID_AT_ONCE and now_s - self._said[0] < SAID_WITHIN_S:
            text = f"it wanted more than {SAID_AT_ONCE} things said within {SAID_WITHIN_S:g} s; the rest is refused"
            self._on_flood(text)
            raise QueueFull(f"{self._name}: {text}")
        self._said.append(now_s)
        ticket = self._house.submit(request)
        if not wait:
            return Spoken(request.id, "queued")
        return Spoken(request.id, (await ticket.done()).status.value)

    async def elsewhere(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` on the daemon's loop if there is one, else on the caller's."""
        if self._desk.loop is None:
            return await work
        return await self._there(work)

    async def _there(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` on the daemon's loop and await it on the caller's."""
        loop = self._desk.loop
        if asyncio.get_running_loop() is loop:
            return await work
        if loop is None or loop.is_closed():
            work.close()
            raise NotConnected("the daemon does not run here")
        future = asyncio.run_coroutine_threadsafe(work, loop)
        return await asyncio.wrap_future(future)
