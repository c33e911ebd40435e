"""What a worker may take: cores, niceness, GPU memory, time without work; and what is told of it."""

import asyncio
import os
import sys
from types import SimpleNamespace

import psutil
import pytest

from auricle.api import SynthesisRequest
from auricle.engines import gpu
from auricle.engines.client import ping
from auricle.engines.proxy import WyomingStt, WyomingTts
from auricle.engines.running import running_engines
from auricle.engines.supervisor import WorkerState
from auricle.settings import EngineProcess
from support.engine_parts import EngineParts, transcript, until

MIB = 1024 * 1024


async def test_a_worker_takes_its_cores_and_niceness_and_goes_before_the_daemon(parts: EngineParts) -> None:
    core = min(os.sched_getaffinity(0))
    worker = parts.worker("stt", process=EngineProcess(nice=7, cpus=(core,)))
    await worker.start()
    process = psutil.Process(worker.figures().pid)
    assert process.nice() == min(19, os.nice(0) + 7)
    assert process.cpu_affinity() == [core]
    with open(f"/proc/{process.pid}/oom_score_adj") as file:
        assert int(file.read()) >= 300


async def test_an_idle_worker_is_unloaded_and_comes_back_for_a_request(parts: EngineParts) -> None:
    worker = parts.worker("stt", process=EngineProcess(unload_after_s=0.4))
    stt = WyomingStt(worker, timeout_s=20)
    before = (await transcript(stt)).text.split("pid=")[1].split()[0]
    await until(lambda: worker.state is WorkerState.UNLOADED and not psutil.pid_exists(int(before)))
    figures = worker.figures()
    assert (figures.state, figures.pid, figures.rss_bytes, figures.threads) == ("unloaded", None, 0, 0)
    assert worker.usable
    assert f"pid={before} " not in (await transcript(stt)).text
    assert worker.restarts == 0
    assert parts.errors == []
    told = [(change.ok, change.detail) for change in parts.changes]
    assert told[0] == (False, "loading: its process starts")
    assert (True, "unloaded: not needed for 0.4 s; loaded again when it is") in told[1:]
    assert (True, "loading: its process starts") in told[2:]
    assert all(ok for ok, _ in told[1:])


async def test_an_unloaded_worker_is_loaded_ahead_of_the_request(parts: EngineParts) -> None:
    worker = parts.worker("tts", process=EngineProcess(unload_after_s=0.3))
    await worker.start()
    await until(lambda: worker.state is WorkerState.UNLOADED)
    worker.prepare()
    await until(lambda: worker.state is WorkerState.READY)
    worker.prepare()
    assert len([frame async for frame in WyomingTts(worker, timeout_s=20).synthesize(SynthesisRequest("a"))]) == 2


async def test_a_request_in_hand_keeps_its_worker(parts: EngineParts) -> None:
    worker = parts.worker("stt", process=EngineProcess(unload_after_s=0.3), request_s=1.5)
    assert "samples=8000 request=1" in (await transcript(WyomingStt(worker, timeout_s=20))).text
    assert [change for change in parts.changes if change.detail.startswith("unloaded")] == []


async def test_an_idle_worker_stops_like_any_other(parts: EngineParts) -> None:
    worker = parts.worker("stt", process=EngineProcess(unload_after_s=0.3))
    await worker.start()
    await until(lambda: worker.state is WorkerState.UNLOADED)
    await worker.stop()
    assert worker.state is WorkerState.STOPPED
    await worker.start()
    assert worker.figures().state == "ready"


