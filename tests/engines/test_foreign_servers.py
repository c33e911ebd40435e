"""Somebody else's Wyoming server: one built with the wyoming package, and ones that misbehave."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from wyoming.client import AsyncClient
from wyoming.event import Event
from wyoming.server import AsyncEventHandler, AsyncServer

from auricle.api import EngineError, EngineUnavailable, Expected, SynthesisRequest, Voice
from auricle.engines import messages as m
from auricle.engines.chain import FallbackStt
from auricle.engines.place import Remote
from auricle.engines.proxy import WyomingStt, WyomingTts
from auricle.model.errors import ConfigError, EngineTimeout
from support.engine_parts import EngineParts, raw_server, speech, transcript


class Foreign(AsyncEventHandler):
    """As the wyoming-* servers do it: answers, and closes after a transcript."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(reader, writer)
        self.language: str | None = None
        self.heard = b""

    async def handle_event(self, event: Event) -> bool:
        match event.type:
            case "describe":
                nobody = m.Attribution("a", "b")
                voice = m.TtsVoice("low", nobody, True, None, None, ["fr_FR"])
                await self.write_event(m.Info(tts=[m.TtsProgram("t", nobody, True, None, None, [voice])]).event())
            case "transcribe":
                self.language = m.Transcribe.from_event(event).language
            case "audio-chunk":
                self.heard += m.AudioChunk.from_event(event).audio
            case "audio-stop":
                await self.write_event(m.TranscriptStart().event())
                await self.write_event(m.TranscriptChunk("turn on").event())
                await self.write_event(m.TranscriptChunk(" the").event())
                await self.write_event(
                    m.TranscriptMessage(f" turn on the {len(self.heard)}", language=self.language).event()
                )
                return False
            case "synthesize":
                asked = m.Synthesize.from_event(event)
                voice_name = asked.voice.name if asked.voice else None
                await self.write_event(m.AudioStart(16_000, 2, 1).event())
                await self.write_event(m.AudioChunk(16_000, 2, 1, f"{asked.text}|{voice_name}||".encode()).event())
                await self.write_event(m.AudioStop().event())
        return True


@pytest.fixture(params=["tcp", "unix"])
async def foreign(request: pytest.FixtureRequest, tmp_path: Path, free_port: int) -> AsyncIterator[str]:
    address = f"tcp://127.0.0.1:{free_port}" if request.param == "tcp" else f"unix://{tmp_path}/foreign.sock"
    server = AsyncServer.from_uri(address)
    await server.start(Foreign)
    yield address
    await server.stop()
    await asyncio.sleep(0)


@pytest.fixture
async def free_port() -> int:
    server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    server.close()
    return port


async def test_a_foreign_server_transcribes(parts: EngineParts, foreign: str) -> None:
    stt = parts.stt(foreign)
    found = [heard async for heard in stt.transcribe(speech(5), "en")]
    assert [(heard.text, heard.final) for heard in found] == [
        ("turn on", False),
        ("turn on the", False),
        ("turn on the 16000", True),
    ]
    assert (found[-1].language, found[-1].confidence) == ("en", None)


async def test_a_foreign_server_is_not_harmed_by_a_hint(parts: EngineParts, foreign: str) -> None:
    expected = Expected("en", ("a phrase of a hundred characters at the most, " * 2,) * 256)
    heard = await transcript(parts.stt(foreign), language="en", expected=expected)
    assert (heard.text, heard.language) == ("turn on the 16000", "en")


async def test_a_foreign_server_speaks(parts: EngineParts, foreign: str) -> None:
    tts = WyomingTts(parts.remote(foreign), timeout_s=10, voice="low")
    [frame] = [frame async for frame in tts.synthesize(SynthesisRequest("bonjour!"))]
    assert (frame.pcm.rstrip(b"|"), frame.rate_hz) == (b"bonjour!|low", 16_000)


async def test_a_foreign_servers_voices_are_known(parts: EngineParts, foreign: str) -> None:
    remote = parts.remote(foreign)
    await remote.look()
    assert remote.voices == (Voice("low", "fr_FR", ""),)
    assert [(change.component, change.ok) for change in parts.changes] == [("engine remote", True)]


