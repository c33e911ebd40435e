"""Debug recording: what is kept, for whom, and that a recorded turn can be run again."""

import json
import os
import stat
import subprocess
import sys
import time
import wave
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from auricle.cli.main import main
from auricle.cli.trace import differences
from auricle.model.audio import AudioFrame
from auricle.pipeline.overheard import Overheard
from auricle.testing.fakes import ScriptedSource, silence
from auricle.traces import Step, Trace, Traces
from support.voice import STEADY_ENV

Speak = Callable[..., "np.ndarray"]


def quiet(seconds: float) -> "np.ndarray":
    return np.random.default_rng(1).integers(-3, 4, int(seconds * 16_000)).astype(np.int16)


def auricle(*words: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    env = {**os.environ, **STEADY_ENV, "XDG_STATE_HOME": str(folder / "state"), "XDG_CACHE_HOME": str(folder / "cache")}
    command = [sys.executable, "-m", "auricle", "--config", str(folder / "config.toml"), *words]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120, check=False)


def configure(folder: Path, record: str, more: str = "", *, pace: str = "real") -> None:
    (folder / "config.toml").write_text(
        f'[audio.input]\ndevice = "file:{folder}/house.wav"\npace = "{pace}"\n[audio.output]\ndevice = "null"\n'
        f'[listen]\nchime = false\npatience_s = 1.5\n[privacy]\nrecord = "{record}"\n{more}'
    )


def told(done: "subprocess.CompletedProcess[str]") -> Any:
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


@pytest.mark.models
@pytest.mark.timeout(300)
def test_turns_are_kept_for_their_owner_and_replayed(tmp_path: Path, speak: Speak) -> None:
    asked, called = speak("hey jarvis, what time is it?"), speak("hey jarvis")
    soundfile.write(tmp_path / "house.wav", np.concatenate([quiet(3.5), asked, quiet(4), called, quiet(3)]), 16_000)
    configure(tmp_path, "all")
    done = auricle("run", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    kept = sorted((tmp_path / "state/auricle/traces").iterdir())
    assert [path.suffix for path in kept] == [".json", ".wav"] * 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}
    assert stat.S_IMODE(kept[0].parent.stat().st_mode) == 0o700

    listed = told(auricle("trace", "list", "--json", folder=tmp_path))
    assert [turn["outcome"] for turn in listed] == ["answered", "nothing_heard"]
    assert "what time is it" in listed[0]["text"].lower()

    trace = told(auricle("trace", "show", listed[0]["turn"], "--json", folder=tmp_path))
    stages = [step["stage"] for step in trace["steps"]]
    for stage in ("wake", "endpoint", "transcribe", "understand", "intent", "speech", "end"):
        assert stage in stages, stages
    understood = next(step["decision"] for step in trace["steps"] if step["stage"] == "understand")
    assert (understood["how"], understood["candidates"]) == ("words", [])
    assert [step["after_ms"] for step in trace["steps"]] == sorted(step["after_ms"] for step in trace["steps"])
    ended = next(step["decision"] for step in trace["steps"] if step["stage"] == "endpoint")
    with wave.open(str(kept[1])) as wav:
        assert wav.getparams()[:3] == (1, 2, 16_000)
        recorded = np.frombuffer(wav.readframes(wav.getnframes()), np.int16)
    house, _ = soundfile.read(tmp_path / "house.wav", dtype="int16")
    first = trace["first_sample"]
    assert len(recorded) == trace["samples"]
    assert np.array_equal(recorded, house[first : first + len(recorded)])
    assert first + len(recorded) > ended["last_sample"]
    assert first <= trace["steps"][0]["decision"]["sample"] - 2 * 16_000

    same = auricle("trace", "replay", listed[0]["turn"], "--json", folder=tmp_path)
    assert told(same)["differences"] == {}, same.stdout
    assert same.returncode == 0

    configure(tmp_path, "all", '[wake]\nwords = [{ model = "alexa" }]\n')
    other = auricle("trace", "replay", listed[0]["turn"], folder=tmp_path)
    assert other.returncode == 1
    assert "wake.wake_word" in other.stdout
    assert "hey_jarvis" in other.stdout


@pytest.mark.models
def test_only_wake_words_that_led_to_nothing_are_kept_if_asked_for(tmp_path: Path, speak: Speak) -> None:
    asked, called = speak("hey jarvis, what time is it?"), speak("hey jarvis")
    soundfile.write(tmp_path / "house.wav", np.concatenate([quiet(3.5), asked, quiet(4), called, quiet(3)]), 16_000)
    configure(tmp_path, "false_wakes", pace="fast")
    assert auricle("run", folder=tmp_path).returncode == 0
    listed = told(auricle("trace", "list", "--json", folder=tmp_path))
    assert [turn["outcome"] for turn in listed] == ["nothing_heard"]


def trace(turn: str, at: datetime, **decision: object) -> Trace:
    return Trace(
        turn=turn, site="den", at=at, outcome="answered", steps=(Step(stage="intent", after_ms=1, decision=decision),)
    )


def test_the_oldest_go_first_and_nothing_stays_for_long(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    traces = Traces(tmp_path, days=2, limit_bytes=70_000)
    sound = AudioFrame(silence(1.0), 0)
    paths = [traces.write(trace(f"t{n}", now + timedelta(seconds=n)), sound) for n in range(3)]
    assert [one.turn for _, one in traces.all()] == ["t1", "t2"]
    assert not paths[0].with_suffix(".wav").exists()
    os.utime(paths[1], (time.time() - 3 * 86_400,) * 2)
    traces.tidy()
    assert [one.turn for _, one in traces.all()] == ["t2"]


def test_what_it_sounded_like_is_shown_with_both_scores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    candidates = [
        {"sentence": sentence, "plugin": "coffee", "intent": "order", "slots": {}, "distance": 0.07, "likelihood": said}
        for sentence, said in (("a latte", -8.94), ("a mocha", -12.5), ("a coffee", None), ("an espresso", None))
    ]
    decision = {"how": "sound", "reason": "near enough", "verdict": "taken", "candidates": candidates}
    step = Step(stage="understand", after_ms=1, decision=decision)
    kept = Trace(turn="t", site="den", at=datetime.now(UTC), outcome="answered", steps=(step,))
    Traces(tmp_path / "auricle" / "traces").write(kept, AudioFrame(silence(0.1), 0))
    (tmp_path / "config.toml").touch()
    assert main(["trace", "--config", str(tmp_path / "config.toml"), "show", "last"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert (
        "near enough, verdict taken, candidates a latte (0.07, -8.94); a mocha (0.07, -12.5); a coffee (0.07)" in shown
    )
    assert "espresso" not in shown


def test_what_differs_is_named_and_small_shifts_are_not() -> None:
    now = datetime.now(UTC)
    then = trace("a", now, name="lamp", slots={"room": "den"}, score=0.9)
    assert differences(then, trace("a", now, name="lamp", slots={"room": "den"}, score=0.92)) == {}
    assert differences(then, trace("a", now, name="lamp", slots={"room": "hall"}, score=0.9)) == {
        "intent.slots": ({"room": "den"}, {"room": "hall"})
    }


def test_muted_sound_is_not_remembered() -> None:
    muted = [False]
    overheard = Overheard(ScriptedSource(b"\x01\x00" * 16_000), lambda: muted[0])
    first = overheard.take(1)
    assert first is not None
    assert overheard.since(0).pcm == first.pcm
    muted[0] = True
    overheard.take(1)
    assert overheard.since(0).pcm == b""
