"""HTTP on a real socket: who may ask, what is answered, and in whose shape errors come."""

import asyncio
import io
import json
import random
import socket
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from auricle.adapters.http_inside import Health
from auricle.model.audio import AudioFrame
from auricle.model.errors import ConfigError, EngineDied
from auricle.settings import Http
from support.mosquitto import free_port
from support.scripted_assistant import ScriptedAssistant
from support.served_http import WAV, ServedHttp, serving_http

SPEECH, TRANSCRIPTIONS = "/v1/audio/speech", "/v1/audio/transcriptions"
BEARER = {"Authorization": "Bearer s3cret"}


def form(*, file: bytes | io.BytesIO | None = WAV, **fields: str) -> aiohttp.FormData:
    made = aiohttp.FormData(default_to_multipart=True)
    if file is not None:
        made.add_field("file", file, filename="../../etc/passwd", content_type="audio/wav")
    for name, value in fields.items():
        made.add_field(name, value)
    return made


async def error_of(response: aiohttp.ClientResponse) -> dict[str, object]:
    told = await response.json()
    assert list(told) == ["error"]
    assert list(told["error"]) == ["message", "type", "param", "code"]
    found: dict[str, object] = told["error"]
    return found


# --- who may ask


async def test_with_a_token_every_page_but_the_health_needs_it() -> None:
    async with serving_http(token="s3cret") as (_, client):
        for path in ("/metrics", "/v1/models", "/", SPEECH):
            for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic s3cret"}):
                async with client.get(path, headers=headers) as response:
                    assert response.status == 401
                    assert response.headers["WWW-Authenticate"] == 'Bearer realm="auricle"'
                    assert (await error_of(response))["code"] == "invalid_api_key"
        async with client.get("/metrics", headers={"Authorization": "bearer  s3cret "}) as response:
            assert response.status == 200
        async with client.get("/healthz") as response:
            assert (response.status, await response.json()) == (200, {"status": "ok"})
        async with client.get("/healthz", headers=BEARER) as response:
            assert (await response.json())["detail"] == "listening for hey jarvis on USB mic"


async def test_without_a_token_a_web_page_that_had_its_name_led_here_gets_nothing() -> None:
    async with serving_http() as (served, client):
        for host in (f"localhost:{served.port}", "127.0.0.1", f"[::1]:{served.port}", "LOCALHOST"):
            async with client.get("/metrics", headers={"Host": host}) as response:
                assert response.status == 200, host
        for host in (f"evil.example:{served.port}", "192.168.1.7", "", "127.0.0.1.evil.example", "[::1"):
            async with client.get("/metrics", headers={"Host": host}) as response:
                assert response.status == 403, host


def test_an_address_that_others_reach_needs_a_token() -> None:
    with pytest.raises(ConfigError, match=r"http\.bind: 0\.0\.0\.0:10800 can be reached by others"):
        ServedHttp(ScriptedAssistant(), bind="0.0.0.0:10800")


# --- health


@pytest.mark.parametrize("status", ["starting", "degraded"])
async def test_the_health_says_what_is_wrong_to_everybody(status: str) -> None:
    async with serving_http(token="s3cret") as (served, client):
        served.health = Health(status, "degraded: no microphone, retrying")  # type: ignore[arg-type]
        async with client.get("/healthz") as response:
            assert response.status == 503
            assert await response.json() == {"status": status, "detail": "degraded: no microphone, retrying"}
        async with client.head("/healthz") as response:
            assert (response.status, await response.read()) == (503, b"")


# --- speech


async def test_speech_is_streamed_as_it_is_made() -> None:
    assistant = ScriptedAssistant()
    rest = asyncio.Event()
    assistant.makes.insert(1, rest)
    async with serving_http(assistant) as (_, client):
        asked = {"model": "tts-1", "voice": "alloy", "input": " Hello. ", "response_format": "wav", "speed": 1.5}
        async with client.post(SPEECH, json=asked) as response:
            assert (response.status, response.headers["Content-Type"]) == (200, "audio/wav")
            first = await response.content.readexactly(44 + 4800)
            assert (first[:4], first[8:12]) == (b"RIFF", b"WAVE")
            rest.set()
            assert len(await response.read()) == 2 * 4800
        [said] = assistant.synthesized_all
        assert (said.text, said.voice, said.speed) == ("Hello.", None, 1.5)
        asked = {"input": "Hello.", "response_format": "pcm", "voice": "amy", "language": "en", "pitch": -2}
        async with client.post(SPEECH, json=asked) as response:
            assert await response.read() == b"\1\0" * 7200
        said = assistant.synthesized_all[1]
        assert (said.voice, said.language, said.pitch, said.speed) == ("amy", "en", -2, None)


