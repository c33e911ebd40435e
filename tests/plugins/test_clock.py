"""The clock: what it is asked, and that each answer is words that any voice reads right."""

from datetime import datetime, timedelta, timezone

import pytest

from auricle.api import PluginContext, Transcript, Turn
from auricle.host import PluginHost
from auricle.pipeline.dispatch import Dispatcher
from auricle.settings import Plugins
from auricle_clock import Clock, english, german
from support.voice import Read, Speak

NOW = datetime(2026, 3, 3, 15, 42, tzinfo=timezone(timedelta(hours=1)))


def ask_at(now: datetime, *, hours: int | None = None, language: str = "en") -> tuple[PluginHost, Dispatcher]:
    host = PluginHost(
        plugins=Plugins(),
        options={"clock": {"hours": hours} if hours else {}},
        context=lambda name: PluginContext(name=name, language=language, now=lambda: now),
        timeout_s=5,
    )
    host.register("clock", Clock)
    return host, Dispatcher(host, {language: host.sentences(language)}, near_miss=0.86, language=language)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What time is it?", "It is now, three forty-two in the afternoon."),
        ("What's the time?", "It is now, three forty-two in the afternoon."),
        ("What’s the time right now?", "It is now, three forty-two in the afternoon."),
        ("What is the time?", "It is now, three forty-two in the afternoon."),
        ("Tell me the time.", "It is now, three forty-two in the afternoon."),
        ("What time is it now, please?", "It is now, three forty-two in the afternoon."),
        ("Can you tell me what time it is?", "It is now, three forty-two in the afternoon."),
        ("Do you have the time?", "It is now, three forty-two in the afternoon."),
        ("What times is it?", "It is now, three forty-two in the afternoon."),
        ("What day is it?", "Today is Tuesday."),
        ("What day is it today?", "Today is Tuesday."),
        ("Which day of the week is it?", "Today is Tuesday."),
        ("What weekday is tomorrow?", "Tomorrow is Wednesday."),
        ("What day was yesterday?", "Yesterday was Monday."),
        ("What's today's date?", "Today is Tuesday, the third of March."),
        ("What is the date?", "Today is Tuesday, the third of March."),
        ("What's the date today?", "Today is Tuesday, the third of March."),
        ("What date is it?", "Today is Tuesday, the third of March."),
        ("What is the date tomorrow?", "Tomorrow is Wednesday, the fourth of March."),
        ("What is tomorrow's date?", "Tomorrow is Wednesday, the fourth of March."),
        ("What was the date the day before yesterday?", "The day before yesterday was Sunday, the first of March."),
        ("What year is it?", "It is the year twenty twenty-six."),
        ("Which week is it?", "It is week ten."),
        ("What's the week number?", "It is week ten."),
    ],
)
async def test_questions_in_english_are_answered(question: str, answer: str) -> None:
    host, dispatcher = ask_at(NOW)
    _, reply = await dispatcher.dispatch(Transcript(question), Turn())
    assert (reply.text, reply.handled_by, reply.understood) == (answer, "clock", True)
    await host.shutdown()


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Wie spät ist es?", "Es ist jetzt fünfzehn Uhr zweiundvierzig."),
        ("Wie viel Uhr ist es jetzt?", "Es ist jetzt fünfzehn Uhr zweiundvierzig."),
        ("Sag mir bitte, wie spät es ist.", "Es ist jetzt fünfzehn Uhr zweiundvierzig."),
        ("Welcher Tag ist heute?", "Heute ist Dienstag."),
        ("Welchen Wochentag haben wir morgen?", "Morgen ist Mittwoch."),
        ("Der Wievielte ist heute?", "Heute ist Dienstag, der dritte März."),
        ("Welches Datum war gestern?", "Gestern war Montag, der zweite März."),
        ("Welches Jahr haben wir?", "Es ist das Jahr zweitausendsechsundzwanzig."),
        ("Welche Kalenderwoche ist es?", "Es ist Kalenderwoche zehn."),
    ],
)
async def test_questions_in_german_are_answered(question: str, answer: str) -> None:
    host, dispatcher = ask_at(NOW, language="de")
    _, reply = await dispatcher.dispatch(Transcript(question), Turn())
    assert reply.text == answer
    await host.shutdown()


@pytest.mark.parametrize(
    "text", ["what time does the train leave", "set the time", "what is the weather today", "it is time", "date"]
)
async def test_other_questions_are_not_the_clocks(text: str) -> None:
    host, dispatcher = ask_at(NOW)
    intent, _ = await dispatcher.dispatch(Transcript(text), Turn())
    assert intent is None
    await host.shutdown()


