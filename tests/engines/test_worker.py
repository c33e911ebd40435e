"""An engine in a process of its own: started, watched, ended; its requests, its log, its environment."""

import asyncio
import logging
import os
import sys
import venv
from contextlib import aclosing
from pathlib import Path

import psutil
import pytest

from auricle.api import EngineUnavailable, SynthesisRequest, Voice
from auricle.engines import environments
from auricle.engines.proxy import WyomingStt, WyomingTts
from auricle.engines.supervisor import WorkerState
from auricle.settings import EngineProcess
from support.engine_parts import EngineParts, speech, transcript, until
from support.scripted_engines import Script, spec


async def test_a_worker_answers_from_another_process(parts: EngineParts) -> None:
    worker = parts.worker("stt")
    assert worker.figures().state == "stopped"
    await worker.start()
    heard = await transcript(WyomingStt(worker, timeout_s=10), language="en")
    figures = worker.figures()
    assert f"pid={figures.pid} " in heard.text
    assert (heard.language, figures.state, figures.restarts) == ("en", "ready", 0)
    assert figures.rss_bytes > 5_000_000
    assert os.stat(worker.uri.removeprefix("unix://")).st_mode & 0o077 == 0


async def test_states_are_reported_as_they_come_and_go(parts: EngineParts) -> None:
    worker = parts.worker("tts")
    await worker.start()
    assert worker.voices == (Voice("anna", "en", "a scripted voice"), Voice("bert", "de"))
    await worker.stop()
    assert [(change.component, change.ok, change.detail.split(",")[0]) for change in parts.changes] == [
        ("engine scripted_tts", False, "loading: its process starts"),
        ("engine scripted_tts", True, "scripted_tts"),
        ("engine scripted_tts", False, "stopped: stopped"),
    ]
    assert [change.essential for change in parts.changes] == [True, True, False]


async def test_a_worker_that_was_not_needed_starts_at_its_first_request(parts: EngineParts) -> None:
    worker = parts.worker("stt")
    assert "samples=8000" in (await transcript(WyomingStt(worker, timeout_s=20))).text


async def test_nothing_is_left_after_stop(parts: EngineParts) -> None:
    worker = parts.worker("stt")
    await worker.start()
    pid = worker.figures().pid
    await worker.stop()
    assert pid is not None
    assert not psutil.pid_exists(pid)
    assert os.listdir(parts.folder) == ["scripted_stt.packages"]
    with pytest.raises(FileNotFoundError):
        await asyncio.open_unix_connection(worker.uri.removeprefix("unix://"))


async def test_a_worker_stops_while_it_still_loads(parts: EngineParts) -> None:
    worker = parts.worker("stt", on_load="hang")
    starting = asyncio.create_task(worker.start())
    await until(lambda: worker.figures().pid is not None)
    pid = worker.figures().pid
    await worker.stop()
    with pytest.raises(EngineUnavailable, match="was stopped"):
        await starting
    assert pid is not None
    assert not psutil.pid_exists(pid)


async def test_what_a_library_prints_goes_to_the_log_at_debug(
    parts: EngineParts, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="auricle.engines")
    worker = parts.worker("stt", name="printing", on_request="print")
    await worker.start()
    await transcript(WyomingStt(worker, timeout_s=10))
    await until(lambda: any(record.message == "words from a library" for record in caplog.records))
    [record] = [record for record in caplog.records if record.message == "words from a library"]
    assert (record.name, record.levelno) == ("auricle.engines.printing", logging.DEBUG)


async def test_an_engines_failure_goes_to_the_log_as_an_error(
    parts: EngineParts, caplog: pytest.LogCaptureFixture
) -> None:
    worker = parts.worker("stt", name="failing", on_load="crash")
    with pytest.raises(Exception, match="ZeroDivisionError: one by nought"):
        await worker.start()
    await until(lambda: any("failing cannot be loaded" in record.message for record in caplog.records))
    assert {record.levelno for record in caplog.records if "failing cannot be loaded" in record.message} <= {
        logging.ERROR,
        logging.WARNING,
    }


async def test_the_number_of_threads_is_set_before_anything_is_imported(parts: EngineParts) -> None:
    worker = parts.worker("stt", process=EngineProcess(threads=3))
    assert " threads=3" in (await transcript(WyomingStt(worker, timeout_s=20))).text


async def test_an_abandoned_reply_stops_being_made(parts: EngineParts) -> None:
    worker = parts.worker("tts", pieces=100_000, request_s=0.01, streams=True)
    await worker.start()
    tts = WyomingTts(worker, timeout_s=10)
    for request in (1, 2):
        async with aclosing(tts.synthesize(SynthesisRequest("endless"))) as frames:
            assert (await anext(frames)).pcm[:2] == request.to_bytes(2, "little")


async def test_a_cancelled_request_leaves_the_worker_well(parts: EngineParts) -> None:
    worker = parts.worker("stt", request_s=0.3)
    await worker.start()
    stt = WyomingStt(worker, timeout_s=10)

    async def listen() -> None:
        async for _ in stt.transcribe(speech(100, pause_s=0.05), None):
            pass

    listening = asyncio.create_task(listen())
    await asyncio.sleep(0.3)
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening
    assert "samples=8000" in (await transcript(stt)).text
    assert (worker.state, worker.restarts) == (WorkerState.READY, 0)


