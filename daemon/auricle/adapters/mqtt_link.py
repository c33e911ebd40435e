"""Between the event loop and the broker: bounded queues, and a thread that connects again for ever."""

import asyncio
import logging
import random
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from auricle.adapters import mqtt_faults as faults
from auricle.adapters.mqtt_connection import RECEIVE_MAXIMUM, Connection
from auricle.adapters.mqtt_messages import Ack, Incoming, Outgoing
from auricle.model.errors import AuricleError
from auricle.settings import Mqtt

_LOG = logging.getLogger(__name__)
_INBOX = RECEIVE_MAXIMUM
"""QoS 0 requests that wait for the event loop; one more is dropped."""
_INBOX_BYTES = 32 * 1024 * 1024
"""Of requests that wait, at QoS 1 too; over it the network is not read: brokers send more than the maximum that
they were told, and keep what they cannot send. Far below it reading must go on: acknowledgements come the same way."""
_MESSAGE_BYTES = 1024
"""A message beside its payload, rather less."""
_OUTBOX = 8192
"""Messages that wait for the network: what all requests that can be in hand have to tell, and more."""
_FIRST_BACKOFF_S = 0.5
_STEADY_S = 10.0
"""A connection that stood this long was a good one: the next wait is short again."""
_LET_GO_S = 2.0


class Listener(Protocol):
    """Called on the event loop."""

    def link_ready(self) -> None:
        """Connected and subscribed: requests come in, and what is sent goes out."""

    def link_changed(self, ok: bool, detail: str) -> None: ...

    def link_unsent(self, messages: Sequence[Outgoing]) -> None:
        """A connection ended, and the broker may not have these, the oldest first; retained ones are not among them.

        What is sent from now on is later than they are.
        """

    def link_delivered(self, kept: int) -> None:
        """The broker has the message with this number in the ledger."""

    def link_overflowed(self) -> None:
        """A request was dropped because too many wait; told once, until none waits any more."""


