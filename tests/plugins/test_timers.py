"""Timers and alarms: set, named, added to, cancelled, told of, rung, and kept through kill -9 and clock changes."""

import json
import multiprocessing
import os
import re
import signal
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from auricle.api import StopAsked, TimerChanged, WakeHeard
from auricle.testing.harness import Harness
from auricle_timers import Timers
from auricle_timers.book import Book, Entry, boot_id, steady_s


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Harness]:
    with Harness(Timers, data_dir=tmp_path, near_miss=1.0) as harness:
        yield harness
        assert harness.faults == []


def changes(house: Harness, status: str) -> list[TimerChanged]:
    return [event for event in house.house.events if isinstance(event, TimerChanged) and event.status == status]


@pytest.mark.parametrize(
    ("text", "length_s", "name"),
    [
        ("set a timer for five minutes", 300, ""),
        ("Set a 5-minute timer.", 300, ""),
        ("Start a pasta timer for 10 minutes and 30 seconds", 630, "pasta"),
        ("set a timer for an hour and a half called bread", 5400, "bread"),
        ("set a ten minute timer for the eggs", 600, "eggs"),
        ("Please create another timer for 90 seconds.", 90, ""),
        ("wake me in half an hour", 1800, ""),
        ("timer 3 minutes", 180, ""),
    ],
)
def test_timer_is_set_as_it_was_said(house: Harness, text: str, length_s: float, name: str) -> None:
    heard = house.say(text)
    assert heard.intent == "set_timer", heard
    (started,) = changes(house, "started")
    assert started.name == name
    assert started.remaining_s == pytest.approx(length_s, abs=1)


@pytest.mark.parametrize(
    ("language", "text", "reply"),
    [
        ("de", "stelle einen Timer auf fünf Minuten", "Timer auf 5 Minuten, ab jetzt."),
        ("fr", "mets un minuteur de dix minutes", "Minuteur de 10 minutes, c'est parti."),
        ("es", "pon un temporizador de media hora", "Temporizador de 30 minutos, empieza ya."),
        ("de", "wecke mich morgen um sieben Uhr dreißig", "Wecker gestellt auf 7 Uhr 30 morgen."),
        ("fr", "réveille-moi demain à sept heures", "Réveil réglé pour 7 heures demain."),
        ("es", "despiértame mañana a las siete y media", "Alarma puesta para las 7 y 30 mañana."),
    ],
)
def test_other_languages(tmp_path: Path, language: str, text: str, reply: str) -> None:
    with Harness(Timers, data_dir=tmp_path, language=language, near_miss=1.0) as house:
        assert house.say(text) == reply


def test_missing_length_is_asked_for(house: Harness) -> None:
    heard = house.say("set a timer")
    assert heard == "For how long?"
    assert heard.asks is not None
    assert heard.asks.kind == "duration"


def test_several_timers_are_told_apart(house: Harness) -> None:
    house.say("set a pasta timer for ten minutes")
    house.say("set a bread timer for an hour")
    assert house.say("how long is left on the pasta timer") == "10 minutes left on the pasta timer."
    assert "1 hour" in house.say("how much time is left on the bread timer")
    assert house.say("what timers are running").text.count("left on") == 2
    assert house.say("add five minutes to the pasta timer") == "5 minutes added. 15 minutes left."
    heard = house.say("cancel the timer")
    assert heard == "Which one: pasta and bread?"
    assert heard.asks is not None
    assert set(heard.asks.choices) == {"pasta", "bread"}
    assert house.say("cancel the bread timer") == "The bread timer cancelled."
    assert house.say("cancel the soup timer") == "There is no soup timer."
    assert house.say("cancel all timers") == "1 timers cancelled."
    assert house.say("list my timers") == "There is no timer running."
    assert [event.name for event in changes(house, "cancelled")] == ["bread", "pasta"]


def test_timer_rings_in_time_until_somebody_says_stop(house: Harness) -> None:
    house.say("set a tea timer for one second")
    house.until(lambda: changes(house, "finished"))
    (began,), (ended,) = changes(house, "started"), changes(house, "finished")
    assert (ended.at - began.at).total_seconds() == pytest.approx(1.0, abs=0.2)
    house.until(lambda: len(house.said) >= 2)
    request = house.house.said[0]
    assert (request.text, request.priority.name, request.chime) == ("The tea timer is done.", "ALARM", True)
    house.tell(StopAsked())
    time.sleep(0.3)
    rung = len(house.said)
    time.sleep(2.5)
    assert len(house.said) == rung
    assert house.say("stop the timer") == "Okay."