@pytest.mark.parametrize(
    ("name", "kind", "begins"),
    [("mp3", "audio/mpeg", b"\xff"), ("flac", "audio/flac", b"fLaC"), ("opus", "audio/ogg", b"OggS")],
)
async def test_other_formats_are_whole_files(name: str, kind: str, begins: bytes) -> None:
    async with serving_http() as (_, client):
        async with client.post(SPEECH, json={"input": "Hello.", "response_format": name}) as response:
            assert (response.status, response.headers["Content-Type"]) == (200, kind)
            file = await response.read()
    assert file.startswith(begins)
    assert response.content_length == len(file)


MISFITS: dict[str, tuple[object, str]] = {
    "no words": ({"input": "  "}, "input"),
    "no input": ({"voice": "amy"}, "input"),
    "too long": ({"input": "x" * 4097}, "input"),
    "control characters": ({"input": "a\0b"}, "input"),
    "number": ({"input": 7}, "input"),
    "speed": ({"input": "x", "speed": 4}, "speed"),
    "format": ({"input": "x", "response_format": "aac"}, "response_format"),
    "sse": ({"input": "x", "stream_format": "sse"}, "stream_format"),
    "path": ({"input": "x", "voice": {"id": "a"}}, "voice"),
    "unknown voice": ({"input": "x", "voice": "nobody"}, "voice"),
    "language": ({"input": "x", "language": "klingon"}, "language"),
    "typing error": ({"input": "x", "respones_format": "wav"}, "respones_format"),
}


@pytest.mark.parametrize("misfit", MISFITS)
async def test_what_does_not_fit_is_named(misfit: str) -> None:
    body, field = MISFITS[misfit]
    async with serving_http() as (served, client):
        async with client.post(SPEECH, json=body) as response:
            assert response.status == 400
            error = await error_of(response)
        assert (error["param"], error["type"], error["code"]) == (field, "invalid_request_error", "bad_request")
        assert str(error["message"]).startswith(f"{field}: ")
        assert not served.assistant.synthesized_all or misfit == "unknown voice"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'{"input":"x"}}', b"[" * 60_000, b"null"])
async def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    async with serving_http() as (_, client):
        async with client.post(SPEECH, data=body) as response:
            assert response.status == 400
            assert (await error_of(response))["param"] is None


async def test_an_engine_that_cannot_is_told_before_and_after_the_first_sound() -> None:
    assistant = ScriptedAssistant()
    async with serving_http(assistant) as (_, client):
        async with client.post(SPEECH, json={"input": "no engine"}) as response:
            assert response.status == 503
            assert response.headers["Retry-After"]
            assert (await error_of(response))["code"] == "engine_unavailable"
        assistant.makes.append(EngineDied("piper ended"))
        async with client.post(SPEECH, json={"input": "Hello.", "response_format": "wav"}) as response:
            assert response.status == 200
            with pytest.raises(aiohttp.ClientError):
                await response.read()
        async with client.post(SPEECH, json={"input": "Hello.", "response_format": "mp3"}) as response:
            assert response.status == 503
            assert (await error_of(response))["message"] == "piper ended"


async def test_a_client_that_goes_ends_its_speech() -> None:
    assistant = ScriptedAssistant()
    assistant.makes.insert(1, asyncio.Event())
    async with serving_http(assistant) as (_, client):
        response = await client.post(SPEECH, json={"input": "Hello.", "response_format": "wav"})
        await response.content.readexactly(44)
        assert assistant.synthesizing
        response.close()
        async with asyncio.timeout(20):
            while assistant.synthesizing:
                await asyncio.sleep(0.01)


async def test_a_client_that_takes_nothing_does_not_hold_up_the_engine() -> None:
    assistant = ScriptedAssistant()
    assistant.makes = [AudioFrame(bytes(480_000), rate_hz=24_000)] * 50  # over eight minutes: the longest there is
    async with serving_http(assistant) as (served, client):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port, limit=1024)
        body = b'{"input":"A very long story.","response_format":"pcm"}'
        writer.write(b"POST %b HTTP/1.1\r\nHost: localhost\r\n" % SPEECH.encode())
        writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        async with asyncio.timeout(20):
            while not assistant.synthesized_all:
                await asyncio.sleep(0.01)
        async with client.get("/healthz") as response:
            assert response.status == 200
        await reader.readuntil(b"\r\n\r\n")
        # Between pieces there are the lengths of the chunks.
        async with asyncio.timeout(60):
            taken = 0
            while taken < 50 * 480_000:
                taken += len(await reader.read(1 << 20))
        writer.close()


