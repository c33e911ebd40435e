"""The daemon and the demo on sound files: the same pipeline without a sound server."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from auricle.testing.contracts import share_of_words
from support.clock import tells_the_hour
from support.voice import STEADY_ENV

pytestmark = pytest.mark.models

Speak = Callable[..., "np.ndarray"]
Read = Callable[["np.ndarray", int], str]


def auricle(*words: str | Path, cwd: Path, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    command = [sys.executable, "-m", "auricle", *map(str, words)]
    env = {**os.environ, **STEADY_ENV}
    return subprocess.run(command, cwd=cwd, env=env, input=stdin, capture_output=True, timeout=170, check=False)


def quiet(seconds: float) -> "np.ndarray":
    return np.random.default_rng(1).integers(-3, 4, int(seconds * 16_000)).astype(np.int16)


def config(folder: Path, device: str, pace: str = "fast") -> Path:
    path = folder / "config.toml"
    path.write_text(f'[audio.input]\ndevice = "{device}"\npace = "{pace}"\n[audio.output]\ndevice = "file:said.wav"\n')
    return path


def events(done: "subprocess.CompletedProcess[bytes]") -> list[tuple[str, dict[str, object]]]:
    assert done.returncode == 0, done.stderr.decode()
    return [(event["topic"], event["payload"]) for event in map(json.loads, done.stdout.decode().splitlines())]


def test_the_demo_answers_its_own_question(tmp_path: Path, read: Read) -> None:
    done = auricle("demo", cwd=tmp_path)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    for stage in ("wake word", "end of command", "transcript", "intent", "first sound", "reply spoken"):
        assert stage in done.stdout.decode()
    with soundfile.SoundFile(tmp_path / "reply.wav") as reply:
        assert (reply.samplerate, reply.channels, reply.subtype) == (24_000, 1, "PCM_16")
        assert tells_the_hour(read(reply.read(dtype="int16"), 24_000))


def test_the_demo_takes_a_recording_of_any_rate_and_channels(tmp_path: Path, speak: Speak) -> None:
    spoken = np.concatenate(
        [np.zeros(22_050, np.int16), speak("hey jarvis, what day is it?", 44_100), np.zeros(88_200, np.int16)]
    )
    soundfile.write(tmp_path / "day.flac", np.stack([spoken, spoken], axis=1), 44_100)
    done = auricle("demo", "day.flac", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    told = json.loads(done.stdout)
    assert told["complete"] is True
    assert [stage["stage"] for stage in told["stages"]][:3] == ["wake word", "end of command", "transcript"]


def test_a_recording_without_a_wake_word_fails_and_says_so(tmp_path: Path, speak: Speak) -> None:
    soundfile.write(tmp_path / "talk.wav", speak("what time is it?"), 16_000)
    done = auricle("demo", "talk.wav", cwd=tmp_path)
    assert done.returncode == 1
    assert "No wake word was heard" in done.stdout.decode()


@pytest.mark.parametrize("name", ["missing.wav", "text.wav"])
def test_a_recording_that_is_none_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "text.wav").write_text("this is no sound")
    done = auricle("demo", name, cwd=tmp_path)
    assert done.returncode == 1
    assert name in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()


def test_every_turn_of_a_file_is_taken_as_fast_as_it_goes(tmp_path: Path, speak: Speak) -> None:
    turns = [[speak(f"hey jarvis, {question}?"), quiet(1.5)] for question in ("what time is it", "what day is it")]
    soundfile.write(tmp_path / "two.wav", np.concatenate([quiet(1), *turns[0], *turns[1], *turns[0]]), 16_000)
    done = auricle("run", "--config", config(tmp_path, "file:two.wav"), "--events", "-", cwd=tmp_path)
    told = events(done)
    heard = [str(payload["text"]).lower() for topic, payload in told if topic == "transcript"]
    assert [" ".join(text.strip(" ?.").split()) for text in heard] == [
        "what time is it",
        "what day is it",
        "what time is it",
    ]
    assert [payload["handled_by"] for topic, payload in told if topic == "intent"] == ["clock"] * 3
    assert [payload["status"] for topic, payload in told if topic == "speech"] == ["queued", "started", "finished"] * 3


def test_raw_sound_on_standard_input_is_listened_to(tmp_path: Path, speak: Speak) -> None:
    sound = np.concatenate([quiet(1), speak("hey jarvis, what time is it?"), quiet(0.2)])
    done = auricle("run", "--config", config(tmp_path, "-"), "--events", "-", cwd=tmp_path, stdin=sound.tobytes())
    assert "what time is it" in str([payload for topic, payload in events(done) if topic == "transcript"]).lower()


def test_a_file_that_is_missing_ends_the_daemon_with_one_sentence(tmp_path: Path) -> None:
    done = auricle("run", "--config", config(tmp_path, "file:nowhere.wav"), cwd=tmp_path)
    assert done.returncode == 1
    assert [line for line in done.stderr.decode().splitlines() if "nowhere.wav" in line]
    assert "Traceback" not in done.stderr.decode()


def test_speech_goes_into_a_file_and_down_a_pipe(tmp_path: Path, read: Read) -> None:
    done = auricle("synthesize", "Turn on the light in the kitchen.", "-o", "out.wav", cwd=tmp_path)
    assert done.returncode == 0, done.stderr.decode()
    with soundfile.SoundFile(tmp_path / "out.wav") as out:
        assert (out.samplerate, out.channels, out.subtype) == (24_000, 1, "PCM_16")
        heard = read(out.read(dtype="int16"), 24_000)
        assert share_of_words("turn on the light in the kitchen", heard) >= 0.8, heard
    piped = auricle("synthesize", "Yes.", "-o", "-", cwd=tmp_path)
    assert piped.stdout[:4] == b"RIFF"
    assert len(piped.stdout) > 10_000


@pytest.mark.parametrize(
    ("words", "named", "status"),
    [
        (["", "-o", "x.wav"], "text", 2),
        (["hello", "-o", "no/such/folder/x.wav"], "no/such/folder/x.wav", 1),
        (["hello", "-o", "x.wav", "--speed", "9"], "speed", 2),
        (["hello", "-o", "x.wav", "--voice", "../../etc/passwd"], "voice", 1),
        (["\N{GRINNING FACE}", "-o", "x.wav"], "nothing in it that can be said", 1),
    ],
)
def test_what_cannot_be_synthesized_is_refused_by_name_and_an_older_file_stays(
    tmp_path: Path, words: list[str], named: str, status: int
) -> None:
    (tmp_path / "x.wav").write_bytes(b"older")
    done = auricle("synthesize", *words, cwd=tmp_path)
    assert done.returncode == status
    assert named in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()
    assert (tmp_path / "x.wav").read_bytes() == b"older"


def test_systemd_is_told_when_a_wake_word_would_be_heard_and_when_the_daemon_stops(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "quiet.wav", quiet(4), 16_000)  # longer than from the first sound to readiness
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(5)
        done = subprocess.run(
            [sys.executable, "-m", "auricle", "run", "--config", config(tmp_path, "file:quiet.wav", "real")],
            cwd=tmp_path,
            env={**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify")},
            capture_output=True,
            timeout=90,
            check=True,
        )
        assert b"listening for" in done.stderr
        told: list[str] = []
        while "STOPPING=1" not in told:
            told += systemd.recv(4096).decode().splitlines()
    states = [line for line in told if line in ("READY=1", "STOPPING=1")]
    assert states == ["READY=1", "STOPPING=1"]
    before = told[: told.index("READY=1")]
    assert any(line.startswith("EXTEND_TIMEOUT_USEC=") for line in before)
    assert any(line.startswith("STATUS=listening for hey jarvis") for line in told), told


@pytest.mark.timeout(400)
def test_bench_measures_every_topic(tmp_path: Path) -> None:
    done = auricle("bench", "--rounds", "1", "--seconds", "1", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr.decode()
    figures = json.loads(done.stdout)
    assert {name.split(":")[0] for name in figures} >= {
        "start to ready",
        "idle, silence",
        "idle, speech",
        "memory of worker faster_whisper",
        "memory of worker piper",
        "wake word's end to wake event",
        "last speech sample to transcript",
        "piper",
        "faster_whisper",
    }
    assert all(figure["median"] >= 0 and figure["unit"] is not None for figure in figures.values())