async def test_an_error_of_the_microphone_passes_through(parts: EngineParts) -> None:
    worker = parts.worker("stt")
    await worker.start()

    async def broken():  # type: ignore[no-untyped-def]
        yield (await anext(speech()))
        raise OSError("the microphone is gone")

    with pytest.raises(OSError, match="microphone"):
        _ = [found async for found in WyomingStt(worker, timeout_s=10).transcribe(broken(), None)]
    assert worker.state is WorkerState.READY


async def test_twenty_requests_leave_no_descriptor_and_no_process(parts: EngineParts) -> None:
    worker = parts.worker("stt")
    await worker.start()
    stt = WyomingStt(worker, timeout_s=10)
    ours, child = psutil.Process(), psutil.Process(worker.figures().pid)
    await transcript(stt)
    before = (ours.num_fds(), child.num_fds(), ours.num_threads(), child.num_threads())
    for _ in range(20):
        await transcript(stt)

    def after() -> tuple[int, ...]:
        return (ours.num_fds(), child.num_fds(), ours.num_threads(), child.num_threads())

    await until(lambda: all(late <= early + 1 for early, late in zip(before, after(), strict=True)))
    assert child.children() == []


async def test_a_start_and_a_stop_leave_no_descriptor(parts: EngineParts) -> None:
    ours = psutil.Process()
    for _ in range(2):
        worker = parts.worker("tts")
        await worker.start()
        await worker.stop()
        await asyncio.sleep(0.05)
    before = ours.num_fds()
    for _ in range(3):
        await worker.start()
        await worker.stop()
    await until(lambda: ours.num_fds() <= before)


async def test_an_engine_runs_in_its_own_environment(parts: EngineParts) -> None:
    """The environment sees this one's libraries through a .pth file; the child's own prefix says where it ran."""
    own = parts.folder / "state" / "engines" / "foreign"
    venv.create(own, with_pip=False, symlinks=True)
    site = next(own.glob("lib/python*/site-packages"))
    ours = next(path for path in sys.path if path.endswith("site-packages"))
    (site / "ours.pth").write_text(ours + "\n")
    worker = parts.worker("stt", name="foreign")
    heard = await transcript(WyomingStt(worker, timeout_s=20))
    assert f"prefix={own} " in heard.text
    assert sys.prefix != str(own)


async def test_what_an_environment_of_its_own_lacks_is_named(parts: EngineParts) -> None:
    own = parts.folder / "bare"
    venv.create(own, with_pip=False, symlinks=True)
    what = spec("bare", "stt", requires=("torch_of_the_moon",))
    worker = parts.worker("stt", what=what, process=EngineProcess(python=str(own / "bin" / "python")))
    with pytest.raises(EngineUnavailable, match=r"bare needs msgspec, numpy, .*torch_of_the_moon in .*bare/bin/python"):
        await worker.start()
    assert worker.state is WorkerState.BROKEN


async def test_what_is_missing_here_says_what_to_type(parts: EngineParts) -> None:
    what = spec("moon", "stt", requires=("torch_of_the_moon", "json"), extra="moon")
    with pytest.raises(EngineUnavailable, match=r"moon needs torch_of_the_moon: pip install 'auricle\[moon\]'"):
        await parts.worker("stt", what=what).start()


async def test_an_engine_that_cannot_load_says_why_and_is_not_tried_in_a_loop(parts: EngineParts) -> None:
    worker = parts.worker("stt", on_load="unavailable")
    with pytest.raises(EngineUnavailable, match="auricle models pull scripted"):
        await worker.start()
    assert worker.state is WorkerState.BROKEN
    with pytest.raises(EngineUnavailable, match="auricle models pull scripted"):
        await transcript(WyomingStt(worker, timeout_s=10))


def test_the_interpreter_is_the_configured_then_its_own_then_ours(tmp_path: Path) -> None:
    assert environments.interpreter("x", None, tmp_path) == Path(sys.executable)
    own = tmp_path / "engines" / "x" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.symlink_to(sys.executable)
    assert environments.interpreter("x", None, tmp_path) == own
    assert environments.interpreter("x", "/bin/sh", tmp_path) == Path("/bin/sh")
    with pytest.raises(EngineUnavailable, match=r"\[engines.x\] python: /no/where"):
        environments.interpreter("x", "/no/where", tmp_path)


def test_only_our_packages_are_lent_to_another_environment(tmp_path: Path) -> None:
    links = environments.link_packages(tmp_path / "links", ["auricle", Script.__module__, "auricle.api"])
    assert sorted(os.listdir(links)) == ["auricle", "support"]
    variables = environments.environment(Path("/other/python"), links, 0, {"PYTHONPATH": "/a", "PYTHONHOME": "/b"})
    assert variables == {"PYTHONPATH": str(links)}
    variables = environments.environment(Path(sys.executable), links, 2, {"PYTHONPATH": "/a"})
    assert variables["PYTHONPATH"] == f"{links}:/a"
    assert variables["OMP_NUM_THREADS"] == "2"
