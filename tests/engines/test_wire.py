"""The Wyoming codec: any bytes are events, a clean end or a WireError, in bounded memory and time."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wyoming.client import AsyncClient
from wyoming.event import Event
from wyoming.event import async_read_event as reference_read
from wyoming.server import AsyncEventHandler, AsyncServer

from auricle.engines.wire import IdlePeer, Limits, encode_head, read_event, write_event
from auricle.model.errors import CutFrame, FrameTooLarge, MalformedFrame, StalledPeer, WireError
from support.engine_parts import LITTLE


def stream(wire: bytes, *, ended: bool = True) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    reader.feed_data(wire)
    if ended:
        reader.feed_eof()
    return reader


async def all_events(wire: bytes, limits: Limits = LITTLE) -> list[Event]:
    reader = stream(wire)
    events = []
    while (event := await read_event(reader, limits)) is not None:
        events.append(event)
    return events


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


async def test_events_follow_each_other_and_end_cleanly() -> None:
    wire = (
        b'{"type":"ping","data":{"text":"a","kept":1},"data_length":12}\n{"text":"b"}'
        b'{"type":"audio-chunk","payload_length":3}\nabc{"type":"last","data":null,"payload_length":0}\n'
    )
    assert await all_events(wire) == [
        Event("ping", {"text": "b", "kept": 1}),
        Event("audio-chunk", {}, b"abc"),
        Event("last"),
    ]


async def test_no_bytes_are_a_clean_end() -> None:
    assert await read_event(stream(b"")) is None


@pytest.mark.parametrize(
    "wire",
    [
        b"\n",
        b"not json\n",
        b"[]\n",
        b"null\n",
        b'"ping"\n',
        b'{"type":"a"} {"type":"b"}\n',
        b"{}\n",
        b'{"type":""}\n',
        b'{"type":7}\n',
        b'{"type":"a","data":[]}\n',
        b'{"type":"a","data":"x"}\n',
        b'{"type":"a","data_length":-1}\n',
        b'{"type":"a","data_length":1.0}\n',
        b'{"type":"a","data_length":true}\n',
        b'{"type":"a","data_length":"1"}\n',
        b'{"type":"a","data_length":NaN}\n',
        b'{"type":"a","payload_length":-9223372036854775809}\n',
        b'{"type":"a","payload_length":1e3}\n',
        b'{"type":"a","data":{"x":1e999}}\n',
        b'{"type":"a","data":{"x":"\\ud800"}}\n',
        b'{"type":"\xff"}\n',
        b'\xef\xbb\xbf{"type":"a"}\n',
        b'{"type":"a","data_length":2}\n[]',
        b'{"type":"a","data_length":4}\nnull',
        b'{"type":"a","data_length":3}\n{\xff}',
        b'{"type":' + b"[" * 900 + b"\n",
    ],
)
async def test_a_frame_that_is_no_event_is_malformed(wire: bytes) -> None:
    with pytest.raises(MalformedFrame):
        await all_events(wire)


async def test_a_recursion_bomb_in_the_data_is_malformed() -> None:
    bomb = b'{"a":' * 150_000
    wire = b'{"type":"a","data_length":%d}\n' % len(bomb) + bomb
    with pytest.raises(MalformedFrame, match="nested too deep"):
        await all_events(wire, Limits())


@pytest.mark.parametrize(
    "wire",
    [
        b'{"type":"' + b"a" * 1_000 + b'"}\n',
        b"x" * 200_000,
        b'{"type":"a","data_length":2001}\n',
        b'{"type":"a","payload_length":10001}\n',
        b'{"type":"a","payload_length":%d}\n' % 10**60,
    ],
)
async def test_a_frame_over_a_cap_is_too_large(wire: bytes) -> None:
    with pytest.raises(FrameTooLarge):
        await all_events(wire)


async def test_the_house_caps_are_those_of_the_contract() -> None:
    assert (Limits().header_bytes, Limits().payload_bytes, Limits().stall_s) == (64 * 1024, 16 * 1024 * 1024, 30.0)


WHOLE = b'{"type":"a","data_length":7,"payload_length":4}\n{"x":1}pcm!'


@pytest.mark.parametrize("length", range(1, len(WHOLE)))
async def test_an_end_inside_a_frame_is_a_cut(length: int) -> None:
    with pytest.raises(CutFrame):
        await all_events(WHOLE[:length])


@pytest.mark.parametrize("length", [1, 20, len(WHOLE) - 8, len(WHOLE) - 1])
async def test_a_begun_frame_may_not_stand_still(length: int) -> None:
    with pytest.raises(StalledPeer, match="stood still"):
        await read_event(stream(WHOLE[:length], ended=False), LITTLE)


async def test_waiting_between_frames_has_a_limit_only_if_asked() -> None:
    reader = stream(b"", ended=False)
    with pytest.raises(IdlePeer):
        await read_event(reader, Limits(idle_s=0.05))
    reader.feed_data(WHOLE)
    assert await read_event(reader, Limits(idle_s=0.05)) == Event("a", {"x": 1}, b"pcm!")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await read_event(reader, LITTLE)


async def test_memory_follows_what_came_and_not_what_was_claimed() -> None:
    wire = b'{"type":"a","payload_length":16777216}\n' + b"x" * 100_000
    tracemalloc.start()
    try:
        with pytest.raises(CutFrame):
            await read_event(stream(wire))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


PIECES = st.sampled_from(
    [b"{", b"}", b'"type"', b":", b'"a"', b",", b'"data_length"', b'"payload_length"', b'"data"', b"\n", b"1", b"-1"]
    + [
        b"NaN",
        b"1e9",
        b"[",
        b"null",
        b"true",
        b"\xff",
        b"\\u0000",
        b'{"type":"a"}\n',
        b'{"type":"a","data_length":2}\n{}',
    ]
)


@settings(max_examples=300, deadline=None)
@given(wire=st.one_of(st.binary(max_size=300), st.lists(PIECES, max_size=30).map(b"".join)))
def test_any_bytes_are_events_or_a_wire_error(runner: asyncio.Runner, wire: bytes) -> None:
    async def read() -> None:
        try:
            events = await all_events(wire)
        except WireError:
            return
        assert all(event.type and isinstance(event.data, dict) for event in events)

    runner.run(read())


@settings(max_examples=300, deadline=None)
@given(position=st.integers(0, len(WHOLE) - 1), byte=st.integers(0, 255))
def test_a_damaged_frame_is_an_event_or_a_wire_error(runner: asyncio.Runner, position: int, byte: int) -> None:
    async def read() -> None:
        try:
            await all_events(WHOLE[:position] + bytes([byte]) + WHOLE[position + 1 :])
        except WireError:
            return

    runner.run(read())


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(max_size=20)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
EVENTS = st.builds(
    Event,
    st.text(min_size=1, max_size=40),
    st.dictionaries(st.text(max_size=9), JSON, max_size=4),
    st.none() | st.binary(min_size=1, max_size=500),
)


@settings(max_examples=150, deadline=None)
@given(events=st.lists(EVENTS, max_size=4))
def test_what_was_encoded_is_decoded(runner: asyncio.Runner, events: list[Event]) -> None:
    wire = b"".join(encode_head(event) + (event.payload or b"") for event in events)
    assert runner.run(all_events(wire, Limits())) == events


@settings(max_examples=100, deadline=None)
@given(event=EVENTS)
def test_the_wyoming_package_reads_what_we_write(runner: asyncio.Runner, event: Event) -> None:
    async def read() -> Event | None:
        return await reference_read(stream(encode_head(event) + (event.payload or b"")))

    assert runner.run(read()) == event


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (Event("a", payload=b"x" * 10_001), FrameTooLarge),
        (Event("a", {"x": "y" * 2_001}), FrameTooLarge),
        (Event("a" * 1_001), FrameTooLarge),
        (Event("a", {"x": object()}), MalformedFrame),
        (Event("a", {"x": "\ud800"}), MalformedFrame),
    ],
)
def test_what_no_peer_would_take_is_not_sent(event: Event, error: type[WireError]) -> None:
    with pytest.raises(error):
        encode_head(event, LITTLE)


class Echo(AsyncEventHandler):
    async def handle_event(self, event: Event) -> bool:
        await self.write_event(event)
        return True


@pytest.fixture
async def wyoming_echo(tmp_path: Path) -> AsyncIterator[Path]:
    server = AsyncServer.from_uri(f"unix://{tmp_path}/echo.sock")
    await server.start(Echo)
    yield tmp_path / "echo.sock"
    await server.stop()


async def test_wyomings_own_server_and_our_codec_understand_each_other(wyoming_echo: Path) -> None:
    event = Event("audio-chunk", {"rate": 16_000, "text": "Grüße"}, b"\0\1" * 40_000)
    reader, writer = await asyncio.open_unix_connection(wyoming_echo)
    await write_event(writer, event)
    assert await read_event(reader) == event
    writer.close()
    await writer.wait_closed()


async def test_wyomings_own_client_and_our_codec_understand_each_other(tmp_path: Path) -> None:
    event = Event("ping", {"text": "Grüße"}, b"pcm")

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (heard := await read_event(reader)) is not None:
            await write_event(writer, heard)
        writer.close()

    server = await asyncio.start_unix_server(echo, tmp_path / "ours.sock")
    async with AsyncClient.from_uri(f"unix://{tmp_path}/ours.sock") as client:
        await client.write_event(event)
        assert await client.read_event() == event
    server.close()


async def test_a_peer_that_takes_nothing_is_stalled(tmp_path: Path) -> None:
    deaf = asyncio.Event()

    async def ignore(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await deaf.wait()
        writer.close()

    server = await asyncio.start_unix_server(ignore, tmp_path / "deaf.sock", limit=1_024)
    _, writer = await asyncio.open_unix_connection(tmp_path / "deaf.sock")
    with pytest.raises(StalledPeer, match="took no data"):
        await write_event(writer, Event("audio-chunk", payload=b"x" * 16_000_000), Limits(stall_s=0.3))
    writer.transport.abort()
    deaf.set()
    server.close()


async def test_writing_to_a_peer_that_is_gone_is_a_cut(wyoming_echo: Path) -> None:
    _, writer = await asyncio.open_unix_connection(wyoming_echo)
    writer.transport.abort()
    with pytest.raises(CutFrame):
        await write_event(writer, Event("ping"))