# --- transcription


async def test_a_recording_becomes_what_was_asked_for() -> None:
    async with serving_http() as (_, client):
        found = {}
        for name in ("json", "text", "srt", "vtt", "verbose_json"):
            asked = form(model="whisper-1", response_format=name, temperature="0.2", prompt="lights", language="en")
            async with client.post(TRANSCRIPTIONS, data=asked) as response:
                assert response.status == 200, await response.text()
                found[name] = (response.content_type, await response.text())
    assert found["json"] == ("application/json", '{"text":"turn on the light"}')
    assert found["text"] == ("text/plain", "turn on the light\n")
    assert found["srt"][1] == "1\n00:00:00,500 --> 00:00:01,500\nturn on the light\n\n"
    assert found["vtt"] == ("text/vtt", "WEBVTT\n\n00:00:00.500 --> 00:00:01.500\nturn on the light\n\n")
    told = json.loads(found["verbose_json"][1])
    assert (told["language"], told["duration"], told["text"]) == ("en", 2.0, "turn on the light")
    assert [(part["start"], part["end"], part["text"]) for part in told["segments"]] == [(0.5, 1.5, told["text"])]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", "warm"),
        ("temperature", "2"),
        ("temperature", "nan"),
        ("language", "english"),
        ("response_format", "pdf"),
        ("stream", "true"),
        ("timestamp_granularities[]", "word"),
        ("nonsense", "x"),
        ("prompt", "x" * 5000),
    ],
)
async def test_a_form_field_that_does_not_fit_is_named(field: str, value: str) -> None:
    async with serving_http() as (_, client):
        async with client.post(TRANSCRIPTIONS, data=form(**{field: value})) as response:
            assert response.status == 400
            error = await error_of(response)
    assert error["param"] == field.removesuffix("[]")
    assert str(error["message"]).startswith(f"{error['param']}: ")


async def test_a_form_without_a_file_or_no_form_is_refused() -> None:
    async with serving_http() as (_, client):
        for data in (form(file=None, model="x"), form(file=b"")):
            async with client.post(TRANSCRIPTIONS, data=data) as response:
                assert (response.status, (await error_of(response))["param"]) == (400, "file")
        async with client.post(TRANSCRIPTIONS, json={"file": "x"}) as response:
            assert response.status == 415
            assert (await error_of(response))["code"] == "unsupported_media_type"


# --- limits


async def test_what_is_too_large_is_refused() -> None:
    async with serving_http() as (_, client):
        async with client.post(TRANSCRIPTIONS, data=form(file=io.BytesIO(bytes(11 * 1024 * 1024)))) as response:
            assert (response.status, (await error_of(response))["code"]) == (413, "too_large")

        async def in_pieces() -> "object":
            for _ in range(20):
                yield bytes(8192)

        for body in (bytes(70_000), in_pieces()):
            async with client.post(SPEECH, data=body) as response:
                assert (response.status, (await error_of(response))["code"]) == (413, "too_large")
        many = form(**{f"field{number}": "x" for number in range(40)})
        async with client.post(TRANSCRIPTIONS, data=many) as response:
            assert response.status == 400


async def test_a_body_that_does_not_come_to_an_end_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auricle.adapters.http_flow.BODY_S", 0.2)
    head = b"POST %b HTTP/1.1\r\nHost: localhost\r\nContent-Type: %b\r\nContent-Length: 5000\r\n\r\n--x\r\n"
    async with serving_http() as (served, client):
        for path, kind in ((SPEECH, "application/json"), (TRANSCRIPTIONS, "multipart/form-data; boundary=x")):
            answer = await served.raw(head % (path.encode(), kind.encode()))
            assert answer.split()[1] == b"408", answer
        async with client.get("/healthz") as response:
            assert response.status == 200


async def test_only_so_many_requests_are_in_hand_and_the_rest_is_told_to_come_again() -> None:
    assistant = ScriptedAssistant()
    assistant.think.clear()
    async with serving_http(assistant) as (_, client):
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(client.post(TRANSCRIPTIONS, data=form())) for _ in range(11)]
            refused = 0
            for task in asyncio.as_completed(asked):
                response = await task
                if response.status == 429:
                    assert response.headers["Retry-After"]
                    refused += 1
                if refused == 3:
                    break
            assistant.think.set()
        assert sorted(task.result().status for task in asked) == [200] * 8 + [429] * 3
        for task in asked:
            task.result().release()


