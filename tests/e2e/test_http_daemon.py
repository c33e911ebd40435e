"""HTTP of a real daemon: OpenAI's own client, a spoken turn in the metrics, reload, and a stop with work in hand."""

import contextlib
import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import openai
import pytest
import soundfile
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from support.daemon import RunningDaemon, running_daemon
from support.mosquitto import free_port

pytestmark = [pytest.mark.models]

Speak = Callable[..., "np.ndarray"]
TOKEN = "a-token-of-the-test"
CONFIG = """
[site]
id = "den"
[audio.input]
device = "file:{sound}"
pace = "real"
[audio.output]
device = "null"
[dbus]
bus = "off"
[http]
bind = "127.0.0.1:{port}"
token_file = "{token}"
"""


class Caller:
    """Asks one daemon over HTTP."""

    def __init__(self, port: int, token: str = TOKEN) -> None:
        self.port = port
        self.token = token

    def get(self, path: str, *, accept: str = "*/*") -> tuple[int, str]:
        asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            asked.request("GET", path, headers={"Authorization": f"Bearer {self.token}", "Accept": accept})
            answer = asked.getresponse()
            return answer.status, answer.read().decode()
        finally:
            asked.close()

    def listens(self) -> bool:
        try:
            self.get("/healthz")
        except ConnectionRefusedError:
            return False
        return True

    def metrics(self) -> Mapping[tuple[str, tuple[str, ...]], float]:
        status, text = self.get("/metrics", accept="application/openmetrics-text; version=1.0.0")
        assert status == 200
        return {
            (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def openai(self) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"http://127.0.0.1:{self.port}/v1", api_key=self.token, max_retries=0)


@pytest.fixture
def make_config(tmp_path: Path) -> Callable[[int, Path], str]:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    return lambda port, sound: CONFIG.format(port=port, sound=sound, token=tmp_path / "token")


@pytest.fixture
def quiet(tmp_path: Path) -> Path:
    path = tmp_path / "quiet.wav"
    soundfile.write(path, np.random.default_rng(1).integers(-3, 4, 16_000 * 600).astype(np.int16), 16_000)
    return path


@pytest.fixture
def den(tmp_path: Path, make_config: Callable[[int, Path], str], quiet: Path) -> Iterator[tuple[RunningDaemon, Caller]]:
    port = free_port()
    (tmp_path / "daemon").mkdir()
    with running_daemon(tmp_path / "daemon", make_config(port, quiet)) as daemon:
        yield daemon, Caller(port)


def logged(daemon: RunningDaemon, text: str) -> str:
    until_s = time.monotonic() + 60
    while time.monotonic() < until_s:
        if lines := [line for line in daemon.log_path.read_text().splitlines() if text in line]:
            return lines[-1]
        time.sleep(0.05)
    raise AssertionError(f"no {text}\n{daemon.story()}")


def reloaded(daemon: RunningDaemon, text: str) -> str:
    """The next line with `text` in it that a reload writes; a daemon that still starts is asked again."""
    before = len(daemon.log_path.read_text())
    until_s = time.monotonic() + 60
    daemon.process.send_signal(signal.SIGHUP)
    while time.monotonic() < until_s:
        lines = daemon.log_path.read_text()[before:].splitlines()
        if found := [line for line in lines if text in line]:
            return found[-1]
        if lines and lines[-1].endswith("not reloaded: still starting"):
            daemon.process.send_signal(signal.SIGHUP)
        time.sleep(0.1)
    raise AssertionError(f"no {text}\n{daemon.story()}")


def test_a_spoken_turn_is_in_the_metrics(tmp_path: Path, make_config: Callable[[int, Path], str], speak: Speak) -> None:
    port, path = free_port(), tmp_path / "question.wav"
    quiet = np.random.default_rng(1).integers(-3, 4, 16_000 * 120).astype(np.int16)
    soundfile.write(path, np.concatenate([quiet[:8000], speak("hey jarvis, what time is it?"), quiet]), 16_000)
    (tmp_path / "daemon").mkdir()
    with running_daemon(tmp_path / "daemon", make_config(port, path)) as daemon:
        caller = Caller(port)
        daemon.wait("speech", lambda speech: speech["status"] == "finished", timeout_s=60)
        daemon.wait("state", lambda state: state["state"] == "idle")
        found = caller.metrics()
        rtf = "auricle_engine_real_time_factor_ratio"
        while not {(rtf, ("piper", "tts")), (rtf, ("faster_whisper", "stt"))} <= found.keys():
            time.sleep(0.2)  # engines tell it now and then
            found = caller.metrics()
        assert caller.get("/healthz")[0] == 200
    assert found["auricle_wakes_total", ("hey_jarvis",)] == 1
    assert found["auricle_turns_total", ("answered",)] == 1
    assert found["auricle_intents_total", ("clock",)] == 1
    assert found["auricle_speech_total", ("finished",)] == 1
    for stage in ("wake", "transcript", "decode", "intent", "reply", "first_audio"):
        assert found["auricle_stage_seconds_count", (stage,)] == 1, stage
        assert found["auricle_stage_seconds_sum", (stage,)] > 0, stage
    told = {payload["latency_ms"] / 1000 for topic, payload in daemon.events if topic == "transcript"}
    assert {round(found["auricle_stage_seconds_sum", ("transcript",)], 4)} == {round(one, 4) for one in told}
    assert found["auricle_recent_stage_seconds", ("0.5", "transcript")] in told
    assert found["auricle_speculations_total", ("started",)] >= 1
    for name, kind in (("faster_whisper", "stt"), ("piper", "tts")):
        assert found["auricle_engine_state", (name, kind, "ready")] == 1
        assert found["auricle_engine_resident_memory_bytes", (name, kind)] > 30e6
        assert found["auricle_engine_requests_total", (name, kind)] >= 1
        assert found[rtf, (name, kind)] > 0
    assert found["auricle_plugin_state", ("clock", "active")] == 1
    assert found["auricle_component_up", ("microphone",)] == 1
    assert found["auricle_healthy", ()] == 1


def test_openai_s_own_client_speaks_and_listens(den: tuple[RunningDaemon, Caller], tmp_path: Path) -> None:
    _, caller = den
    client = caller.openai()
    text = "The washing machine has finished."
    for response_format in ("wav", "mp3", "flac", "opus"):
        path = tmp_path / f"said.{response_format}"
        with client.audio.speech.with_streaming_response.create(
            model="tts-1", voice="alloy", input=text, response_format=response_format
        ) as said:
            said.stream_to_file(path)
        with path.open("rb") as file:
            heard = client.audio.transcriptions.create(model="whisper-1", file=file)
        assert "washing machine" in heard.text.lower(), (response_format, heard.text)
    pcm = client.audio.speech.create(model="tts-1", voice="alloy", input=text, response_format="pcm", speed=2).content
    assert 12_000 < len(pcm) / 2 < 24_000 * 2
    spoken, rate_hz = soundfile.read(tmp_path / "said.flac", dtype="int16")
    assert rate_hz == 24_000
    long = tmp_path / "long.wav"
    twice = [np.zeros(48_000, np.int16), spoken, np.zeros(96_000, np.int16), spoken]
    soundfile.write(long, np.concatenate(twice), 24_000)
    with long.open("rb") as file:
        told = client.audio.transcriptions.create(model="whisper-1", file=file, response_format="verbose_json")
    assert told.text.lower().count("washing machine") == 2
    assert told.segments is not None
    first, second = told.segments
    assert 1.5 < first.start < 2.5
    assert second.start - first.start > 4
    with long.open("rb") as file:
        subtitles = client.audio.transcriptions.create(model="whisper-1", file=file, response_format="srt")
    assert subtitles.startswith("1\n00:00:0")
    assert subtitles.lower().count("washing machine") == 2
    longest = tmp_path / "longest.flac"
    soundfile.write(longest, np.concatenate(twice * 20), 24_000)
    done: list[str] = []

    def listen(path: Path) -> None:
        heard = client.audio.transcriptions.create(model="whisper-1", file=path)
        assert "washing machine" in heard.text.lower()
        done.append(path.name)

    slow = threading.Thread(target=listen, args=[longest])
    slow.start()
    while caller.metrics()["auricle_http_requests_in_hand", ()] < 1:
        time.sleep(0.02)
    listen(tmp_path / "said.wav")  # does not wait for all of what was asked before it
    slow.join(120)
    assert done == ["said.wav", "longest.flac"]


def test_openai_s_own_client_is_told_what_is_wrong(den: tuple[RunningDaemon, Caller]) -> None:
    daemon, caller = den
    client = caller.openai()
    with pytest.raises(openai.BadRequestError) as refused:
        client.audio.speech.create(model="tts-1", voice="nobody at all", input="Hello.")
    assert refused.value.param == "voice", refused.value
    assert "nobody at all" in refused.value.message
    with pytest.raises(openai.BadRequestError) as refused:
        client.audio.speech.create(model="tts-1", voice="alloy", input="Hello.", speed=3)
    assert refused.value.param == "speed"
    with pytest.raises(openai.BadRequestError) as refused:
        client.audio.transcriptions.create(model="whisper-1", file=("x.wav", b"no sound at all"))
    assert refused.value.param == "file"
    with pytest.raises(openai.AuthenticationError):
        Caller(caller.port, "wrong").openai().audio.speech.create(model="tts-1", voice="alloy", input="Hello.")
    assert json.loads(caller.get("/healthz")[1])["status"] == "ok"
    assert "Traceback" not in daemon.log_path.read_text()


def test_the_health_follows_an_engine_that_dies_and_a_daemon_that_starts(den: tuple[RunningDaemon, Caller]) -> None:
    daemon, caller = den

    def statuses(last: str) -> list[str]:
        """The different answers up to `last`, which is not the first."""
        seen: list[str] = []
        until_s = time.monotonic() + 60
        while time.monotonic() < until_s and (len(seen) < 2 or seen[-1] != last):
            with contextlib.suppress(ConnectionError):
                status, told = caller.get("/healthz")
                assert (status == 200) == (json.loads(told)["status"] == "ok")
                if seen[-1:] != [json.loads(told)["status"]]:
                    seen.append(json.loads(told)["status"])
            time.sleep(0.02)
        return seen

    daemon.worker("piper").kill()
    assert statuses("ok")[-2:] == ["degraded", "ok"]
    daemon.kill_and_start()
    assert statuses("ok")[-2:] == ["starting", "ok"]


def test_the_address_and_the_token_change_by_a_reload(
    den: tuple[RunningDaemon, Caller], tmp_path: Path, make_config: Callable[[int, Path], str], quiet: Path
) -> None:
    daemon, caller = den
    doctor = [sys.executable, "-m", "auricle", "--config", str(daemon.config_path), "doctor", "--only", "http"]
    told = subprocess.run(doctor, env=daemon.env, capture_output=True, text=True, timeout=60, check=True).stdout
    assert f"HTTP: 127.0.0.1:{caller.port} answers, and is well" in told
    port = free_port()
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        daemon.config_path.write_text(make_config(port, quiet))
        refused = reloaded(daemon, "not reloaded, the old settings stay")
        assert f"http.bind: 127.0.0.1:{port} is in use" in refused
        assert caller.get("/metrics")[0] == 200
    (tmp_path / "token").write_text("another-token\n")
    assert "http.bind" in reloaded(daemon, "reloaded /")
    moved = Caller(port, "another-token")
    assert moved.get("/metrics")[0] == 200
    assert Caller(port).get("/metrics")[0] == 401
    with pytest.raises(ConnectionRefusedError):
        caller.get("/metrics")
    assert moved.metrics()["auricle_http_requests_total", ("/metrics", "200")] == 2  # they go on counting
    daemon.config_path.write_text(make_config(port, quiet).replace("bind =", "# bind ="))
    daemon.process.send_signal(signal.SIGHUP)
    while moved.listens():
        time.sleep(0.05)


def test_a_port_that_is_taken_is_named_and_the_daemon_goes_on(
    tmp_path: Path, make_config: Callable[[int, Path], str], quiet: Path
) -> None:
    port = free_port()
    (tmp_path / "daemon").mkdir()
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        with running_daemon(tmp_path / "daemon", make_config(port, quiet)) as daemon:
            assert f"HTTP is off: http.bind: 127.0.0.1:{port} is in use" in logged(daemon, "HTTP is off")
            other.close()
            logged(daemon, "HTTP: listening on")
            assert Caller(port).get("/healthz")[0] == 200


def test_a_stop_with_work_in_hand_answers_it_and_ends_soon(den: tuple[RunningDaemon, Caller]) -> None:
    daemon, caller = den
    body = json.dumps({"input": "This goes on for quite a while. " * 120, "response_format": "mp3"})
    answers: list[tuple[int, str]] = []

    def ask() -> None:
        asked = http.client.HTTPConnection("127.0.0.1", caller.port, timeout=60)
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        asked.request("POST", "/v1/audio/speech", body, headers)
        answer = asked.getresponse()
        answers.append((answer.status, answer.read().decode(errors="replace")))
        asked.close()

    callers = [threading.Thread(target=ask) for _ in range(4)]
    for thread in callers:
        thread.start()
    while caller.metrics()["auricle_http_requests_in_hand", ()] < 4:
        time.sleep(0.05)
    assert daemon.stop(signal.SIGINT) == 130
    for thread in callers:
        thread.join(20)
        assert not thread.is_alive()
    assert [status for status, _ in answers] == [503] * 4
    assert json.loads(answers[0][1])["error"]["code"] == "stopping"
