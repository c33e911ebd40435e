"""Speech to text that begins before the end: what becomes of it, and how much quiet then ends a command."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence

import pytest

from auricle.api import INBOUND_RATE_HZ, AudioFrame, EngineError, Transcript, Turn
from auricle.model.errors import NothingHeard
from auricle.model.events import CommandEnded, Event, Speculated, Transcribed
from auricle.model.intent import Standing
from auricle.pipeline.endpoint import EndpointRule, Hearing
from auricle.pipeline.speculate import MOST_EXTRA, Budget, SpeculationRule
from auricle.pipeline.transcribe import Transcriber

WINDOW = 512
RULE = EndpointRule(patience_s=2, silence_s=0.7)
AHEAD = SpeculationRule(pause_s=0.2, silence_s=0.7, whole_silence_s=0.25, open_silence_s=0.35, unfinished_silence_s=1.2)


class Scripted:
    """Answers each request with the next of its script, and remembers how much it was given to hear."""

    def __init__(self, script: Sequence[str | Exception]) -> None:
        self.script = list(script)
        self.heard_s: list[float] = []
        self.cancelled = 0
        self.slow = asyncio.Event()
        self.slow.set()

    async def transcribe(
        self, frames: AsyncIterator[AudioFrame], language: str | None
    ) -> AsyncGenerator[Transcript, None]:
        self.heard_s.append(sum([frame.seconds async for frame in frames]))
        answer = self.script.pop(0)
        try:
            await self.slow.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(answer, Exception):
            raise answer
        yield Transcript(answer)


class Talk:
    """One command from a script of seconds: positive is voice, negative is quiet."""

    def __init__(
        self,
        *spans: float,
        script: Sequence[str | Exception],
        standing: Callable[[str, str | None], Standing] = lambda text, language: Standing.UNKNOWN,
    ) -> None:
        self.spans = spans
        self.stt = Scripted(script)
        self.events: list[Event] = []
        self.transcriber = Transcriber(
            self.stt,
            language="en",
            normalized=False,
            since_arrival_s=lambda sample: 0.0,
            publish=self.events.append,
            ahead=AHEAD,
            standing=standing,
        )

    async def frames(self) -> AsyncIterator[AudioFrame]:
        at = 0
        for span in self.spans:
            for _ in range(round(abs(span) * INBOUND_RATE_HZ / WINDOW)):
                yield AudioFrame(bytes(2 * WINDOW), at, speech=1.0 if span > 0 else 0.0)
                at += WINDOW
                for _ in range(5):  # as at real pace: what is ready gets its turn between two windows
                    await asyncio.sleep(0)

    async def run(self) -> Transcript:
        async with asyncio.timeout(20):
            return await self.transcriber.transcribe(Hearing(self.frames(), RULE), Turn(id="t"))

    async def until(self, status: str, count: int) -> None:
        async with asyncio.timeout(20):
            while self.attempts.count(status) < count:
                await asyncio.sleep(0.01)

    @property
    def attempts(self) -> list[str]:
        return [event.status for event in self.events if isinstance(event, Speculated)]

    @property
    def end(self) -> CommandEnded:
        [end] = [event for event in self.events if isinstance(event, CommandEnded)]
        return end


async def test_the_transcript_of_the_pause_is_the_transcript() -> None:
    talk = Talk(-0.5, 1.0, -2.0, script=["turn on the light"])
    assert (await talk.run()).text == "turn on the light"
    assert talk.attempts == ["started", "hit"]
    [heard_s] = talk.stt.heard_s
    assert heard_s == pytest.approx(0.5 + 1.0 + 0.2, abs=0.07)
    [told] = [event for event in talk.events if isinstance(event, Transcribed)]
    assert told.last_sample == talk.end.last_sample
    assert talk.events.index(talk.end) < talk.events.index(told)


async def test_speech_that_goes_on_cancels_the_attempt_and_is_heard_whole() -> None:
    talk = Talk(0.8, -0.3, 0.8, -2.0, script=["turn on", "turn on the light"])
    talk.stt.slow.clear()
    task = asyncio.create_task(talk.run())
    await talk.until("started", 2)
    talk.stt.slow.set()
    assert (await task).text == "turn on the light"
    assert talk.attempts == ["started", "cancelled", "started", "hit"]
    assert talk.stt.cancelled == 1
    assert talk.stt.heard_s[1] == pytest.approx(0.8 + 0.3 + 0.8 + 0.3, abs=0.1)


async def test_a_click_after_the_pause_keeps_the_attempt() -> None:
    talk = Talk(1.0, -0.3, 0.06, -2.0, script=["stop"])
    assert (await talk.run()).text == "stop"
    assert talk.attempts == ["started", "hit"]


@pytest.mark.parametrize(
    ("standing", "quiet_s"),
    [(Standing.WHOLE, 0.25), (Standing.OPEN, 0.35), (Standing.UNKNOWN, 0.7), (Standing.UNFINISHED, 1.2)],
)
async def test_what_was_said_decides_how_much_quiet_ends_it(standing: Standing, quiet_s: float) -> None:
    heard: list[AudioFrame] = []
    talk = Talk(1.0, -3.0, script=["some words"], standing=lambda text, language: standing)

    async def counted() -> AsyncIterator[AudioFrame]:
        async for frame in talk.frames():
            heard.append(frame)
            yield frame

    async with asyncio.timeout(20):
        await talk.transcriber.transcribe(Hearing(counted(), RULE), Turn(id="t"))
    quiet = sum(frame.seconds for frame in heard) - 1.0
    assert quiet == pytest.approx(quiet_s, abs=0.1)


async def test_an_unfinished_command_that_goes_on_is_not_cut() -> None:
    standing = {"set a timer for": Standing.UNFINISHED, "set a timer for ten minutes": Standing.WHOLE}
    talk = Talk(
        1.0, -1.0, 0.8, -3.0,
        script=["set a timer for", "set a timer for ten minutes"],
        standing=lambda text, language: standing[text],
    )  # fmt: skip
    assert (await talk.run()).text == "set a timer for ten minutes"
    assert talk.end.last_sample == pytest.approx(2.8 * INBOUND_RATE_HZ, abs=WINDOW)


async def test_an_attempt_that_fails_costs_nothing_but_itself() -> None:
    talk = Talk(1.0, -2.0, script=[EngineError("out of memory"), "stop"])
    assert (await talk.run()).text == "stop"
    assert talk.attempts == ["started", "failed"]


async def test_an_engine_that_fails_twice_fails_the_turn() -> None:
    talk = Talk(1.0, -2.0, script=[EngineError("one"), EngineError("two")])
    with pytest.raises(EngineError, match="two"):
        await talk.run()


async def test_silence_makes_no_attempt() -> None:
    talk = Talk(-3.0, script=[])
    with pytest.raises(NothingHeard):
        await talk.run()
    assert talk.attempts == []


async def test_a_turn_that_is_cancelled_leaves_no_task() -> None:
    talk = Talk(1.0, -30.0, script=["x"], standing=lambda text, language: Standing.UNFINISHED)
    talk.stt.slow.clear()
    task = asyncio.create_task(talk.run())
    await talk.until("started", 1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert [other for other in asyncio.all_tasks() if other is not asyncio.current_task()] == []


def test_work_in_vain_stays_below_its_share_of_the_useful() -> None:
    budget = Budget()
    vain = useful = 0
    for _ in range(400):
        for _ in range(3):  # a speaker who pauses all the time
            if budget.allows:
                budget.cancelled()
                vain += 1
        budget.used()
        useful += 1
    assert vain / useful <= MOST_EXTRA + 0.05