# --- garbage


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", b"404"),
        (b"GET /healthz/../metrics%2e%2e%2f HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", b"404"),
        (b"DELETE /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", b"405"),
        (b"GET /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", b"405"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
        (b"GET / HTTP/9.9\r\n\r\n", b"400"),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + b"\r\n", b"400"),
        (b"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", b"400"),
    ],
)
async def test_garbage_is_answered_and_the_next_caller_too(
    sent: bytes, status: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with serving_http() as (served, client):
        answer = await served.raw(sent)
        assert answer.split()[1] == status, answer[:300]
        async with client.get("/healthz") as response:
            assert response.status == 200
    assert [line for line in caplog.messages if "listening on" not in line] == []


@pytest.mark.filterwarnings("ignore::aiohttp.BadContentDispositionHeader")
async def test_requests_that_were_damaged_on_the_way_harm_nobody(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    chance = random.Random(7)
    body = b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n' + WAV + b"\r\n--x--\r\n"
    told = b'{"input":"Hello.","response_format":"wav","speed":1.5}'
    whole = [
        b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept: application/openmetrics-text; version=1.0.0\r\n\r\n",
        b"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b" % (len(told), told),
        b"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body),
    ]
    async with serving_http() as (served, client):

        async def damaged() -> None:
            sent = bytearray(chance.choice(whole))
            for _ in range(chance.randint(1, 6)):
                at = chance.randrange(max(1, len(sent) - 1))
                match chance.randrange(4):
                    case 0:
                        sent[at : at + 1] = bytes([chance.randrange(256)])
                    case 1:
                        del sent[at : at + chance.randrange(20)]
                    case 2:
                        sent[at:at] = bytes(chance.randrange(256) for _ in range(chance.randrange(20)))
                    case _:
                        del sent[max(1, at) :]
            reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
            writer.write(bytes(sent) or b"x")
            writer.write_eof()
            try:
                answer = await asyncio.wait_for(reader.read(4096), 0.05)
                assert answer[:5] in (b"", b"HTTP/"), answer
            except (TimeoutError, ConnectionError):
                pass  # it waits for the rest, or has hung up
            writer.close()

        for _ in range(40):
            await asyncio.gather(*(damaged() for _ in range(10)))
        async with client.post(SPEECH, json={"input": "Hello.", "response_format": "pcm"}) as response:
            assert (response.status, len(await response.read())) == (200, 14_400)
        assert served.adapter.in_hand == 0
    assert [record.getMessage() for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")] == []


@pytest.mark.filterwarnings("ignore::aiohttp.BadContentDispositionHeader")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--x",
        b"--x\r\n",
        b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nRIFF',
        b'--x\r\nContent-Disposition: form-data; name="file\r\n\r\nRIFF\r\n--x--\r\n',
        b"no boundary at all\r\n--x--\r\n",
        b"--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y--\r\n--x--\r\n",
        b'--x\r\nContent-Disposition: form-data; name="language"\r\n\r\n\xff\xfe\r\n--x--\r\n',
        b"--x\r\n" + b"A: b\r\n" * 3000 + b"\r\n--x--\r\n",
    ],
)
async def test_a_broken_form_is_refused(body: bytes) -> None:
    async with serving_http() as (_, client):
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        async with client.post(TRANSCRIPTIONS, data=body, headers=headers) as response:
            assert response.status == 400, await response.text()
            await error_of(response)
        async with client.post(TRANSCRIPTIONS, data=body, headers={"Content-Type": "multipart/form-data"}) as response:
            assert response.status == 400, await response.text()
        async with client.post(TRANSCRIPTIONS, data=form()) as response:
            assert response.status == 200


async def test_a_fault_of_the_program_is_answered_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    assistant = ScriptedAssistant()
    assistant.makes = [RuntimeError("a fault in the script")]
    async with serving_http(assistant) as (_, client):
        async with client.post(SPEECH, json={"input": "Hello.", "response_format": "wav"}) as response:
            assert response.status == 500
            assert "a fault in the script" not in (await response.text())
    assert "a fault in the script" in caplog.text


# --- connections


async def test_connections_that_only_take_up_room_are_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auricle.adapters.http_connections.FIRST_S", 0.2)
    monkeypatch.setattr("auricle.adapters.http_connections.IDLE_S", 0.2)
    async with serving_http() as (served, client):
        answers = await asyncio.gather(served.raw(b"POST /v1/audio/speech HTTP/1.1\r\nHost: loc"), served.raw(b""))
        assert answers == [b"", b""]
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200")
        async with asyncio.timeout(20):
            assert await reader.read() == b""
        writer.close()
        async with client.get("/healthz") as response:
            assert response.status == 200


async def test_a_flood_of_connections_takes_only_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auricle.adapters.http_connections.FIRST_S", 2.0)
    async with serving_http() as (served, client):
        opened = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(150)]
        ended = [asyncio.create_task(reader.read()) for reader, _ in opened]
        done, waiting = await asyncio.wait(ended, timeout=1.0)
        assert len(waiting) <= 64
        assert len(done) >= 86
        for _, writer in opened:
            writer.close()
        await asyncio.gather(*ended, return_exceptions=True)
        async with asyncio.timeout(20):
            while True:
                try:
                    async with client.get("/healthz") as response:
                        assert response.status == 200
                        break
                except aiohttp.ClientError:
                    await asyncio.sleep(0.05)


