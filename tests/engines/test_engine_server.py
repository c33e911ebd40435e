"""One engine behind a socket: requests, refusals, and clients that come and go."""

import asyncio
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from auricle.api import BadRequest, EngineError, Expected, SynthesisRequest
from auricle.engines import messages as m
from auricle.engines import uri, wire
from auricle.engines.client import connected, describe, ping
from auricle.engines.inbound import InboundConverter
from auricle.engines.server import Bounds, EngineServer
from auricle.engines.wire import Limits
from auricle.model.errors import EngineUnavailable
from support.engine_parts import EngineParts, speech, transcript, until
from support.scripted_engines import Script, ScriptedTts, spec


async def events(reader: asyncio.StreamReader, *until_types: str) -> list[m.Event]:
    """Up to one of the types named."""
    found = []
    async with asyncio.timeout(10):
        while (event := await wire.read_event(reader)) is not None:
            found.append(event)
            if event.type in until_types:
                break
    return found


async def test_speech_becomes_text_with_language_and_confidence(parts: EngineParts) -> None:
    stt = parts.stt(await parts.served("stt"))
    heard = await transcript(stt, frames=5, language="de")
    assert heard.text.startswith("samples=8000 request=1")
    assert (heard.language, heard.confidence, heard.final) == ("de", 0.75, True)


async def test_an_engine_is_told_what_is_expected_of_each_utterance_by_itself(parts: EngineParts) -> None:
    stt = parts.stt(await parts.served("stt"))
    told = await transcript(stt, expected=Expected("en", ("flat white", "größe")))
    assert told.text.endswith(" expected=en:flat white|größe")
    assert "expected" not in (await transcript(stt)).text


@pytest.mark.parametrize(
    "expected",
    [
        7,
        {"phrases": ["a"]},
        {"language": 5, "phrases": ["a"]},
        {"language": "en", "phrases": "latte"},
        {"language": "en", "phrases": ["latte", 5]},
        {"language": "en", "phrases": ["a" * 101]},
        {"language": "en", "phrases": ["a"] * 257},
    ],
)
async def test_a_hint_that_does_not_fit_is_refused(parts: EngineParts, expected: object) -> None:
    async with connected(await parts.served("stt")) as client:
        await client.send(m.Event("transcribe", {m.EXTRAS: {"expected": expected}}))
        with pytest.raises(BadRequest, match=r"expected|language"):
            await client.receive(10)
        await client.send(m.Ping("still here").event())
        assert (await client.receive(10)).type == "pong"


async def test_partials_come_while_speech_goes_on(parts: EngineParts) -> None:
    stt = parts.stt(await parts.served("stt", partials=True))
    heard = [found async for found in stt.transcribe(speech(3), None)]
    assert [found.text for found in heard[:-1]] == ["1600 so far", "3200 so far", "4800 so far"]
    assert [found.final for found in heard] == [False, False, False, True]


async def test_text_becomes_speech_with_positions_and_the_engines_rate(parts: EngineParts) -> None:
    tts = parts.tts(await parts.served("tts", pieces=3))
    request = SynthesisRequest("hello", voice="bert", speed=2.0, options={"value": 7})
    frames = [frame async for frame in tts.synthesize(request)]
    assert [(frame.first_sample, frame.samples, frame.rate_hz) for frame in frames] == [
        (0, 1200, 22_050),
        (1200, 1200, 22_050),
        (2400, 1200, 22_050),
    ]
    assert {frame.pcm for frame in frames} == {b"\7\0" * 1200}


async def test_a_long_piece_is_cut_into_chunks_and_none_is_lost(parts: EngineParts) -> None:
    tts = parts.tts(await parts.served("tts", pieces=1, piece_samples=100_000))
    frames = [frame async for frame in tts.synthesize(SynthesisRequest("long"))]
    assert sum(frame.samples for frame in frames) == 100_000
    assert max(len(frame.pcm) for frame in frames) == 32 * 1024


async def test_info_names_the_engine_and_its_voices(parts: EngineParts) -> None:
    info = await describe(await parts.served("tts"), 5.0)
    assert [(voice.name, voice.languages) for voice in info.tts[0].voices] == [("anna", ["en"]), ("bert", ["de"])]
    info = await describe(await parts.served("stt"), 5.0)
    assert (info.asr[0].name, info.asr[0].models[0].languages) == ("scripted_stt", ["en"])


async def test_ping_is_answered_while_the_engine_works(parts: EngineParts) -> None:
    address = await parts.served("stt", request_s=3.0)
    working = asyncio.create_task(transcript(parts.stt(address)))
    await until(lambda: parts.pending() == 1)
    await ping(address, 5.0)
    assert not working.done()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def test_an_engines_error_is_told_and_the_connection_goes_on(parts: EngineParts) -> None:
    address = await parts.served("tts", on_request="crash", once_file=str(_flag(parts.folder)), pieces=1)
    async with connected(address) as client:
        await client.send(m.Synthesize("one").event())
        with pytest.raises(EngineError, match="ZeroDivisionError: one by nought"):
            await client.receive(10)
        await client.send(m.Synthesize("two").event())
        assert [(await client.receive(10)).type for _ in range(3)] == ["audio-start", "audio-chunk", "audio-stop"]


