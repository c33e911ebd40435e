"""Workers that are killed, hang, leak and die in a row; a daemon that is killed."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from auricle.api import EngineUnavailable, SynthesisRequest
from auricle.engines.chain import FallbackStt
from auricle.engines.patience import Policy
from auricle.engines.proxy import WyomingStt, WyomingTts
from auricle.engines.supervisor import Worker, WorkerState
from auricle.model.errors import EngineDied, EngineError, EngineTimeout
from auricle.settings import EngineProcess
from support.engine_parts import EngineParts, speech, transcript, until

TESTS = Path(__file__).parent.parent


@pytest.fixture
async def parts(tmp_path: Path):  # type: ignore[no-untyped-def]
    made = EngineParts(tmp_path)
    try:
        yield made
    finally:
        await made.close()


def _kill(worker: Worker) -> None:
    pid = worker.figures().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


async def test_a_worker_killed_in_mid_request_fails_it_at_once_and_the_next_works(parts: EngineParts) -> None:
    worker = parts.worker("stt", on_request="hang", once_file=_flag(parts.folder))
    await worker.start()
    stt = WyomingStt(worker, timeout_s=30)
    asked = asyncio.create_task(transcript(stt))
    also = asyncio.create_task(transcript(stt))
    await until(lambda: not (parts.folder / "once").exists())
    _kill(worker)
    killed_at = time.monotonic()
    for pending in (asked, also):
        with pytest.raises(EngineDied):
            await pending
    assert time.monotonic() - killed_at < 5
    assert "samples=8000" in (await transcript(stt)).text
    assert worker.restarts == 1
    assert "was killed by SIGKILL" in next(c.detail for c in parts.changes if c.detail.startswith("restarting"))


async def test_streamed_speech_cut_by_a_death_is_an_error_after_what_was_given(parts: EngineParts) -> None:
    worker = parts.worker("tts", on_request="exit", request_s=0.2, streams=True)
    tts = WyomingTts(worker, timeout_s=20)
    pieces = tts.synthesize(SynthesisRequest("cut"))
    assert (await anext(pieces)).samples == 2_400
    with pytest.raises(EngineDied):
        await anext(pieces)


async def test_a_request_that_hangs_times_out_and_the_worker_is_replaced(parts: EngineParts) -> None:
    worker = parts.worker("stt", on_request="hang", once_file=_flag(parts.folder))
    await worker.start()
    before = worker.figures().pid
    with pytest.raises(EngineTimeout, match=r"did not answer within 0\.5 s"):
        await transcript(WyomingStt(worker, timeout_s=0.5))
    heard = await transcript(WyomingStt(worker, timeout_s=20))
    assert f"pid={before} " not in heard.text
    assert before is not None
    assert not psutil.pid_exists(before)


async def test_speech_that_hangs_between_two_pieces_times_out(parts: EngineParts) -> None:
    worker = parts.worker("tts", on_request="hang", once_file=_flag(parts.folder))
    await worker.start()
    with pytest.raises(EngineTimeout):
        _ = [frame async for frame in WyomingTts(worker, timeout_s=0.5).synthesize(SynthesisRequest("a"))]
    tts = WyomingTts(worker, timeout_s=20)
    assert len([frame async for frame in tts.synthesize(SynthesisRequest("a"))]) == 2


async def test_a_load_that_takes_too_long_is_ended(parts: EngineParts) -> None:
    worker = parts.worker("stt", on_load="hang", process=EngineProcess(start_timeout_s=0.5))
    with pytest.raises(EngineTimeout, match=r"\[engines.scripted_stt\] start_timeout_s = 0.5"):
        await worker.start()


async def test_a_stopped_process_is_missed_by_its_ping(parts: EngineParts) -> None:
    worker = parts.worker("stt", policy=Policy(watch_every_s=0.1, ping_timeout_s=0.5, first_backoff_s=0.05))
    await worker.start()
    pid = worker.figures().pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    await until(lambda: worker.restarts == 1 and worker.state is WorkerState.READY)
    assert any("does not answer a ping" in change.detail for change in parts.changes)
    assert not psutil.pid_exists(pid)


async def test_a_worker_over_its_memory_limit_is_restarted(parts: EngineParts) -> None:
    worker = parts.worker("stt", on_request="leak", process=EngineProcess(memory_mb=110))
    await worker.start()
    stt = WyomingStt(worker, timeout_s=20)
    await transcript(stt)
    await until(lambda: worker.restarts >= 1 and worker.state is WorkerState.READY)
    assert any("[engines.scripted_stt] memory_mb = 110" in change.detail for change in parts.changes)


async def test_five_quick_deaths_break_an_engine_and_the_next_one_takes_over(parts: EngineParts) -> None:
    dying = parts.worker("stt", name="dying", on_request="exit")
    spare = parts.worker("stt", name="spare")
    stt = FallbackStt([WyomingStt(dying, timeout_s=20), WyomingStt(spare, timeout_s=20)])
    await dying.start()
    assert spare.figures().pid is None
    for _ in range(40):
        heard = [found async for found in stt.transcribe(speech(), None)][-1]
        assert heard.text.startswith("samples=8000")
        if dying.state is WorkerState.BROKEN:
            break
        await asyncio.sleep(0.15)
    assert dying.state is WorkerState.BROKEN
    assert f"pid={spare.figures().pid} " in heard.text
    [broken] = [change for change in parts.changes if change.detail.startswith("broken")]
    assert broken.detail == "broken: dying exited with status 3; tried again in 60 s"
    with pytest.raises(EngineUnavailable, match="dying is broken: dying exited with status 3"):
        await transcript(WyomingStt(dying, timeout_s=20))


async def test_a_broken_engine_is_tried_again(parts: EngineParts) -> None:
    policy = Policy(watch_every_s=0.2, first_backoff_s=0.01, quick_deaths=2, first_probe_s=0.3)
    worker = parts.worker("stt", on_load="unavailable", once_file=_flag(parts.folder), policy=policy)
    with pytest.raises(EngineUnavailable):
        await worker.start()
    await until(lambda: worker.state is WorkerState.READY)
    assert [change.detail.split(":")[0] for change in parts.changes][:3] == ["loading", "broken", "loading"]


async def test_an_utterance_too_long_to_keep_fails_with_its_engine(parts: EngineParts) -> None:
    failing = parts.worker("stt", name="failing", on_request="raise")
    spare = parts.worker("stt", name="spare")
    stt = FallbackStt([WyomingStt(failing, timeout_s=20), WyomingStt(spare, timeout_s=20)], kept_s=0.35)
    with pytest.raises(EngineError, match="it did not work"):
        _ = [found async for found in stt.transcribe(speech(20), None)]
    assert spare.figures().pid is None
    found = [found async for found in stt.transcribe(speech(3), None)]
    assert found[-1].text.startswith("samples=4800 ")


async def test_a_worker_dies_with_a_killed_daemon(parts: EngineParts) -> None:
    program = """
