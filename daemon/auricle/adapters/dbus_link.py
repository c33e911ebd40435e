"""A connection to a message bus, kept for ever, in a thread of its own.

The thread is there for floods: however many calls come, and whatever the files are that come with them, the daemon's
own event loop sees no more than `_PER_SENDER` calls of a caller at a time.
"""

import asyncio
import logging
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dbus_fast import DBusFastError, ErrorType, Message, MessageFlag, MessageType, RequestNameReply, Variant
from dbus_fast.aio import MessageBus

from auricle.adapters.dbus_files import read_file, write_file
from auricle.adapters.dbus_interface import (
    INTERFACE,
    METHODS,
    NAME,
    PATH,
    PROPERTIES,
    SIGNALS,
    XML,
    error_name,
    parent_xml,
)
from auricle.adapters.dbus_outbox import Outbox
from auricle.adapters.dbus_values import Properties
from auricle.model.errors import AuricleError, QueueFull

_LOG = logging.getLogger("auricle.adapters.dbus")
_PER_SENDER = 8
_IN_HAND = 64
"""Calls at a time, of all senders."""
_CONNECT_S = 10.0
_LONGEST_CALL_S = 120.0
_FILE_S = 15.0
_MAX_FILE_BYTES = 10 * 1024 * 1024
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 30.0
_STEADY_S = 30.0
"""A connection that lasted this long was a good one: the next attempt comes soon."""
_STOP_S = 3.0
_CLOSE_S = 1.0
_STANDARD = "org.freedesktop.DBus."


@dataclass(frozen=True, slots=True)
class Call:
    """A method of the interface, or the setting of a property (`member` is then `Set`)."""

    member: str
    arguments: Sequence[object]
    file: bytes | None = None
    """What was in the file that came with it."""


@dataclass(frozen=True, slots=True)
class Answer:
    values: Sequence[object] = ()
    file: bytes | None = None
    """To be written to the file that came with the call."""