# --- the end, and other addresses


async def test_what_is_in_hand_when_the_daemon_stops_is_answered() -> None:
    assistant = ScriptedAssistant()
    assistant.think.clear()
    async with serving_http(assistant) as (served, client):
        first = asyncio.create_task(client.post(TRANSCRIPTIONS, data=form()))
        while not served.adapter.in_hand:
            await asyncio.sleep(0.01)
        draining = asyncio.create_task(served.adapter.drain())
        await asyncio.sleep(0)
        async with client.post(SPEECH, json={"input": "Hello."}) as response:
            assert (response.status, (await error_of(response))["code"]) == (503, "stopping")
        async with client.get("/healthz") as response:
            assert (response.status, (await response.json())["status"]) == (503, "stopping")
        async with await first as response:
            assert (response.status, (await error_of(response))["code"]) == (503, "stopping")
        await draining
    async with serving_http(assistant) as (served, client):
        first = asyncio.create_task(client.post(TRANSCRIPTIONS, data=form()))
        while not served.adapter.in_hand:
            await asyncio.sleep(0.01)
        draining = asyncio.create_task(served.adapter.drain())
        await asyncio.sleep(0)
        assistant.think.set()
        async with await first as response:
            assert (response.status, await response.json()) == (200, {"text": "turn on the light"})
        await draining


async def test_a_taken_port_is_named_and_waited_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("auricle.adapters.http._AGAIN_S", 0.05)
    port = free_port()
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        async with serving_http(bind=f"127.0.0.1:{port}") as (served, _):
            [told] = served.told
            assert (told.component, told.ok, told.essential) == ("http", False, False)
            assert told.detail.startswith(f"http.bind: 127.0.0.1:{port} is in use by another program")
            await asyncio.sleep(0.3)
            other.close()
            async with asyncio.timeout(20):
                while len(served.told) < 2:
                    await asyncio.sleep(0.01)
            assert served.told[1].ok
            async with aiohttp.ClientSession() as client:
                async with client.get(f"http://127.0.0.1:{port}/healthz") as response:
                    assert response.status == 200
    assert len([line for line in caplog.messages if "HTTP is off" in line]) == 1


async def test_a_unix_socket_is_taken_over_from_a_daemon_that_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "http.sock"
    gone = socket.socket(socket.AF_UNIX)
    gone.bind(str(path))
    gone.close()
    async with serving_http(bind=f"unix://{path}") as (served, _):
        assert served.told[0].ok, served.told
        assert path.stat().st_mode & 0o777 == 0o660
        async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as client:
            async with client.get("http://any.name/metrics") as response:
                assert response.status == 200
        second = ServedHttp(ScriptedAssistant(), bind=f"unix://{path}")
        await second.adapter.start()
        assert second.told[0].detail.startswith(f"http.bind: unix://{path} is in use")
        await second.adapter.stop()
        assert path.exists()
    assert not path.exists()


async def test_the_token_and_the_address_change_while_it_runs() -> None:
    from auricle.adapters.http_address import open_socket, parse_bind

    async with serving_http(token="s3cret") as (served, client):
        await served.adapter.move(Http(bind=served.settings.bind, token="other"), None)
        async with client.get("/metrics", headers=BEARER) as response:
            assert response.status == 401
        port = free_port()
        moved = Http(bind=f"127.0.0.1:{port}", token="other")
        await served.adapter.move(moved, open_socket(parse_bind(moved.bind or "")))
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", served.port)
        async with aiohttp.ClientSession() as other:
            async with other.get(
                f"http://127.0.0.1:{port}/metrics", headers={"Authorization": "Bearer other"}
            ) as response:
                assert response.status == 200


def test_without_an_address_its_libraries_are_not_even_imported() -> None:
    code = "import sys, auricle.app.serve; print(sorted({'aiohttp', 'prometheus_client'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