async def test_wyomings_own_client_uses_our_server(parts: EngineParts) -> None:
    async with AsyncClient.from_uri(await parts.served("stt")) as client:
        await client.write_event(m.Describe().event())
        assert m.Info.from_event(await client.read_event()).asr[0].models[0].name == "scripted_stt"
        await client.write_event(m.Transcribe(language="en").event())
        await client.write_event(m.AudioStart(22_050, 2, 1).event())
        await client.write_event(m.AudioChunk(22_050, 2, 1, b"\0" * 44_100).event())
        await client.write_event(m.AudioStop().event())
        heard = m.TranscriptMessage.from_event(await client.read_event())
        assert heard.text.startswith("samples=16000 ")
        assert heard.language == "en"
    async with AsyncClient.from_uri(await parts.served("tts", pieces=1)) as client:
        await client.write_event(m.Synthesize("hi", voice=m.SynthesizeVoice(name="bert")).event())
        kinds = [(await client.read_event()).type for _ in range(3)]
        assert kinds == ["audio-start", "audio-chunk", "audio-stop"]


async def test_a_server_that_is_not_there_is_unavailable_and_rests(parts: EngineParts) -> None:
    now = [100.0]
    remote = Remote("gone", "tcp://127.0.0.1:9", on_change=parts.changes.append, rest_s=15, clock=lambda: now[0])
    stt = WyomingStt(remote, timeout_s=5)
    with pytest.raises(EngineUnavailable, match=r"nothing can be reached at tcp://127\.0\.0\.1:9"):
        await transcript(stt)
    assert not remote.usable
    now[0] += 15
    assert remote.usable
    assert [(change.component, change.ok) for change in parts.changes] == [("engine gone", False)]


async def _closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readline()


async def _babbles(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readline()
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await reader.read()


async def _swells(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readline()
    writer.write(b'{"type":"audio-chunk","payload_length":999999999}\n')
    await reader.read()


async def _sends_stereo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readline()
    event = b'{"type":"%s","data":{"rate":16000,"width":2,"channels":2},"payload_length":4}\nabcd'
    writer.write(event % b"audio-chunk" + b'{"type":"transcript","data":{"text":5}}\n')
    await reader.read()


@pytest.mark.parametrize("handler", [_closes, _babbles, _swells, _sends_stereo])
async def test_a_server_that_misbehaves_is_an_engine_error(parts: EngineParts, handler) -> None:  # type: ignore[no-untyped-def]
    async with raw_server(parts.folder, handler) as address:
        with pytest.raises(EngineError):
            await transcript(parts.stt(address))
        with pytest.raises(EngineError):
            _ = [frame async for frame in parts.tts(address).synthesize(SynthesisRequest("a"))]


async def _says_why(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readline()
    writer.write(b'{"type":"error","data":{"text":"no such model","code":"model"}}\n')


async def test_the_reason_of_a_server_that_closes_is_kept(parts: EngineParts) -> None:
    async with raw_server(parts.folder, _says_why) as address:
        with pytest.raises(EngineError, match="no such model"):
            await transcript(parts.stt(address), frames=50)


async def _stalls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def test_a_server_that_stalls_times_out_after_the_end_of_speech(parts: EngineParts) -> None:
    async with raw_server(parts.folder, _stalls) as address:
        stt = parts.stt(address, timeout_s=0.3)
        sent = []

        async def slow():  # type: ignore[no-untyped-def]
            async for frame in speech(6, pause_s=0.1):
                sent.append(frame)
                yield frame

        with pytest.raises(EngineTimeout):
            _ = [found async for found in stt.transcribe(slow(), None)]
        assert len(sent) == 6
        with pytest.raises(EngineTimeout, match=r"did not answer within 0\.3 s"):
            _ = [frame async for frame in parts.tts(address, 0.3).synthesize(SynthesisRequest("a"))]


async def test_a_server_that_fails_hands_the_whole_utterance_to_the_next(parts: EngineParts) -> None:
    async with raw_server(parts.folder, _closes) as address:
        good = await parts.served("stt")
        stt = FallbackStt([parts.stt(address), parts.stt(good)])
        found = [heard async for heard in stt.transcribe(speech(10, pause_s=0.02), "en")]
    assert [heard.text.split()[0] for heard in found] == ["samples=16000"]


async def test_a_wrong_uri_is_a_configuration_error(parts: EngineParts) -> None:
    with pytest.raises(ConfigError):
        await transcript(parts.stt("http://example"))