import asyncio, sys
from pathlib import Path
from support.engine_parts import EngineParts
async def main():
    worker = EngineParts(Path(sys.argv[1])).worker("stt")
    await worker.start()
    print(worker.figures().pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""
    variables = os.environ | {"PYTHONPATH": os.pathsep.join((str(TESTS), os.environ.get("PYTHONPATH", "")))}
    daemon = subprocess.Popen([sys.executable, "-c", program, str(parts.folder)], env=variables, stdout=subprocess.PIPE)
    assert daemon.stdout is not None
    try:
        pid = int(await asyncio.to_thread(daemon.stdout.readline))
        assert psutil.pid_exists(pid)
    finally:
        daemon.kill()
        daemon.wait()
        daemon.stdout.close()
    await until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


async def test_ctrl_c_in_the_terminal_does_not_reach_a_worker(parts: EngineParts) -> None:
    worker = parts.worker("stt")
    await worker.start()
    pid = worker.figures().pid
    assert pid is not None
    assert os.getpgid(pid) != os.getpgid(0)
    os.kill(pid, signal.SIGINT)
    await asyncio.sleep(0.2)
    assert f"pid={pid} " in (await transcript(WyomingStt(worker, timeout_s=10))).text
    assert worker.restarts == 0


async def test_a_worker_that_ignores_sigterm_is_killed_in_time(parts: EngineParts) -> None:
    worker = parts.worker("stt", policy=Policy(grace_s=0.3))
    await worker.start()
    pid = worker.figures().pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    before = time.monotonic()
    await worker.stop()
    assert time.monotonic() - before < 5
    assert not psutil.pid_exists(pid)


def _flag(folder: Path) -> str:
    (folder / "once").touch()
    return str(folder / "once")
