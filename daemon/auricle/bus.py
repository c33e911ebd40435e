"""Facts out: `publish` never blocks and never raises; a slow subscriber loses the oldest and is told so."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from auricle.model.events import Event, Lagged

if TYPE_CHECKING:
    from collections.abc import Iterator


class Subscription:
    """One subscriber's bounded queue of events."""

    def __init__(self, size: int) -> None:
        self._events: deque[Event] = deque()
        self._size = size
        self._lost = 0
        self._wake = asyncio.Event()
        self._closed = False

    def put(self, event: Event) -> None:
        if len(self._events) >= self._size:
            self._events.popleft()
            self._lost += 1
        self._events.append(event)
        self._wake.set()

    def close(self) -> None:
        """End the iteration once what is queued has been taken."""
        self._closed = True
        self._wake.set()

    async def __aiter__(self) -> AsyncIterator[Event]:
        while True:
            if self._lost:
                lost, self._lost = self._lost, 0
                yield Lagged(count=lost)
            elif self._events:
                yield self._events.popleft()
            elif self._closed:
                return
            else:
                self._wake.clear()
                await self._wake.wait()


class EventBus:
    """Belongs to one event loop; threads reach it through `loop.call_soon_threadsafe(bus.publish, event)`."""

    def __init__(self) -> None:
        self._subscriptions: list[Subscription] = []

    def publish(self, event: Event) -> None:
        for subscription in self._subscriptions:
            subscription.put(event)

    @contextmanager
    def subscribe(self, size: int = 256) -> "Iterator[Subscription]":
        subscription = Subscription(size)
        self._subscriptions.append(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.remove(subscription)

    def close(self) -> None:
        for subscription in self._subscriptions:
            subscription.close()
