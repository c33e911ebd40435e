"""HTTP when it goes wrong: too many, garbage, a port that is taken, a stop with requests in hand."""

import asyncio
import random
import socket
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from auricle.settings import Http
from support.mosquitto import free_port
from support.scripted_assistant import ScriptedAssistant
from support.served_http import BEARER, SPEECH, TRANSCRIPTIONS, WAV, ServedHttp, error_of, form, serving_http


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
