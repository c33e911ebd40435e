"""`--events FILE`: JSON lines with the topics and payloads of MQTT, whatever becomes of the file."""

import asyncio
import contextlib
import json
import logging
import os
import select
import threading
from pathlib import Path

import pytest

from auricle.adapters.events_file import EventsFile
from auricle.model.errors import AuricleError
from auricle.model.events import (
    ErrorRaised,
    MuteSet,
    PartialHeard,
    SpeechChanged,
    StageChanged,
    TurnEnded,
    VolumeSet,
    WakeHeard,
)
from auricle.model.speech import SpeechStatus
from auricle.model.turn import Outcome, Stage
from support.scripted_assistant import ScriptedAssistant, transcribed


def events_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "auricle-events"]


async def test_each_event_is_a_line_with_its_topic_and_payload(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    assistant = ScriptedAssistant()
    events = EventsFile(assistant, str(path))
    await events.start()
    assistant.publish(WakeHeard(turn="t", wake_word="hey_jarvis", score=0.9, sample=16_000))
    assistant.publish(StageChanged(stage=Stage.LISTENING, turn="t"))
    assistant.publish(StageChanged(stage=Stage.LISTENING, turn="t"))
    assistant.publish(transcribed("t", "grüß dich"))
    assistant.publish(StageChanged(stage=Stage.IDLE))
    assistant.publish(TurnEnded(turn="t", outcome=Outcome.ANSWERED))
    assistant.publish(MuteSet(muted=True))
    assistant.publish(VolumeSet(volume=20))
    for status in (SpeechStatus.QUEUED, SpeechStatus.STARTED, SpeechStatus.FINISHED):
        assistant.publish(SpeechChanged(id="s", status=status, text="hi"))
    await events.stop()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["topic"] for line in lines] == [
        "wake",
        "state",
        "transcript",
        "state",
        "mute",
        "state",
        "volume",
        "speech",
        "speech",
        "state",
        "speech",
        "state",
    ]
    assert all(line.keys() == {"topic", "payload"} for line in lines)
    assert (lines[0]["payload"]["sample"], lines[2]["payload"]["text"]) == (16_000, "grüß dich")
    assert [line["payload"]["state"] for line in lines if line["topic"] == "state"] == [
        "listening",
        "idle",
        "muted",
        "speaking",
        "muted",
    ]
    assert (lines[4]["payload"], lines[6]["payload"]) == ("ON", 20)
    assert events_threads() == []


async def test_a_line_is_there_as_soon_as_its_event_happened(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"earlier": true}\n')
    assistant = ScriptedAssistant()
    events = EventsFile(assistant, str(path))
    await events.start()
    assistant.publish(PartialHeard(turn="t", text="turn"))
    async with asyncio.timeout(10):
        while len(path.read_text().splitlines()) < 2:
            await asyncio.sleep(0.02)
    assert path.read_text().endswith('{"topic":"partial","payload":{"turn":"t","text":"turn"}}\n')
    await events.stop()


async def test_a_dash_is_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    assistant = ScriptedAssistant()
    events = EventsFile(assistant, "-")
    await events.start()
    assistant.publish(PartialHeard(turn="t", text="turn"))
    await events.stop()
    assert capfd.readouterr().out == '{"topic":"partial","payload":{"turn":"t","text":"turn"}}\n'
    print("standard output is still open")
    assert "still open" in capfd.readouterr().out


async def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(AuricleError, match="missing/events"):
        await EventsFile(ScriptedAssistant(), str(tmp_path / "missing/events")).start()
    assert events_threads() == []


async def test_a_full_disk_is_logged_once_and_survived(caplog: pytest.LogCaptureFixture) -> None:
    assistant = ScriptedAssistant()
    events = EventsFile(assistant, "/dev/full")
    await events.start()
    for _ in range(5):
        assistant.publish(PartialHeard(turn="t", text="turn"))
    await events.stop()
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "/dev/full" in record.getMessage()
    assert "No space left" in record.getMessage()


async def test_a_reader_that_goes_away_is_logged_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()
    assistant = ScriptedAssistant()
    events = EventsFile(assistant, f"/dev/fd/{writing}")
    await events.start()
    # A FIFO opened by name is opened for reading too; standard output that is a pipe is not.
    monkeypatch.setattr(events, "_fd", os.dup2(writing, events._fd))
    os.close(writing)
    assistant.publish(PartialHeard(turn="t", text="one"))
    readable, _, _ = await asyncio.to_thread(select.select, [reading], [], [], 10.0)
    assert readable
    assert b'"text":"one"' in os.read(reading, 4096)
    os.close(reading)
    for _ in range(5):
        assistant.publish(PartialHeard(turn="t", text="two"))
    await events.stop()
    (record,) = caplog.records
    assert "Broken pipe" in record.getMessage()


async def test_a_reader_that_sleeps_holds_nothing_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    assistant = ScriptedAssistant()
    events = EventsFile(assistant, str(fifo))
    await events.start()
    for n in range(3000):
        assistant.publish(ErrorRaised(code="x", message="y" * 200, id=str(n)))
        if n % 200 == 0:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.3)
    async with asyncio.timeout(10):
        await events.stop()
    assert len([record for record in caplog.records if "dropping" in record.getMessage()]) == 1
    assert events_threads() == []


async def test_an_event_is_confirmed_when_it_is_written_and_not_before(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    assistant = ScriptedAssistant()
    events = EventsFile(assistant, str(fifo))
    await events.start()
    reading = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    told: list[str] = []
    for number in range(40):  # more than the pipe has room for
        event = SpeechChanged(id=str(number), status=SpeechStatus.FINISHED, text="y" * 4000)
        assistant.bus.publish(event, lambda id=event.id: told.append(id))
    async with asyncio.timeout(20):
        while not told:
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)
        assert 0 < len(told) < 40
        while len(told) < 40:
            with contextlib.suppress(BlockingIOError):
                os.read(reading, 65_536)
            await asyncio.sleep(0.01)
    assert told == [str(number) for number in range(40)]
    os.close(reading)
    await events.stop()


async def test_after_a_crash_in_the_middle_of_a_line_the_next_is_one_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"earlier": true}\n{"topic":"spe')
    assistant = ScriptedAssistant()
    events = EventsFile(assistant, str(path))
    await events.start()
    assistant.publish(PartialHeard(turn="t", text="turn"))
    await events.stop()
    assert path.read_text().splitlines()[1:] == [
        '{"topic":"spe',
        '{"topic":"partial","payload":{"turn":"t","text":"turn"}}',
    ]