@pytest.mark.parametrize("deed", ["raise", "crash", "sys_exit"])
async def test_a_transcript_that_fails_does_not_harm_the_next(parts: EngineParts, deed: str) -> None:
    stt = parts.stt(await parts.served("stt", on_request=deed, once_file=str(_flag(parts.folder))))
    with pytest.raises(EngineError):
        await transcript(stt)
    assert "request=2" in (await transcript(stt)).text


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({}, "text"),
        ({"text": " "}, "text"),
        ({"text": 5}, "text"),
        ({"text": "a", "voice": "anna"}, "voice"),
        ({"text": "a", "voice": {"name": 5}}, "name"),
        ({"text": "a", "auricle": {"speed": 9}}, "speed"),
        ({"text": "a", "auricle": {"speed": True}}, "speed"),
        ({"text": "a", "auricle": {"options": []}}, "options"),
        ({"text": "a", "voice": {"name": "nobody"}}, "nobody"),
    ],
)
async def test_a_request_that_does_not_fit_is_refused(parts: EngineParts, data: dict[str, object], field: str) -> None:
    async with connected(await parts.served("tts")) as client:
        await client.send(m.Event("synthesize", data))
        with pytest.raises(BadRequest, match=field):
            await client.receive(10)
        await client.send(m.Ping("still here").event())
        assert (await client.receive(10)).type == "pong"


async def test_the_wrong_kind_of_request_is_refused(parts: EngineParts) -> None:
    with pytest.raises(BadRequest, match="does not listen"):
        await transcript(parts.stt(await parts.served("tts")))
    with pytest.raises(BadRequest, match="does not speak"):
        _ = [frame async for frame in parts.tts(await parts.served("stt")).synthesize(SynthesisRequest("a"))]


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
@pytest.mark.parametrize(("width", "channels"), [(2, 2), (4, 1), (1, 1)])
def test_sound_of_another_format_is_converted(rate: int, width: int, channels: int) -> None:
    seconds = np.arange(rate) / rate
    wave = np.sin(2 * np.pi * 440 * seconds) * 0.5
    if width == 1:
        pcm = np.rint(wave * 127 + 128).astype("u1")
    else:
        pcm = np.rint(wave * (2 ** (8 * width - 1) - 1)).astype(f"<i{width}")
    raw = np.repeat(pcm, channels).tobytes()
    converter = InboundConverter(rate, width, channels)
    out = b"".join(converter.feed(raw[at : at + 1_001]) for at in range(0, len(raw), 1_001))
    heard = np.frombuffer(out + converter.feed(b"", last=True), "<i2").astype(float) / 32768
    assert abs(len(heard) - 16_000) <= 1
    expected = np.sin(2 * np.pi * 440 * np.arange(len(heard)) / 16_000) * 0.5
    assert np.sqrt(np.mean((heard[800:-800] - expected[800:-800]) ** 2)) < 0.006


async def test_audio_at_another_rate_reaches_the_engine_at_16_khz(parts: EngineParts) -> None:
    async with connected(await parts.served("stt")) as client:
        await client.send(m.Transcribe(language="en").event())
        await client.send(m.AudioStart(rate=48_000, width=2, channels=2).event())
        for _ in range(10):
            await client.send(m.AudioChunk(rate=48_000, width=2, channels=2, audio=b"\0" * 4 * 4_800).event())
        await client.send(m.AudioStop().event())
        assert "samples=16000 " in (await client.receive(10)).data["text"]


@pytest.mark.parametrize(
    "audio", [{"rate": 1, "width": 2, "channels": 1}, {"rate": 16_000, "width": 3, "channels": 1}, {}]
)
async def test_a_format_that_cannot_be_used_is_said_once(parts: EngineParts, audio: dict[str, object]) -> None:
    async with connected(await parts.served("stt")) as client:
        await client.send(m.Event("audio-start", audio))
        with pytest.raises(BadRequest):
            await client.receive(10)
        await client.send(m.Event("audio-chunk", audio, b"\0\0"))
        await client.send(m.AudioStop().event())
        await client.send(m.Ping("next").event())
        assert (await client.receive(10)).data == {"text": "next"}


async def test_audio_beyond_ten_minutes_is_refused(parts: EngineParts) -> None:
    async with connected(await parts.served("stt")) as client:
        await client.send(m.AudioStart(rate=4_000, width=1, channels=1).event())
        chunk = m.AudioChunk(rate=4_000, width=1, channels=1, audio=b"\x80" * 4_000 * 601).event()
        await client.send(chunk)
        with pytest.raises(BadRequest, match="at most 600 s"):
            await client.receive(20)