async def test_what_a_worker_does_is_told(parts: EngineParts) -> None:
    worker = parts.worker("tts", device="cpu", pieces=2, piece_samples=22_050, request_s=0.1)
    await worker.start()
    tts = WyomingTts(worker, timeout_s=20)
    for _ in range(3):
        _ = [frame async for frame in tts.synthesize(SynthesisRequest("a"))]
    await until(lambda: worker.figures().rtf is not None)
    told = worker.figures().told()
    assert list(told) == [
        *("name", "kind", "state", "detail", "pid", "rss_mb", "gpu_mb", "threads", "device", "restarts", "requests"),
        "rtf",
    ]
    assert (told["device"], told["requests"], told["restarts"], told["gpu_mb"]) == ("cpu", 3, 0, None)
    assert isinstance(told["rtf"], float)
    assert 0.09 < told["rtf"] < 2  # two pieces, each of a second and after a tenth of one
    assert isinstance(told["rss_mb"], float)
    assert told["rss_mb"] > 5
    assert isinstance(told["threads"], int)
    assert told["threads"] >= 2


async def test_waiting_for_the_speaker_is_no_computing(parts: EngineParts) -> None:
    worker = parts.worker("stt")
    await worker.start()
    stt = WyomingStt(worker, timeout_s=20)

    async def slowly():  # type: ignore[no-untyped-def]
        from support.engine_parts import speech

        async for frame in speech(10, pause_s=0.1):
            yield frame

    _ = [found async for found in stt.transcribe(slowly(), None)]
    figures = await ping(worker.uri, 10)
    assert isinstance(figures["rtf"], float)
    assert figures["rtf"] < 0.5


async def test_another_process_finds_the_workers_of_a_daemon(parts: EngineParts) -> None:
    folder = parts.folder / f"engines-{os.getpid()}-x"
    folder.mkdir()
    parts.folder = folder
    worker = parts.worker("stt", name="ears", device="cpu")
    await worker.start()
    (folder / "dead.sock").touch()
    found = await running_engines([folder.parent, folder.parent / "none"])
    assert list(found) == ["ears"]
    assert (found["ears"]["pid"], found["ears"]["device"]) == (worker.figures().pid, "cpu")
    assert found["ears"]["restarts"] == 0
    psutil.Process(worker.figures().pid).kill()
    await until(lambda: worker.restarts == 1 and worker.state is WorkerState.READY)
    assert (await running_engines([folder.parent]))["ears"]["restarts"] == 1


class TestGpuShare:
    """What is asked of torch; torch itself is not here, and a GPU is not in most machines."""

    @pytest.fixture
    def cuda(self, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
        shares: list[float] = []
        cuda = SimpleNamespace(
            shares=shares,
            is_available=lambda: True,
            is_initialized=lambda: True,
            mem_get_info=lambda: (6_000 * MIB, 8_000 * MIB),
            memory_reserved=lambda: 512 * MIB,
            set_per_process_memory_fraction=shares.append,
        )
        monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
        return cuda

    def test_the_share_is_of_all_that_the_gpu_has(self, cuda: SimpleNamespace) -> None:
        assert gpu.limit_memory("ears", 0.5) == 0.5
        assert cuda.shares == [0.5]
        assert gpu.memory_mb() == 512

    def test_it_is_never_more_than_is_free(self, cuda: SimpleNamespace, caplog: pytest.LogCaptureFixture) -> None:
        assert gpu.limit_memory("ears", 0.9) == 0.75
        assert cuda.shares == [0.75]
        assert "[engines.ears] gpu_memory_share = 0.9 of 8000 MiB is more than the 6000 MiB" in caplog.text

    def test_without_cuda_nothing_is_asked(self, cuda: SimpleNamespace) -> None:
        cuda.is_available = cuda.is_initialized = lambda: False
        cuda.mem_get_info = cuda.memory_reserved = lambda: pytest.fail("this raises without CUDA")
        assert gpu.limit_memory("ears", 0.5) is None
        assert gpu.memory_mb() is None

    def test_without_torch_nothing_is_asked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delitem(sys.modules, "torch", raising=False)
        assert gpu.limit_memory("ears", 0.5) is None
        assert gpu.memory_mb() is None


async def test_a_share_without_a_gpu_is_no_fault(parts: EngineParts) -> None:
    worker = parts.worker("stt", process=EngineProcess(gpu_memory_share=0.3))
    await asyncio.wait_for(worker.start(), 30)
    assert worker.figures().gpu_mb is None