class Link:
    """`send`, `ack` and `take` are for the event loop; the connection itself is the thread's."""

    def __init__(
        self,
        settings: Mqtt,
        *,
        client_id: str,
        farewell: Outgoing,
        topics: Sequence[str],
        listener: Listener,
        drops: Sequence[str] = (),
    ) -> None:
        """farewell: the last will, also sent at a clean end. topics: what is subscribed to. drops: what an earlier
        session of this client id subscribed to, and this one gives up.
        """
        self._settings = settings
        self._client_id = client_id
        self._farewell = farewell
        self._topics = tuple(topics)
        self._drops = tuple(drops)
        self._listener = listener
        self._inbox: deque[Incoming] = deque()
        self._outbox: deque[Outgoing | Ack] = deque()
        self._closing = threading.Lock()
        self._returned: list[Outgoing] | None = None
        """From the end of a connection until the listener has been told of it: what is up to it again."""
        self._bytes_in = self._bytes_out = 0
        """Of the inbox, so far: the first is counted by the thread, the other by the event loop."""
        self._arrived = asyncio.Event()
        self._ended = asyncio.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._v5 = True
        self._v5_refused = False
        self._hang_ups = 0
        self._connection: Connection | None = None
        self._open = False
        self._ready = False
        self._ready_at_s: float | None = None
        self._reported: tuple[bool, str] | None = None
        self._overflowing = False

    @property
    def ready(self) -> bool:
        return self._ready

    @property
    def client_id(self) -> str:
        return self._client_id

    @property
    def waiting(self) -> int:
        """Messages that the network has not taken yet."""
        return len(self._outbox)

    @property
    def congested(self) -> bool:
        """Whether the network takes less than there is to send: no time to begin many more."""
        return len(self._outbox) > _OUTBOX // 2

    def start(self) -> None:
        """Returns at once; the first connection is made in the background."""
        self._loop = asyncio.get_running_loop()
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="auricle-mqtt", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Send what waits, for a second at most, then the farewell, and end the thread."""
        if self._thread is None:
            return
        self._stopping.set()
        self._wake()
        try:
            await asyncio.wait_for(self._ended.wait(), _LET_GO_S)
            self._thread.join(1.0)
        except TimeoutError:
            # Looking a name up cannot be interrupted; the thread ends by itself after it.
            _LOG.warning("mqtt: %s:%s does not let go; leaving it behind", self._settings.host, self._settings.port)
        self._thread = None

    def send(self, message: Outgoing) -> bool:
        """Hand `message` to the network; False, and it is lost, while there is no connection or no room."""
        with self._closing:
            if self._returned is not None:
                self._returned.append(message)
                return True
            if not self._open or len(self._outbox) >= _OUTBOX:
                return False
            self._outbox.append(message)
        self._wake()
        return True

    def ack(self, message: Incoming) -> None:
        """Tell the broker that a QoS 1 message need not come again."""
        if message.qos:
            self._outbox.append(Ack(message.mid, message.connection))
            self._wake()

    async def take(self) -> Incoming:
        """The next message, in the order of arrival."""
        while not self._inbox:
            self._overflowing = False
            self._arrived.clear()
            # The thread may have put one in before the clear.
            if not self._inbox:
                await self._arrived.wait()
        message = self._inbox.popleft()
        self._bytes_out += len(message.payload) + _MESSAGE_BYTES
        return message

    def _wake(self) -> None:
        with suppress(OSError):
            self._wake_write.send(b"\0")

    def _hand_back(self) -> None:
        with self._closing:
            messages, self._returned = self._returned or [], None
        self._listener.link_unsent([message for message in messages if not message.retain])

    # From here on everything runs on the thread.

    def _run(self) -> None:
        backoff_s = _FIRST_BACKOFF_S
        try:
            while not self._stopping.is_set():
                trouble = self._attempt()
                if self._stopping.is_set() or self._fall_back():
                    continue
                if self._ready_at_s is not None and time.monotonic() - self._ready_at_s > _STEADY_S:
                    backoff_s = _FIRST_BACKOFF_S
                self._report(False, trouble)
                self._stopping.wait(backoff_s * random.uniform(0.5, 1.0))
                backoff_s = min(backoff_s * 2, self._settings.max_backoff_s)
        finally:
            self._wake_read.close()
            self._wake_write.close()
            self._tell(self._ended.set)

    def _attempt(self) -> str:
        """Connect, serve the connection to its end, and return why it ended."""
        self._ready_at_s = None
        try:
            if self._connection is None:
                self._connection = Connection(
                    self._settings,
                    client_id=self._client_id,
                    v5=self._v5,
                    farewell=self._farewell,
                    topics=self._topics,
                    drops=self._drops,
                    on_open=self._on_open,
                    on_ready=self._on_ready,
                    on_message=self._on_message,
                    on_delivered=self._on_delivered,
                    has_room=lambda: not self._is_heavy(),
                    on_refused=lambda detail: self._report(False, detail),
                )
            return self._connection.serve(self._outbox, self._wake_read, self._stopping)
        except AuricleError as error:
            return error.message
        except OSError as error:
            return faults.of_error(error, self._settings)
        except Exception as error:
            # The top of this adapter's thread: it must go on, whatever the library or a broker came up with.
            _LOG.exception("mqtt: unexpected")
            return f"the connection failed unexpectedly ({type(error).__name__}: {error})"
        finally:
            in_flight = self._connection.take_back() if self._connection is not None else []
            with self._closing:
                was_open, self._open, self._ready = self._open, False, False
                if was_open or in_flight:
                    left = [*in_flight, *(message for message in self._outbox if isinstance(message, Outgoing))]
                    self._returned = [*(self._returned or []), *left]
                self._outbox.clear()
            if was_open or in_flight:
                self._tell(self._hand_back)

    def _fall_back(self) -> bool:
        """Choose the protocol version of the next attempt; True when that attempt is to be made at once.

        A broker that refuses MQTT 5 is spoken to in 3.1.1 from then on. One that hangs up without an answer may be too
        old to refuse it, or may just be starting: every third time it is asked in 3.1.1.
        """
        connection, was = self._connection, self._v5
        if connection is None:
            return False
        refused = was and connection.version_refused
        self._v5_refused = self._v5_refused or refused
        self._hang_ups = self._hang_ups + 1 if connection.opened and not connection.answered else 0
        self._v5 = not (self._v5_refused or self._hang_ups % 3 == 2)
        if self._v5 != was:
            self._connection = None
        return refused

    def _on_open(self) -> None:
        self._open = True

    def _on_ready(self, broker: str) -> None:
        self._ready = True
        self._ready_at_s = time.monotonic()
        self._report(True, broker)
        self._tell(self._listener.link_ready)

    def _on_message(self, message: Incoming) -> None:
        waiting = len(self._inbox)
        if not message.qos and (waiting >= _INBOX or self._is_heavy()):
            if not self._overflowing:
                self._overflowing = True
                _LOG.warning("mqtt: more requests come than can be taken; dropping")
                self._tell(self._listener.link_overflowed)
            return
        self._bytes_in += len(message.payload) + _MESSAGE_BYTES
        self._inbox.append(message)
        if waiting == 0:
            self._tell(self._arrived.set)

    def _is_heavy(self) -> bool:
        return self._bytes_in - self._bytes_out >= _INBOX_BYTES

    def _on_delivered(self, message: Outgoing) -> None:
        if message.kept is not None:
            self._tell(self._listener.link_delivered, message.kept)

    def _report(self, ok: bool, detail: str) -> None:
        if self._reported != (ok, detail):
            self._reported = (ok, detail)
            _LOG.log(logging.INFO if ok else logging.WARNING, "mqtt: %s", detail)
            self._tell(self._listener.link_changed, ok, detail)

    def _tell(self, callback: Callable[..., None], *args: object) -> None:
        # A closed loop has nobody left to be told.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback, *args)