@pytest.mark.parametrize(
    ("garbage", "code"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "wire_malformed"),
        (b'{"type":"a","payload_length":99999999999}\n', "wire_too_large"),
        (b"x" * 100_000 + b"\n", "wire_too_large"),
        (b'{"type":"a"', "wire_stalled"),
    ],
)
async def test_a_broken_frame_ends_its_connection_with_the_reason_and_harms_no_other(
    parts: EngineParts, garbage: bytes, code: str
) -> None:
    address = await parts.served("stt", request_s=0.3, bounds=Bounds(wire=Limits(stall_s=0.5)))
    other = asyncio.create_task(transcript(parts.stt(address)))
    reader, writer = await uri.connect(address)
    writer.write(garbage)
    found = await events(reader)
    assert [(event.type, event.data["code"]) for event in found] == [("error", code)]
    await uri.close_writer(writer)
    assert "samples=8000" in (await other).text


async def test_a_client_that_goes_silent_in_mid_sentence_frees_the_engine(parts: EngineParts) -> None:
    address = await parts.served("stt", bounds=Bounds(wire=Limits(stall_s=0.4)))
    async with connected(address) as silent:
        await silent.send(m.Transcribe().event())
        await silent.send(m.AudioStart(rate=16_000, width=2, channels=1).event())
        assert "samples=8000" in (await transcript(parts.stt(address))).text
        with pytest.raises(EngineError):
            await silent.receive(10)


async def test_a_client_that_goes_away_is_not_worked_for(parts: EngineParts) -> None:
    address = await parts.served("tts", pieces=100_000, request_s=0.01)
    async with connected(address) as leaving:
        await leaving.send(m.Synthesize("endless").event())
        assert (await leaving.receive(10)).type == "audio-start"
    async with connected(address) as next_client:
        await next_client.send(m.Synthesize("next").event())
        await next_client.receive(10)
        assert (await next_client.receive(10)).payload == b"\2\0" * 2_400


async def test_two_clients_at_once_are_served_one_after_the_other(parts: EngineParts) -> None:
    stt = parts.stt(await parts.served("stt", request_s=0.2))
    found = await asyncio.gather(*(transcript(stt, frames) for frames in (1, 2, 3)))
    assert [heard.text.split()[0] for heard in found] == ["samples=1600", "samples=3200", "samples=4800"]
    assert sorted(heard.text.split()[1] for heard in found) == ["request=1", "request=2", "request=3"]


async def test_requests_on_one_connection_are_answered_in_their_order(parts: EngineParts) -> None:
    async with connected(await parts.served("tts", pieces=1)) as client:
        for text in ("one", "two", "three"):
            await client.send(m.Synthesize(text).event())
        found = [await client.receive(10) for _ in range(9)]
    assert [event.type for event in found] == ["audio-start", "audio-chunk", "audio-stop"] * 3
    assert [event.payload[:2] for event in found if event.payload] == [b"\1\0", b"\2\0", b"\3\0"]


async def test_too_many_requests_are_refused(parts: EngineParts) -> None:
    address = await parts.served("stt", request_s=2.0, bounds=Bounds(requests=2))
    stt = parts.stt(address)
    running = [asyncio.create_task(transcript(stt)) for _ in range(2)]
    await until(lambda: parts.pending() == 2)
    with pytest.raises(EngineError, match="2 requests to do already") as refused:
        await transcript(stt)
    assert refused.value.code == "queue_full"
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def test_too_many_connections_are_refused(parts: EngineParts) -> None:
    address = await parts.served("stt", bounds=Bounds(connections=2))
    async with connected(address) as first, connected(address) as second, connected(address) as third:
        with pytest.raises(EngineError, match="has 2 connections already"):
            await third.receive(10)
        for client in (first, second):
            await client.send(m.Ping("in").event())
            assert (await client.receive(10)).type == "pong"


async def test_a_slow_client_holds_the_engine_back_and_not_its_memory(parts: EngineParts) -> None:
    address = await parts.served("tts", pieces=2_000, piece_samples=16_000)
    reader, writer = await uri.connect(address)
    await wire.write_event(writer, m.Synthesize("much").event())
    engine = parts._servers[0]._engine
    assert isinstance(engine, ScriptedTts)
    await until(lambda: engine.requests == 1)
    await asyncio.sleep(0.5)
    assert len(reader._buffer) < 4 * 1024 * 1024  # type: ignore[attr-defined]
    writer.transport.abort()


def _flag(folder: Path) -> Path:
    flag = folder / "once"
    flag.touch()
    return flag


class Clumsy(ScriptedTts):
    def close(self) -> None:
        raise ZeroDivisionError("there was nothing to close")


@pytest.mark.parametrize("deed", ["", "unavailable"])
async def test_an_engine_that_fails_to_close_hides_nothing(deed: Literal["", "unavailable"]) -> None:
    server = EngineServer(spec("clumsy", "tts"), Clumsy(Script(on_load=deed)))
    if deed:
        with pytest.raises(EngineUnavailable, match="auricle models pull"):
            await server.load()
    else:
        await server.load()
    await server.close()