def test_wake_word_silences_what_rings(house: Harness) -> None:
    house.say("set a timer for one second")
    house.until(lambda: house.said)
    house.tell(WakeHeard(turn="t", wake_word="hey_jarvis", score=0.9, sample=0))
    time.sleep(0.2)
    rung = len(house.said)
    time.sleep(2.3)
    assert len(house.said) == rung


@pytest.mark.parametrize(
    ("text", "hour", "days_ahead"),
    [
        ("set an alarm for 7 a.m.", 7, 1),
        ("set an alarm for seven thirty", 19, 0),
        ("wake me at 6 tomorrow", 6, 1),
        ("wake me up tomorrow at half past six", 6, 1),
        ("set an alarm for friday at noon", 12, 1),
        ("set an alarm every weekday at 6:45", 6, 1),
        ("wake me every sunday at nine in the morning", 9, 3),
    ],
)
def test_alarm_is_for_the_time_that_was_said(
    house: Harness, tmp_path: Path, text: str, hour: int, days_ahead: int
) -> None:
    thursday = datetime(2026, 11, 26, 15, 0).astimezone()
    house.offset = thursday - datetime.now().astimezone()
    heard = house.say(text)
    assert heard.text.startswith("Alarm set for "), heard
    book = Book(tmp_path / "timers" / "timers.sqlite")
    (entry,) = book.entries()
    book.close()
    assert (entry.alarm_at.hour, entry.alarm_at.date()) == (hour, (thursday + timedelta(days=days_ahead)).date())


def test_alarm_rings_when_the_clock_says_so_and_comes_again(house: Harness) -> None:
    house.say("when is my next alarm")  # the sentences are known before the clock is a second from seven
    house.offset = datetime(2026, 11, 26, 6, 59, 59).astimezone() - datetime.now().astimezone()
    assert house.say("wake me every day at 7 am") == "Alarm set for 7:00 AM every day."
    house.until(lambda: house.said)
    assert house.said[0] == "It is 7:00 AM. Alarm."
    house.tell(StopAsked())
    assert house.say("when is my next alarm") == "Set: the alarm at 7:00 AM every day."
    house.offset += timedelta(days=1, seconds=-4)
    house.until(lambda: len(changes(house, "finished")) == 2, 20)


def test_clock_that_is_set_moves_alarms_and_no_timers(house: Harness) -> None:
    house.offset = datetime(2026, 11, 26, 12, 0).astimezone() - datetime.now().astimezone()
    house.say("set an alarm for 12:30 pm")
    house.say("set a timer for two seconds")
    house.offset += timedelta(hours=-1)
    house.until(lambda: changes(house, "finished"), 5)
    assert [event.name for event in changes(house, "finished")] == [""]
    house.until(lambda: house.said)
    assert house.said[0] == "The 2 seconds timer is done."
    house.tell(StopAsked())
    house.offset += timedelta(hours=2)
    house.until(lambda: len(changes(house, "finished")) == 2, 5)
    house.until(lambda: "12:30 PM" in house.said[-1])
    assert "That is 30 minutes" in house.said[-1]


def test_there_is_an_end_to_how_many(tmp_path: Path) -> None:
    with Harness(Timers, data_dir=tmp_path, config={"limit": 2}) as house:
        house.say("set a timer for five minutes")
        house.say("set a timer for six minutes")
        assert house.say("set a timer for seven minutes") == "There are 2 timers already; cancel some first."


def _live(folder: str, told: str) -> None:
    """A daemon's life with ten timers, which is ended from outside."""
    with Harness(Timers, data_dir=Path(folder)) as house:
        for number in range(10):
            house.say(f"set a timer for {1 if number < 3 else 6} seconds called number {number}")
        Path(told).write_text(json.dumps([event.name for event in changes(house, "started")]))
        time.sleep(60)