class Link:
    """`serve` runs on the loop that made the link; everything else on the thread's own."""

    def __init__(
        self,
        address: str,
        serve: Callable[[Call], Awaitable[Answer]],
        on_change: Callable[[bool, str], None],
        properties: Properties,
    ) -> None:
        """on_change: told from the thread whether there is a connection, and what is wrong."""
        self._address = address
        self._serve = serve
        self._on_change = on_change
        self._properties: Properties = properties
        self._main = asyncio.get_running_loop()
        self._bus: MessageBus | None = None
        self._calls: set[asyncio.Task[None]] = set()
        self._in_hand: Counter[str] = Counter()
        self._outbox: Outbox | None = None
        self._told: tuple[bool, str] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="auricle-dbus", daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._started.wait(_STOP_S)

    async def stop(self) -> None:
        """Give up the name and what is in hand; the thread ends, within two seconds or so."""
        loop, keeper = self._loop, self._keeper
        if loop is None or keeper is None:
            return
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(keeper.cancel)
        try:
            async with asyncio.timeout(_STOP_S):
                await self._ended.wait()
            self._thread.join()
        except TimeoutError:
            # A read from a disk that is gone cannot be interrupted.
            _LOG.warning("a file that came over D-Bus does not let go; leaving it behind")

    def set_properties(self, values: Properties, changed: Mapping[str, Variant]) -> None:
        """From any thread: what `Get` answers from now on, and what is told to have changed."""
        self._properties = values
        if changed:
            self._emit("org.freedesktop.DBus.Properties", "PropertiesChanged", "sa{sv}as", [INTERFACE, changed, []])

    def emit(self, name: str, arguments: list[object]) -> None:
        """A signal of the interface, from any thread."""
        self._emit(INTERFACE, name, SIGNALS[name], arguments)

    def _emit(self, interface: str, name: str, signature: str, body: list[object]) -> None:
        if self._bus is None or self._loop is None:
            return
        message = Message.new_signal(PATH, interface, name, signature, body)
        with suppress(RuntimeError):  # the thread has ended
            self._loop.call_soon_threadsafe(self._send, message)

    # --- on the thread

    def _run(self) -> None:
        try:
            with asyncio.Runner() as runner:
                runner.run(self._main_of_thread())
        finally:
            with suppress(RuntimeError):
                self._main.call_soon_threadsafe(self._ended.set)

    async def _main_of_thread(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._keeper = asyncio.create_task(self._keep(), name="dbus connection")
        self._started.set()
        await asyncio.gather(self._keeper, return_exceptions=True)

    async def _keep(self) -> None:
        wait_s = _FIRST_WAIT_S
        while True:
            began_s = time.monotonic()
            try:
                await self._be_on_the_bus()
                problem = "the bus closed the connection"
            except (OSError, TimeoutError, DBusFastError, ValueError, EOFError) as error:
                problem = str(error) or type(error).__name__
            except Exception as error:
                # This adapter's top: whatever the connection dies of, there will be another.
                _LOG.exception("D-Bus: the connection failed")
                problem = type(error).__name__
            if time.monotonic() - began_s > _STEADY_S:
                wait_s = _FIRST_WAIT_S
            self._tell(False, f"{self._address}: {problem}; trying again")
            await asyncio.sleep(wait_s * random.uniform(0.8, 1.2))
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    async def _be_on_the_bus(self) -> None:
        bus = MessageBus(self._address, negotiate_unix_fd=True)
        async with asyncio.timeout(_CONNECT_S):
            await bus.connect()
        try:
            bus.add_message_handler(self._take)
            self._bus, self._outbox = bus, Outbox(bus)
            async with asyncio.timeout(_CONNECT_S):
                reply = await bus.request_name(NAME)
            if reply is RequestNameReply.IN_QUEUE:
                self._tell(False, f"another program has the name {NAME}; waiting for it")
            else:
                self._tell(True, NAME)
            await _gone(bus)
        finally:
            self._bus = self._outbox = None
            for call in self._calls:
                call.cancel()
            await asyncio.gather(*self._calls, return_exceptions=True)
            bus.disconnect()
            # The library closes its socket when it next reads from it.
            await asyncio.gather(asyncio.wait_for(_gone(bus), _CLOSE_S), return_exceptions=True)

    def _tell(self, ok: bool, detail: str) -> None:
        if (ok, detail) != self._told:
            self._told = (ok, detail)
            self._on_change(ok, detail)

    def _take(self, message: Message) -> bool:
        """Every message that comes; False leaves it to the library."""
        task = None
        try:
            if message.message_type is not MessageType.METHOD_CALL:
                if message.member == "NameAcquired" and message.body == [NAME]:
                    self._tell(True, NAME)
                return False
            if message.interface == f"{_STANDARD}Peer":
                self._peer(message)
            elif message.interface == f"{_STANDARD}Introspectable":
                self._introspect(message)
            elif message.path != PATH:
                self._refuse(message, ErrorType.UNKNOWN_OBJECT, f"there is only {PATH} here, not {message.path}")
            elif message.interface == f"{_STANDARD}Properties":
                task = self._property(message)
            else:
                task = self._method(message)
            return True
        finally:
            if task is None:
                _close(message.unix_fds)

    def _introspect(self, message: Message) -> None:
        xml = XML if message.path == PATH else parent_xml(message.path or "/")
        if message.member != "Introspect" or message.signature:
            self._refuse(message, ErrorType.UNKNOWN_METHOD, "Introspectable has Introspect() alone")
        elif xml is None:
            self._refuse(message, ErrorType.UNKNOWN_OBJECT, f"there is only {PATH} here, not {message.path}")
        else:
            self._reply(message, "s", [xml])

    def _peer(self, message: Message) -> None:
        if message.member == "Ping":
            self._reply(message, "", [])
        elif message.member == "GetMachineId":
            self._reply(message, "s", [_machine_id()])
        else:
            self._refuse(message, ErrorType.UNKNOWN_METHOD, "Peer has Ping() and GetMachineId()")

    def _property(self, message: Message) -> "asyncio.Task[None] | None":
        """Reading is answered here; setting is a call."""
        signature = {"Get": "ss", "Set": "ssv", "GetAll": "s"}.get(message.member or "")
        if signature is None:
            self._refuse(message, ErrorType.UNKNOWN_METHOD, f"Properties has Get, Set and GetAll, not {message.member}")
        elif message.signature != signature:
            self._refuse(message, ErrorType.INVALID_ARGS, f"{message.member} takes ({signature})")
        elif message.body[0] not in (INTERFACE, ""):
            if message.member == "GetAll":
                self._reply(message, "a{sv}", [{}])
            else:
                self._refuse(message, ErrorType.UNKNOWN_INTERFACE, f"the properties are those of {INTERFACE}")
        elif message.member == "GetAll":
            self._reply(message, "a{sv}", [dict(self._properties)])
        elif (name := message.body[1]) not in PROPERTIES:
            self._refuse(message, ErrorType.UNKNOWN_PROPERTY, f"{name}: there are {', '.join(PROPERTIES)}")
        elif message.member == "Get":
            self._reply(message, "v", [self._properties[name]])
        elif not PROPERTIES[name].writable:
            self._refuse(message, ErrorType.PROPERTY_READ_ONLY, f"{name} can only be read")
        elif message.body[2].signature != PROPERTIES[name].type:
            self._refuse(message, ErrorType.INVALID_ARGS, f"{name} is of type {PROPERTIES[name].type}")
        else:
            return self._begin(message, Call("Set", [name, message.body[2].value]), "")
        return None

    def _method(self, message: Message) -> "asyncio.Task[None] | None":
        method = METHODS.get(message.member or "")
        if message.interface not in (INTERFACE, None, ""):
            self._refuse(message, ErrorType.UNKNOWN_INTERFACE, f"{message.interface}: there is {INTERFACE}")
        elif method is None:
            self._refuse(message, ErrorType.UNKNOWN_METHOD, f"{message.member}: there are {', '.join(METHODS)}")
        elif message.signature != method.takes:
            takes = f"{message.member} takes ({method.takes}), not ({message.signature})"
            self._refuse(message, ErrorType.INVALID_ARGS, takes)
        else:
            return self._begin(message, Call(message.member or "", message.body), method.gives)
        return None

    def _begin(self, message: Message, call: Call, gives: str) -> "asyncio.Task[None] | None":
        sender = message.sender or ""
        if self._in_hand[sender] >= _PER_SENDER or len(self._calls) >= _IN_HAND:
            count = f"{_PER_SENDER} calls of yours" if self._in_hand[sender] >= _PER_SENDER else f"{_IN_HAND} calls"
            self._refuse(message, error_name(QueueFull.code), f"{count} are in hand; wait for an answer")
            return None
        self._in_hand[sender] += 1
        task = asyncio.create_task(self._answer(message, call, gives), name=f"dbus {call.member}")
        self._calls.add(task)

        def ended(task: "asyncio.Task[None]") -> None:
            _close(message.unix_fds)
            self._calls.discard(task)
            self._in_hand[sender] -= 1
            if not self._in_hand[sender]:
                del self._in_hand[sender]

        task.add_done_callback(ended)
        return task

    async def _answer(self, message: Message, call: Call, gives: str) -> None:
        try:
            async with asyncio.timeout(_LONGEST_CALL_S):
                answer = await self._done(message, call)
            self._reply(message, gives, list(answer.values))
        except AuricleError as error:
            _LOG.info("D-Bus: refused %s (%s)", call.member, error.code)
            self._refuse(message, error_name(error.code), error.message)
        except TimeoutError:
            self._refuse(message, error_name("timeout"), f"{call.member} took longer than {_LONGEST_CALL_S:g} s")
        except Exception as error:
            # This adapter's top: whatever a call runs into ends with the call.
            _LOG.exception("D-Bus: %s failed", call.member)
            self._refuse(message, error_name("internal"), f"the request failed ({type(error).__name__})")

    async def _done(self, message: Message, call: Call) -> Answer:
        takes = METHODS[call.member].takes if call.member in METHODS else ""
        fd = _fd_of(message, takes) if "h" in takes else -1
        if call.member == "Transcribe":
            file = await read_file(fd, limit_bytes=_MAX_FILE_BYTES, deadline_s=_FILE_S)
            call = Call(call.member, call.arguments, file)
        work = asyncio.run_coroutine_threadsafe(_awaited(self._serve(call)), self._main)
        answer = await asyncio.wrap_future(work)
        if answer.file is not None:
            await write_file(fd, answer.file, stall_s=_FILE_S)
        return answer

    def _reply(self, call: Message, signature: str, body: list[object]) -> None:
        self._send_back(call, Message.new_method_return(call, signature, body))

    def _refuse(self, call: Message, name: ErrorType | str, words: str) -> None:
        self._send_back(call, Message.new_error(call, name, words.replace("\0", " ")))

    def _send_back(self, call: Message, reply: Message) -> None:
        if not call.flags & MessageFlag.NO_REPLY_EXPECTED:
            self._send(reply)

    def _send(self, message: Message) -> None:
        if self._outbox is not None:
            self._outbox.send(message)


async def _gone(bus: MessageBus) -> None:
    gone: Awaitable[None] = bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
    await gone


async def _awaited(work: Awaitable[Answer]) -> Answer:
    return await work


def _fd_of(message: Message, takes: str) -> int:
    """Raises AuricleError if the call names a descriptor that did not come."""
    index = message.body[takes.index("h")]
    if not isinstance(index, int) or not 0 <= index < len(message.unix_fds):
        raise AuricleError("fd: no file descriptor came with the call", code="bad_request")
    return int(message.unix_fds[index])


def _close(fds: Sequence[int]) -> None:
    for fd in fds:
        with suppress(OSError):
            os.close(fd)


def _machine_id() -> str:
    for path in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        with suppress(OSError):
            return Path(path).read_text().strip()
    return ""
