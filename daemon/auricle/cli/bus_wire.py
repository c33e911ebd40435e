"""D-Bus messages as bytes (D-Bus Specification, "Message Protocol"): what a small client needs, and nothing to import.

A command that asks the daemon must be done before a library for this were loaded.
"""

import struct
from collections.abc import Sequence

CALL, RETURN, ERROR, SIGNAL = 1, 2, 3, 4
NO_AUTO_START = 0x2
_ALIGN = {"y": 1, "b": 4, "n": 2, "q": 2, "i": 4, "u": 4, "x": 8, "t": 8, "d": 8, "s": 4, "o": 4, "g": 1, "v": 1}
_ALIGN |= {"a": 4, "(": 8, "{": 8, "h": 4}
_FORMAT = {"y": "B", "b": "I", "n": "h", "q": "H", "i": "i", "u": "I", "x": "q", "t": "Q", "d": "d", "h": "I"}
_PATH, _INTERFACE, _MEMBER, _ERROR_NAME, _REPLY_SERIAL, _DESTINATION, _SENDER, _SIGNATURE = range(1, 9)
HEAD_BYTES = 16


class Message:
    """No dataclass: their module takes a tenth of the time that `auricle status` has."""

    def __init__(
        self,
        kind: int,
        serial: int = 0,
        path: str = "",
        interface: str = "",
        member: str = "",
        destination: str = "",
        signature: str = "",
        body: Sequence[object] = (),
    ) -> None:
        self.kind = kind
        self.serial = serial
        self.path = path
        self.interface = interface
        self.member = member
        self.destination = destination
        self.signature = signature
        self.body = list(body)
        self.reply_to = 0
        self.error = ""
        """Name of the error."""
        self.sender = ""


class _Writer:
    def __init__(self) -> None:
        self.data = bytearray()

    def align(self, count: int) -> None:
        self.data += bytes(-len(self.data) % count)

    def put(self, kind: str, value: object) -> None:
        """kind: one complete type of those that requests are made of."""
        if kind == "a{sv}":
            assert isinstance(value, dict)
            self.put("u", 0)
            at = len(self.data)
            self.align(8)
            begin = len(self.data)
            for name, item in value.items():
                self.align(8)
                self.put("s", name)
                self.put("v", item)
            struct.pack_into("<I", self.data, at - 4, len(self.data) - begin)
        elif kind == "v":
            inner = _type_of(value)
            self.put("g", inner)
            self.put(inner, value)
        elif kind in ("s", "o", "g"):
            text = str(value).encode()
            self.put("y" if kind == "g" else "u", len(text))
            self.data += text + b"\0"
        else:
            self.align(_ALIGN[kind])
            self.data += struct.pack("<" + _FORMAT[kind], value)


class Unsigned:
    """An int that is sent as `u`."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __index__(self) -> int:
        return self.value


def _type_of(value: object) -> str:
    match value:
        case bool():
            return "b"
        case Unsigned():
            return "u"
        case int():
            return "i"
        case float():
            return "d"
        case _:
            return "s"


def split(signature: str) -> list[str]:
    """`["s", "a{sv}"]` of `sa{sv}`."""
    types, at = [], 0
    while at < len(signature):
        end = _end(signature, at)
        types.append(signature[at:end])
        at = end
    return types


def _end(signature: str, at: int) -> int:
    if signature[at] == "a":
        return _end(signature, at + 1)
    if signature[at] in "({":
        close = ")" if signature[at] == "(" else "}"
        at += 1
        while signature[at] != close:
            at = _end(signature, at)
    return at + 1


def encode(message: Message) -> bytes:
    body = _Writer()
    for kind, value in zip(split(message.signature), message.body, strict=True):
        body.put(kind, value)
    head = _Writer()
    head.data += struct.pack("<BBBBII", ord("l"), message.kind, NO_AUTO_START, 1, len(body.data), message.serial)
    head.put("u", 0)
    begin = len(head.data)
    for code, kind, value in (
        (_PATH, "o", message.path),
        (_INTERFACE, "s", message.interface),
        (_MEMBER, "s", message.member),
        (_DESTINATION, "s", message.destination),
        (_SIGNATURE, "g", message.signature),
    ):
        if value:
            head.align(8)
            head.put("y", code)
            head.put("g", kind)
            head.put(kind, value)
    struct.pack_into("<I", head.data, begin - 4, len(head.data) - begin)
    head.align(8)
    return bytes(head.data + body.data)


class _Reader:
    def __init__(self, data: bytes, order: str) -> None:
        self.data, self.order, self.at = data, order, 0

    def align(self, count: int) -> None:
        self.at += -self.at % count

    def get(self, kind: str) -> object:
        first = kind[0]
        self.align(_ALIGN[first])
        if first in "sog":
            count = self.number("y" if first == "g" else "u")
            self.at += count + 1
            return self.data[self.at - count - 1 : self.at - 1].decode()
        if first == "v":
            return self.get(str(self.get("g")))
        if first == "a":
            return self._array(kind[1:])
        if first in "({":
            return tuple(self.get(part) for part in split(kind[1:-1]))
        (value,) = struct.unpack_from(self.order + _FORMAT[first], self.data, self.at)
        self.at += struct.calcsize(_FORMAT[first])
        return bool(value) if first == "b" else value

    def number(self, kind: str) -> int:
        value = self.get(kind)
        assert isinstance(value, int)
        return value

    def _array(self, item: str) -> object:
        count = self.number("u")
        self.align(_ALIGN[item[0]])
        end = self.at + count
        items = []
        while self.at < end:
            items.append(self.get(item))
        return dict(items) if item[0] == "{" else items  # type: ignore[arg-type]


def size(head: bytes) -> int:
    """Bytes of the whole message that begins with these `HEAD_BYTES`."""
    order = "<" if head[:1] == b"l" else ">"
    body, _, fields = struct.unpack_from(order + "III", head, 4)
    return int(HEAD_BYTES + fields + -fields % 8 + body)


def decode(data: bytes) -> Message:
    order = "<" if data[:1] == b"l" else ">"
    message = Message(data[1], struct.unpack_from(order + "I", data, 8)[0])
    reader = _Reader(data, order)
    reader.at = 12
    fields = reader.get("a(yv)")
    assert isinstance(fields, list)
    known = dict(fields)
    message.path, message.interface = str(known.get(_PATH, "")), str(known.get(_INTERFACE, ""))
    message.member, message.error = str(known.get(_MEMBER, "")), str(known.get(_ERROR_NAME, ""))
    message.reply_to, message.sender = int(known.get(_REPLY_SERIAL, 0)), str(known.get(_SENDER, ""))
    message.signature = str(known.get(_SIGNATURE, ""))
    reader.align(8)
    # Alignment is counted from the beginning of the body, which is at a multiple of eight.
    message.body = [reader.get(kind) for kind in split(message.signature)]
    return message