def test_killed_with_ten_running_those_due_ring_at_once_and_late_the_others_in_time(tmp_path: Path) -> None:
    told = tmp_path / "told"
    life = multiprocessing.get_context("spawn").Process(target=_live, args=(str(tmp_path), str(told)))
    life.start()
    assert life.pid is not None
    deadline = time.monotonic() + 60
    while not told.exists() or not told.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(life.pid, signal.SIGKILL)
    life.join()
    assert len(json.loads(told.read_text())) == 10
    book = Book(tmp_path / "timers" / "timers.sqlite")
    due = {entry.id: entry.due_steady for entry in book.entries()}
    book.close()
    assert len(due) == 10
    time.sleep(max(0.0, sorted(due.values())[2] - steady_s() + 2.5))
    with Harness(Timers, data_dir=tmp_path) as house:
        house.until(lambda: len(changes(house, "finished")) >= 3, 5)
        began = steady_s()
        late = {event.id for event in changes(house, "finished") if due[event.id] < began - 1}
        house.until(lambda: house.said, 5)
        assert any(re.search(r"That is \d+ seconds late", text) for text in house.said)
        house.until(lambda: len(changes(house, "finished")) == 10, 10)
        wall_to_steady = steady_s() - time.time()
        offs = [event.at.timestamp() + wall_to_steady - due[event.id] for event in changes(house, "finished")]
        on_time = sorted(
            off for off, event in zip(offs, changes(house, "finished"), strict=True) if event.id not in late
        )
        assert len(late) == 3
        assert on_time[0] > -0.1
        assert on_time[len(on_time) // 2] < 0.1, on_time


@pytest.mark.parametrize("jump_s", [-3600, 3600])
def test_wall_clock_set_while_nothing_ran_does_not_matter_in_the_same_start_of_the_machine(
    tmp_path: Path, jump_s: int
) -> None:
    now = datetime.now().astimezone()
    entry = Entry("soup", length_s=600)
    entry.set_left(600, now)
    assert entry.left_s(now + timedelta(seconds=jump_s)) == pytest.approx(600, abs=1)
    entry.boot = "another start of the machine"
    assert entry.left_s(now + timedelta(seconds=60)) == pytest.approx(540, abs=1)
    assert boot_id()


def test_thousand_timers_ring_in_time(tmp_path: Path) -> None:
    folder = tmp_path / "timers"
    folder.mkdir()
    book = Book(folder / "timers.sqlite")
    now = datetime.now().astimezone()
    due: dict[str, float] = {}
    for number in range(1000):
        entry = Entry(f"number {number}", length_s=60)
        entry.set_left(7 + number / 500, now)  # a busy disk takes seconds to write them down
        book.put(entry)
        due[entry.id] = entry.due_steady
    book.close()
    with Harness(Timers, data_dir=tmp_path) as house:
        house.until(lambda: len(changes(house, "finished")) == 1000, 30)
        wall_to_steady = steady_s() - time.time()
        offs = sorted(event.at.timestamp() + wall_to_steady - due[event.id] for event in changes(house, "finished"))
    assert offs[0] > -0.1
    assert offs[500] < 0.1, (offs[0], offs[500], offs[-1])


def test_broken_file_is_named_and_the_daemon_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "timers"
    folder.mkdir()
    (folder / "timers.sqlite").write_bytes(b"no database, " * 1000)
    with Harness(Timers, data_dir=tmp_path) as house:
        assert house.status().state == "failed"
        assert "timers.sqlite" in house.status().detail


def test_dialogue_about_a_timer(house: Harness) -> None:
    assert house.say("set a timer") == "For how long?"
    assert house.say("Five minutes.") == "5 minutes timer, starting now."
    assert house.say("No, ten minutes.") == "All right, 10 minutes."
    assert [event.remaining_s for event in changes(house, "started")] == pytest.approx([300, 600], abs=1)
    assert len(changes(house, "cancelled")) == 1
    house.say("set a pasta timer for six minutes")
    house.say("cancel the timer")
    assert house.say("the pasta one") == "The pasta timer cancelled."
    assert house.say("set an alarm") == "For what time?"
    assert house.say("never mind") == "Okay, never mind."
    assert house.say("what alarms are set") == "There is no alarm set."
