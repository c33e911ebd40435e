"""HTTP on a real socket: who may ask, what is answered, and in whose shape errors come."""

import asyncio
import io
import json

import aiohttp
import pytest

from auricle.adapters.http_inside import Health
from auricle.model.audio import AudioFrame
from auricle.model.errors import ConfigError, EngineDied
from support.scripted_assistant import ScriptedAssistant
from support.served_http import BEARER, SPEECH, TRANSCRIPTIONS, ServedHttp, error_of, form, serving_http


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
