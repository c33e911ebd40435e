"""The connection to a real Mosquitto: coming, going, refusals, TLS, versions; what is kept and what is lost."""

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from auricle.adapters import mqtt_connection
from auricle.model.events import StageChanged, WakeHeard
from auricle.model.turn import Stage
from auricle.settings import Tls
from support.mosquitto import Mosquitto, free_port, make_ca, make_certificate
from support.running_mqtt import Running, T, collect, off, parsed, running
from support.scripted_assistant import ScriptedAssistant

pytestmark = pytest.mark.broker
MakeBroker = Callable[[], Mosquitto]
PASSWORD = "correct horse battery"


async def trouble(run: Running) -> str:
    """What the first change says is wrong."""
    await run.until(lambda: bool(run.changes))
    assert (run.changes[0].component, run.changes[0].ok, run.changes[0].essential) == ("broker", False, False)
    return run.changes[0].detail


async def test_a_broker_that_comes_later_is_found(make_mosquitto: MakeBroker, caplog: pytest.LogCaptureFixture) -> None:
    broker = make_mosquitto()
    async with running(broker.port, wait=False) as run:
        assert "refused the connection" in await trouble(run)
        await asyncio.sleep(2.5)
        await off(broker.start)
        await run.connected()
        await run.until(lambda: len(run.changes) == 2)
        assert (run.changes[1].ok, run.changes[1].detail) == (True, f"127.0.0.1:{broker.port}, MQTT 5")
        assert run.assistant.status.state == "idle"
    assert [record.levelname for record in caplog.records if record.levelno > logging.INFO] == ["WARNING"]


