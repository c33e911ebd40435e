"""What waits to be sent on one connection to a bus: bounded, and handed over only as the bus takes it."""

import asyncio
import logging
import select
from collections import deque

from dbus_fast import Message, MessageType
from dbus_fast.aio import MessageBus

_LOG = logging.getLogger("auricle.adapters.dbus")
_UNSENT = 1024
"""Messages that the bus has not taken yet; signals beyond are dropped."""
_UNSENT_AT_MOST = 8192
"""A bus that takes nothing for so many messages is dead."""
_FULL_S = 0.005
"""So long it is waited for a socket that is full."""


class Outbox:
    """Belongs to the connection's loop."""

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus
        self._unsent: deque[Message] = deque()
        self._sending = False
        self._dropped = 0

    def send(self, message: Message) -> None:
        if not self._bus.connected:
            return
        if len(self._unsent) >= _UNSENT and message.message_type is MessageType.SIGNAL:
            self._dropped += 1
            return
        if len(self._unsent) >= _UNSENT_AT_MOST:
            _LOG.warning("D-Bus: the bus takes nothing any more; connecting anew")
            self._bus.disconnect()
            return
        self._unsent.append(message)
        if not self._sending:
            self._pump()

    def _pump(self) -> None:
        """Hand over one message after the other, each when there is room: the library takes a full socket for dead."""
        self._sending = False
        bus = self._bus
        while self._unsent and bus.connected and bus._sock is not None:
            room = select.poll()
            room.register(bus._sock, select.POLLOUT)
            if not room.poll(0):
                self._sending = True
                asyncio.get_running_loop().call_later(_FULL_S, self._pump)
                return
            try:
                sent = bus.send(self._unsent.popleft())
            except Exception:
                # This adapter's top: one message that cannot be put in D-Bus's words must not end the rest.
                _LOG.exception("D-Bus: a message could not be sent")
                continue
            if not sent.done():
                self._sending = True
                sent.add_done_callback(self._handed_over)
                return
            sent.exception()
        if self._dropped and len(self._unsent) < _UNSENT:
            _LOG.warning("D-Bus: %d signals came faster than the bus took them, and were dropped", self._dropped)
            self._dropped = 0

    def _handed_over(self, sent: "asyncio.Future[None]") -> None:
        if not sent.cancelled():
            sent.exception()
        self._pump()
