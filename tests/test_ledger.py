"""What is accepted survives a crash, is done once, and waits no longer than it has to."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from auricle import ledger as module
from auricle.ledger import KEPT_S, Ended, Ledger
from auricle.model.errors import AuricleError
from auricle.model.speech import Priority, SpeechRequest, SpeechStatus


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    made = Ledger(tmp_path / "deep" / "requests.sqlite")
    yield made
    made.close()


async def test_requests_are_open_until_they_end_in_the_order_in_which_they_came(ledger: Ledger) -> None:
    requests = [
        SpeechRequest(text="one", id="a", priority=Priority.ALARM, pitch=2.0, engine={"seed": 7}),
        SpeechRequest(text="two", id="b", expires_s=5.0),
        SpeechRequest(text="three", id="c"),
    ]
    for request in requests:
        assert await ledger.accept(request, f"origin of {request.id}") is None
    ledger.begin("b")
    ledger.end("c", SpeechStatus.FINISHED, None)
    found = await ledger.open_requests()
    assert [one.request for one in found] == requests[:2]
    assert [(one.origin, one.begun) for one in found] == [("origin of a", False), ("origin of b", True)]


async def test_a_request_that_is_done_is_not_taken_again(ledger: Ledger) -> None:
    await ledger.accept(SpeechRequest(text="one", id="a"))
    assert await ledger.accept(SpeechRequest(text="one", id="a")) is None
    ledger.end("a", SpeechStatus.FAILED, "no voice")
    ledger.end("a", SpeechStatus.FINISHED, None)
    assert await ledger.accept(SpeechRequest(text="one", id="a")) == Ended(SpeechStatus.FAILED, "no voice")
    assert await ledger.open_requests() == []


async def test_an_end_that_was_not_told_is_told_after_a_restart(ledger: Ledger) -> None:
    requests = [SpeechRequest(text=id, id=id) for id in ("a", "b", "c")]
    for request in requests:
        await ledger.accept(request, f"origin of {request.id}")
    ledger.end("a", SpeechStatus.FINISHED, None)
    ledger.told("a")
    await ledger.end("b", SpeechStatus.CANCELLED, "stopped")
    [late] = await ledger.untold()
    assert (late.request, late.origin) == (requests[1], "origin of b")
    assert late.ended == Ended(SpeechStatus.CANCELLED, "stopped")
    ledger.told("b")
    assert await ledger.untold() == []


async def test_a_day_later_an_id_is_forgotten(tmp_path: Path) -> None:
    clock = Clock()
    first = Ledger(tmp_path / "r.sqlite", now=clock)
    await first.accept(SpeechRequest(text="one", id="a"))
    await first.answer("ask", "q", "{}")
    first.end("a", SpeechStatus.FINISHED, None)
    first.close()
    clock.now_s += KEPT_S + 1
    second = Ledger(tmp_path / "r.sqlite", now=clock)
    assert await second.answered("ask", "q") is None
    assert await second.accept(SpeechRequest(text="one", id="a")) is None
    second.close()


async def test_a_message_is_found_by_its_name(ledger: Ledger) -> None:
    await ledger.accept(SpeechRequest(text="one", id="a"), "", "digest")
    assert await ledger.id_of("digest") == "a"
    assert await ledger.id_of("another") is None


async def test_messages_wait_in_order_and_the_oldest_goes_first(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    for number in range(5):
        ledger.keep("mqtt", str(number).encode())
    ledger.keep("other", b"x")
    found = await ledger.waiting("mqtt")
    assert [body for _, body in found] == [b"2", b"3", b"4"]
    ledger.delivered("mqtt", found[1][0])
    assert [body for _, body in await ledger.waiting("mqtt")] == [b"4"]
    assert [body for _, body in await ledger.waiting("other")] == [b"x"]


async def test_a_killed_process_loses_nothing_that_it_had_accepted(tmp_path: Path) -> None:
    script = (
        "import asyncio, os, pathlib, sys\n"
        "from auricle.ledger import Ledger\n"
        "from auricle.model.speech import SpeechRequest\n"
        "async def main():\n"
        "    ledger = Ledger(pathlib.Path(sys.argv[1]))\n"
        "    async def one(n):\n"
        "        await ledger.accept(SpeechRequest(text=str(n), id=str(n)))\n"
        "        os.write(1, f'{n}\\n'.encode())\n"
        "    await asyncio.gather(*(one(n) for n in range(300)), asyncio.sleep(0.05))\n"
        "    os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "r.sqlite")], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == -9, done.stderr.decode()
    told = set(done.stdout.decode().split())
    assert len(told) == 300
    ledger = Ledger(tmp_path / "r.sqlite")
    assert {one.request.id for one in await ledger.open_requests()} >= told
    ledger.close()


async def test_what_cannot_be_written_is_refused_by_name(ledger: Ledger, tmp_path: Path) -> None:
    await ledger.accept(SpeechRequest(text="one", id="a"))
    ledger._connection.execute("PRAGMA query_only = ON")
    with pytest.raises(AuricleError, match=r"requests\.sqlite"):
        await ledger.accept(SpeechRequest(text="two", id="b"))
    ledger._connection.execute("PRAGMA query_only = OFF")
    await asyncio.gather(*(ledger.accept(SpeechRequest(text="n", id=str(n))) for n in range(20)))
    assert len(await ledger.open_requests()) == 21


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "r.sqlite").write_bytes(b"this is no database, and never was one" * 100)
    with pytest.raises(AuricleError, match=r"r\.sqlite"):
        Ledger(tmp_path / "r.sqlite")
