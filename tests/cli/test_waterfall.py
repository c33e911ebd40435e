"""A turn as a waterfall, and the times of many turns."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest

from auricle.cli.main import main
from auricle.cli.status import lines
from auricle.cli.waterfall import bars, svg, text
from auricle.model.audio import AudioFrame
from auricle.model.events import IntentHandled, SpeechChanged, Transcribed, TurnEnded
from auricle.model.speech import SpeechStatus
from auricle.model.turn import Outcome
from auricle.overview import Overview
from auricle.status import Status
from auricle.testing.fakes import silence
from auricle.traces import Step, Trace, Traces

AT = datetime(2026, 11, 1, tzinfo=UTC)


def step(stage: str, after_ms: float, given: dict[str, object] | None = None, **decision: object) -> Step:
    return Step(stage=stage, after_ms=after_ms, input=given or {}, decision=decision)


TURN = Trace(
    turn="t<1>",
    site="den",
    at=AT,
    outcome="answered",
    wake_word="hey_jarvis",
    listens_from=16_000,
    steps=(
        step("wake", 0, wake_word="hey_jarvis", score=0.9, sample=16_000),
        step("speculate", 1100, {"last_sample": 31_999}, status="started"),
        step("speculate", 1300, {"last_sample": 31_999}, status="cancelled"),
        step("speculate", 2100, {"last_sample": 47_999}, status="started"),
        step("endpoint", 2300, first_sample=24_000, last_sample=47_999, reason="silence"),
        step("speculate", 2350, {"last_sample": 47_999}, status="hit", standing="whole"),
        step("transcribe", 2360, {"last_sample": 47_999}, text="what time is it", latency_ms=410.0),
        step("intent", 2370, name="time"),
        step("speech", 2371, status="queued"),
        step("speech", 2450, status="started"),
        step("speech", 3450, status="finished"),
    ),
)


def test_speech_and_pauses_are_where_they_are_in_the_sound() -> None:
    found = [(bar.name, round(bar.from_ms), round(bar.to_ms)) for bar in bars(TURN)]
    assert found == [
        ("wake", 0, 50),
        ("speech", 500, 2000),
        ("pause", 1000, 1150),
        ("speculation", 1150, 1350),
        ("pause", 2000, 2150),
        ("speculation", 2150, 2400),
        ("end of speech", 2000, 2350),
        ("transcript", 2350, 2410),
        ("intent", 2410, 2420),
        ("first sound", 2420, 2500),
        ("reply", 2500, 3500),
    ]


def test_the_terminal_and_the_picture_show_every_bar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = list(text(TURN, 100))
    assert len(drawn) == len(bars(TURN))
    assert all(len(line) <= 100 for line in drawn)
    speech = next(line for line in drawn if line.startswith("speech"))
    assert speech.count("#") == pytest.approx(54 * 1500 / 3500, abs=1)
    picture = ElementTree.fromstring(svg(TURN))
    assert len(picture.findall(".//{http://www.w3.org/2000/svg}title")) == len(bars(TURN))
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    Traces(tmp_path / "traces", days=1e6).write(TURN, AudioFrame(silence(1.0), 0))
    assert main(["trace", "show", "last", "--plot", "-o", str(tmp_path / "turn.svg")]) == 0
    assert (tmp_path / "turn.svg").read_text() == svg(TURN)
    assert main(["trace", "show", "last", "--plot"]) == 0
    assert "speculation (hit whole" in capsys.readouterr().out
    assert main(["trace", "show", "last", "--plot", "-o", str(tmp_path / "turn.png")]) == 1
    assert "turn.png: the picture is an SVG" in capsys.readouterr().err
    assert not (tmp_path / "turn.png").exists()


def test_a_turn_of_which_nothing_was_heard_is_drawn_too() -> None:
    short = Trace(turn="t", site="den", at=AT, outcome="nothing_heard", steps=TURN.steps[:1])
    assert [bar.name for bar in bars(short)] == ["wake"]
    assert list(text(Trace(turn="t", site="den", at=AT, outcome="failed"))) == []


def test_status_has_the_median_and_the_95th_percentile_of_each_stage() -> None:
    overview = Overview(Status())
    for number in range(1, 101):
        turn = str(number)
        overview.observe(
            Transcribed(
                turn=turn,
                text="x",
                language=None,
                confidence=None,
                wake_word=None,
                audio_s=1.0,
                first_sample=0,
                last_sample=1,
                latency_ms=float(number),
                at=AT,
            )
        )
        overview.observe(IntentHandled(turn=turn, name="n", slots={}, text="x", handled_by="p", reply="r", at=AT))
        overview.observe(
            SpeechChanged(id=turn, status=SpeechStatus.STARTED, text="r", turn=turn, at=AT + timedelta(seconds=0.2))
        )
        overview.observe(TurnEnded(turn=turn, outcome=Outcome.ANSWERED))
    found = overview.told()["percentiles_ms"]
    assert isinstance(found, dict)
    assert found["transcript"] == {"median": 50.0, "p95": 95.0, "turns": 100}
    assert found["end of speech to reply"]["median"] == 250.0
    told = {"site": "den", "version": "1", "bus": "session", "percentiles_ms": found}
    assert "  transcript              50.0 ms, 95.0 ms (100 turns)" in list(lines(told))