async def test_hours_are_as_configured() -> None:
    host, dispatcher = ask_at(NOW, hours=24)
    _, reply = await dispatcher.dispatch(Transcript("what time is it"), Turn())
    assert reply.text == "It is now, fifteen forty-two."
    await host.shutdown()
    host, dispatcher = ask_at(NOW, hours=12, language="de")
    _, reply = await dispatcher.dispatch(Transcript("wie spät ist es"), Turn())
    assert reply.text == "Es ist jetzt drei Uhr zweiundvierzig nachmittags."
    await host.shutdown()


@pytest.mark.parametrize(
    ("hour", "minute", "text"),
    [
        (0, 0, "It is now, twelve o'clock midnight."),
        (0, 5, "It is now, twelve oh five in the morning."),
        (4, 15, "It is now, four fifteen in the morning."),
        (11, 59, "It is now, eleven fifty-nine in the morning."),
        (12, 0, "It is now, twelve o'clock noon."),
        (12, 30, "It is now, twelve thirty in the afternoon."),
        (18, 0, "It is now, six o'clock in the evening."),
        (23, 21, "It is now, eleven twenty-one in the evening."),
    ],
)
def test_time_in_english(hour: int, minute: int, text: str) -> None:
    assert english.time(hour, minute, 12) == text


def read_time(text: str) -> tuple[int, int]:
    """The time that `english.time` says, from its words: so a wrong table is found."""
    values = {english.number(value): value for value in range(60)}
    words = text.removeprefix("It is now, ").rstrip(".").replace(",", "").split()
    hour = values[words[0]]
    minute = 0 if words[1] == "o'clock" else values[words[2] if words[1] == "oh" else words[1]]
    afternoon = words[-1] in ("afternoon", "evening", "noon")
    return (hour % 12) + (12 if afternoon else 0), minute


def test_every_minute_of_the_day_is_said_in_words_of_its_own() -> None:
    for hour in range(24):
        for minute in range(60):
            text = english.time(hour, minute, 12)
            assert read_time(text) == (hour, minute), text
            assert not any(character.isdigit() for character in text)
    for words, hours in ((english, 24), (german, 12), (german, 24)):
        assert len({words.time(hour, minute, hours) for hour in range(24) for minute in range(60)}) == 24 * 60


def test_every_day_and_year_is_said_in_words_of_its_own() -> None:
    for words in (english, german):
        assert len({words.ordinal(day) for day in range(1, 32)}) == 31
        assert len({words.year(year) for year in range(1970, 2100)}) == 130
        assert len({words.week(week) for week in range(1, 54)}) == 53
    assert [english.ordinal(day) for day in (1, 2, 3, 12, 20, 21, 30, 31)] == [
        "first",
        "second",
        "third",
        "twelfth",
        "twentieth",
        "twenty-first",
        "thirtieth",
        "thirty-first",
    ]
    assert [german.ordinal(day) for day in (1, 3, 7, 16, 20, 31)] == [
        "erste",
        "dritte",
        "siebte",
        "sechzehnte",
        "zwanzigste",
        "einunddreißigste",
    ]
    assert english.year(2006) == "It is the year two thousand and six."
    assert english.year(1905) == "It is the year nineteen oh five."


async def test_tomorrow_of_the_last_day_of_the_year_is_the_first() -> None:
    host, dispatcher = ask_at(datetime(2027, 12, 31, 23, 59, tzinfo=NOW.tzinfo))
    _, reply = await dispatcher.dispatch(Transcript("what is the date tomorrow"), Turn())
    assert reply.text == "Tomorrow is Saturday, the first of January."
    await host.shutdown()


@pytest.mark.models
def test_spoken_times_are_heard_right(speak: Speak, read: Read) -> None:
    """The voice differs a little from run to run, and so does what Whisper makes of a thirteen: one may be wrong."""
    wrong = []
    for hour, minute in ((0, 30), (2, 15), (4, 42), (5, 50), (8, 21), (13, 7), (16, 15), (22, 0)):
        heard = read(speak(english.time(hour, minute, 12)), 16_000)
        digits = "".join(character for character in heard if character.isdigit())
        right = (f"{hour % 12 or 12}{minute:02d}", str(hour % 12 or 12) if minute == 0 else "")
        part = "morning" if hour < 12 else "afternoon" if hour < 18 else "evening"
        if digits not in right or not heard.endswith(part):
            wrong.append((hour, minute, heard))
    assert len(wrong) <= 1, wrong
