"""Facts out: `publish` never blocks and never raises; a slow subscriber loses the oldest and is told so."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auricle.model.events import Event, Lagged

if TYPE_CHECKING:
    from collections.abc import Iterator


class Subscription:
    """One subscriber's bounded queue of events."""

    def __init__(self, size: int, confirm: "Callable[[Subscription, Event], None] | None" = None) -> None:
        self._events: deque[Event] = deque()
        self._size = size
        self._confirm = confirm
        self._lost = 0
        self._wake = asyncio.Event()
        self._closed = False

    def put(self, event: Event) -> None:
        if len(self._events) >= self._size:
            self.confirm(self._events.popleft())
            self._lost += 1
        self._events.append(event)
        self._wake.set()

    def confirm(self, event: Event) -> None:
        """What this subscriber tells outside is told, or given up; only a subscriber that vouches needs to say so."""
        if self._confirm is not None:
            self._confirm(self, event)

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


@dataclass(frozen=True, slots=True)
class _Receipt:
    event: Event
    """Held, so that no other event gets its identity meanwhile."""
    awaited: set[Subscription]
    told: "Callable[[], None]"


class EventBus:
    """Belongs to one event loop; threads reach it through `loop.call_soon_threadsafe(bus.publish, event)`."""

    def __init__(self) -> None:
        self._subscriptions: list[Subscription] = []
        self._vouching: set[Subscription] = set()
        self._unconfirmed: dict[int, _Receipt] = {}

    def publish(self, event: Event, told: "Callable[[], None] | None" = None) -> None:
        """told: called once all who vouch for what they tell outside have confirmed this event, or given it up."""
        for subscription in self._subscriptions:
            subscription.put(event)
        if told is None:
            return
        if self._vouching:
            self._unconfirmed[id(event)] = _Receipt(event, set(self._vouching), told)
        else:
            told()

    @contextmanager
    def subscribe(self, size: int = 256, *, vouches: bool = False) -> "Iterator[Subscription]":
        """vouches: the subscriber confirms each event that it has taken."""
        subscription = Subscription(size, self._confirm)
        self._subscriptions.append(subscription)
        if vouches:
            self._vouching.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.remove(subscription)
            self._vouching.discard(subscription)
            for receipt in [*self._unconfirmed.values()]:
                self._confirm(subscription, receipt.event)

    def _confirm(self, subscription: Subscription, event: Event) -> None:
        receipt = self._unconfirmed.get(id(event))
        if receipt is None:
            return
        receipt.awaited.discard(subscription)
        if not receipt.awaited:
            del self._unconfirmed[id(event)]
            receipt.told()

    def close(self) -> None:
        for subscription in self._subscriptions:
            subscription.close()