async def test_a_broker_that_restarts_gets_the_states_again_and_is_obeyed(
    mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(mosquitto.port) as run:
        await off(mosquitto.kill)
        await run.until(lambda: not run.adapter.connected)
        run.assistant.publish(WakeHeard(turn="t", wake_word="hey_jarvis", score=1.0, sample=1))
        run.assistant.publish(StageChanged(stage=Stage.LISTENING, turn="t"))
        await off(mosquitto.start)
        await run.connected()
        async with collect(mosquitto, f"{T}/#") as seen:
            found = {message.topic: message for message in await off(seen.until, 6)}
            assert parsed(found[f"{T}/state"])["state"] == "listening"
            assert found[f"{T}/availability"].payload == b"online"
            await off(mosquitto.publish, f"{T}/say", '{"text": "back", "id": "b"}')
            assert parsed(await off(seen.next, f"{T}/response/b"))["status"] == "finished"
            assert f"{T}/wake" not in {message.topic for message in seen.seen}
        assert [change.ok for change in run.changes] == [True, False, True]
    assert "1 events happened while the broker was away" in caplog.text


async def test_a_process_that_is_killed_leaves_offline(mosquitto: Mosquitto) -> None:
    script = (
        "import asyncio\n"
        "from support.running_mqtt import running\n"
        "async def main():\n"
        f"    async with running({mosquitto.port}):\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    async with collect(mosquitto, f"{T}/availability") as seen:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, env=environment)
        try:
            assert (await off(seen.next)).payload == b"online"
        finally:
            process.kill()
            await process.wait()
        last = await off(seen.next)
        assert last.payload == b"offline"


async def test_a_name_that_there_is_not_is_said_so() -> None:
    async with running(1883, wait=False, host="no-such-broker.invalid") as run:
        detail = await trouble(run)
        assert "'no-such-broker.invalid' was not found" in detail
        assert "mqtt.host" in detail


async def test_a_wrong_password_is_said_and_never_shown(
    make_mosquitto: MakeBroker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    broker = make_mosquitto()
    broker.add_user("house", PASSWORD)
    await off(broker.start)
    secret = tmp_path / "secret"
    secret.write_text("wrong horse\n")
    async with running(broker.port, wait=False, username="house", password_file=str(secret)) as run:
        detail = await trouble(run)
        assert "'house'" in detail
        assert "mqtt.password_file" in detail
        secret.write_text(PASSWORD + "\n")
        await run.connected()
    assert "horse" not in caplog.text
    assert "horse" not in "".join(change.detail for change in run.changes)


async def test_a_password_comes_from_the_credentials_of_the_service(
    make_mosquitto: MakeBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = make_mosquitto()
    broker.add_user("house", PASSWORD)
    await off(broker.start)
    (tmp_path / "broker-password").write_text(PASSWORD)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    async with running(broker.port, username="house", password_file="broker-password") as run:
        assert run.adapter.connected


async def test_a_password_file_that_is_missing_is_named(mosquitto: Mosquitto, tmp_path: Path) -> None:
    async with running(mosquitto.port, wait=False, username="a", password_file=str(tmp_path / "none")) as run:
        assert f"mqtt.password_file: {tmp_path / 'none'} cannot be read: No such file" in await trouble(run)


async def test_a_connection_that_ends_in_the_same_way_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    async with running(free_port(), wait=False) as run:
        await trouble(run)
        await asyncio.sleep(3.0)
        assert len(run.changes) == 1
    assert len([record for record in caplog.records if record.name.startswith("auricle")]) == 1


@asynccontextmanager
async def old_broker(real: Mosquitto, greeting: bytes):  # type: ignore[no-untyped-def]
    """In front of `real`: meets MQTT 5 with `greeting` and hangs up, lets 3.1.1 through. Yields its port."""
    levels: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(4096)
        level = first[first.index(b"MQTT") + 4]
        levels.append(level)
        if level == 4:
            down, up = await asyncio.open_connection("127.0.0.1", real.port)
            up.write(first)
            await asyncio.gather(pump(reader, up), pump(down, writer))
            return
        writer.write(greeting)
        writer.close()

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while block := await source.read(4096):
                sink.write(block)
                await sink.drain()
        except ConnectionError:
            pass
        finally:
            sink.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], levels
    finally:
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    ("greeting", "levels"),
    [(b"\x20\x02\x00\x01", [5, 4]), (b"", [5, 5, 4]), (b"\x20\x02\x00\x05", [5, 5, 4])],
    ids=["refuses", "hangs-up", "answers-in-its-own-version"],
)
async def test_a_broker_that_is_too_old_is_spoken_to_in_its_version(
    mosquitto: Mosquitto, greeting: bytes, levels: list[int]
) -> None:
    async with old_broker(mosquitto, greeting) as (port, asked):
        async with running(port) as run, collect(mosquitto, f"{T}/response/#", f"{T}/availability") as seen:
            await run.until(lambda: bool(run.changes) and run.changes[-1].ok)
            assert run.changes[-1].detail == f"127.0.0.1:{port}, MQTT 3.1.1"
            assert asked == levels
            assert (await off(seen.next)).payload == b"online"
            await off(mosquitto.publish, f"{T}/say", '{"text": "old", "id": "o"}', response_topic="not/for/311")
            assert (await off(seen.next)).topic == f"{T}/response/o"
            await run.adapter.stop()
            assert (await off(seen.next)).payload == b"offline"


async def test_tls_with_the_right_authority_connects(make_mosquitto: MakeBroker) -> None:
    broker = make_mosquitto()
    await off(broker.use_tls)
    await off(broker.start)
    async with running(broker.port, host="localhost", tls=Tls(ca=str(broker.ca))) as run:
        async with collect(broker, f"{T}/response/#") as seen:
            payload = '{"text": "' + "long " * 800 + '", "id": "x"}'
            await off(broker.publish_all, [(f"{T}/say", payload)] * 20, 0)
            assert len(await off(seen.until, 20)) == 20
        assert len(run.assistant.said) == 20


async def test_tls_faults_say_what_is_wrong(make_mosquitto: MakeBroker, tmp_path: Path) -> None:
    broker = make_mosquitto()
    await off(broker.use_tls)
    await off(broker.start)
    other = await off(make_ca, tmp_path, "other")
    async with running(broker.port, wait=False, host="localhost", tls=Tls(ca=str(other))) as run:
        detail = await trouble(run)
        assert "not trusted" in detail
        assert "mqtt.tls.ca" in detail
    async with running(broker.port, wait=False, host="127.0.0.1", tls=Tls(ca=str(broker.ca))) as run:
        assert "is for another name" in await trouble(run)
    async with running(broker.port, wait=False, host="localhost") as run:
        assert "mqtt.tls.enabled" in await trouble(run)
    async with running(broker.port, wait=False, tls=Tls(ca=str(tmp_path / "none"))) as run:
        assert "mqtt.tls.ca" in await trouble(run)
    async with running(broker.port, wait=False, tls=Tls(cert=str(other), key=str(other))) as run:
        assert "mqtt.tls.cert" in await trouble(run)
    plain = make_mosquitto()
    await off(plain.start)
    async with running(plain.port, wait=False, host="localhost", tls=Tls(ca=str(broker.ca))) as run:
        assert "TLS" in await trouble(run)


async def test_a_client_certificate_lets_in(make_mosquitto: MakeBroker) -> None:
    broker = make_mosquitto()
    await off(broker.use_tls, client_certificates=True)
    certificate, key = await off(make_certificate, broker.folder, "ca", "client", "auricle")
    await off(broker.start)
    tls = Tls(ca=str(broker.ca), cert=str(certificate), key=str(key))
    async with running(broker.port, host="localhost", tls=tls) as run:
        assert run.adapter.connected
    async with running(broker.port, wait=False, host="localhost", tls=Tls(ca=str(broker.ca))) as run:
        detail = await trouble(run)
        assert "mqtt.tls.cert" in detail


async def test_two_with_one_client_id_are_told(mosquitto: Mosquitto) -> None:
    async with running(mosquitto.port) as first:
        async with running(mosquitto.port, wait=False):
            await first.until(lambda: len(first.changes) > 1)
            # Mosquitto before 2.1 hangs up on the first one without saying why.
            assert "client id 'auricle-attic'" in first.changes[1].detail


async def test_a_port_that_is_no_broker_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt_connection, "_READY_TIMEOUT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with running(silent.getsockname()[1], wait=False) as run:
            assert "took the connection but did not answer" in await trouble(run)


async def test_garbage_from_the_broker_is_survived() -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(bytes(range(256)) * 4)
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    async with running(server.sockets[0].getsockname()[1], wait=False) as run:
        await trouble(run)
        await asyncio.sleep(1.5)
        assert not run.adapter.connected
    server.close()
    await server.wait_closed()


async def test_a_request_in_hand_at_the_end_comes_again(mosquitto: Mosquitto) -> None:
    assistant = ScriptedAssistant()
    assistant.think.clear()
    async with running(mosquitto.port, assistant) as run:
        await off(mosquitto.publish, f"{T}/ask", '{"text": "first", "id": "f"}')
        await run.until(lambda: bool(assistant.asked))
    await off(mosquitto.publish, f"{T}/say", '{"text": "while away", "id": "w"}')
    async with collect(mosquitto, f"{T}/response/#") as seen:
        async with running(mosquitto.port) as run:
            answers = {message.topic for message in await off(seen.until, 2)}
            assert answers == {f"{T}/response/f", f"{T}/response/w"}
    async with running(mosquitto.port) as run:
        await asyncio.sleep(0.5)
        assert (run.assistant.asked, run.assistant.said) == ([], [])


async def test_more_than_can_be_taken_is_dropped_with_one_error(mosquitto: Mosquitto) -> None:
    async with running(mosquitto.port) as run, collect(mosquitto, f"{T}/error", f"{T}/response/last") as seen:
        # The event loop stands still, as under a fault, while the network goes on.
        mosquitto.publish_all([(f"{T}/say", "more")] * 1000, 0)
        time.sleep(4.0)
        assert parsed(await off(seen.next))["code"] == "queue_full"
        await off(mosquitto.publish, f"{T}/say", '{"text": "last", "id": "last"}')
        assert (await off(seen.next)).topic == f"{T}/response/last"
        assert 256 <= len(run.assistant.said) < 1000


async def test_every_answer_of_a_flood_comes(mosquitto: Mosquitto) -> None:
    # Each request has five messages of its own to tell: far more than the library would hold.
    async with running(mosquitto.port), collect(mosquitto, f"{T}/response/#") as seen:
        said = [(f"{T}/say", f'{{"text": "more", "id": "{number}"}}') for number in range(1000)]
        sending = asyncio.create_task(off(mosquitto.publish_all, said, 1))
        for _ in range(10):
            await asyncio.sleep(0.05)
            time.sleep(0.3)
        await sending
        answered = {message.topic for message in await off(seen.until, 1000)}
        assert answered == {f"{T}/response/{number}" for number in range(1000)}


async def test_stopping_is_quick_without_a_broker_and_with_one_that_hangs(mosquitto: Mosquitto) -> None:
    began_s = time.monotonic()
    async with running(free_port(), wait=False) as run:
        await trouble(run)
    async with running(mosquitto.port) as run:
        assert mosquitto.process is not None
        mosquitto.process.send_signal(signal.SIGSTOP)
        await run.adapter.stop()
        mosquitto.process.send_signal(signal.SIGCONT)
    async with collect(mosquitto, f"{T}/availability") as seen:
        assert (await off(seen.next)).payload == b"offline"
    assert time.monotonic() - began_s < 15


async def test_a_certificate_out_of_its_time_is_said_so_and_a_new_one_mends_it(
    make_mosquitto: MakeBroker, caplog: pytest.LogCaptureFixture
) -> None:
    broker = make_mosquitto()
    await off(broker.use_tls)
    good = (broker.folder / "server.crt").read_bytes()
    signed = ["openssl", "x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial"]
    expired = [*signed, "-days", "-1", "-extfile", "server.ext", "-out", "server.crt"]
    await off(subprocess.run, expired, cwd=broker.folder, check=True, capture_output=True)
    await off(broker.start)
    async with running(broker.port, wait=False, host="localhost", tls=Tls(ca=str(broker.ca))) as run:
        detail = await trouble(run)
        assert "out of its time" in detail
        assert detail in caplog.text
        (broker.folder / "server.crt").write_bytes(good)
        await off(broker.restart)
        await run.until(lambda: run.changes[-1].ok)


async def test_what_the_access_list_refuses_is_said_so_and_a_new_list_mends_it(
    make_mosquitto: MakeBroker, caplog: pytest.LogCaptureFixture
) -> None:
    broker = make_mosquitto()
    broker.add_user("house", PASSWORD)
    broker.use_acl("user house", f"topic read {T}/#")
    await off(broker.start)
    async with running(broker.port, username="house", password=PASSWORD) as run:
        await run.until(lambda: any(not change.ok for change in run.changes))
        detail = run.changes[-1].detail
        assert "check its access list" in detail
        assert caplog.text.count(detail) == 1
        (broker.folder / "acl").write_text("user house\ntopic readwrite auricle/#\n")
        await off(broker.restart)
        await run.until(lambda: run.changes[-1].ok)
