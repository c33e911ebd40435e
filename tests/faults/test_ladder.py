"""The ladder: each fault injected into an engine in a process of its own ends in the next engine's answer, once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from auricle.api import BadRequest, EngineError, EngineOutOfMemory, EngineUnavailable, EngineWrecked, SynthesisRequest
from auricle.engines.chain import FallbackStt, FallbackTts, unsaid
from auricle.engines.patience import Rest
from auricle.engines.proxy import WyomingStt, WyomingTts
from auricle.engines.supervisor import Worker, WorkerState
from auricle.model.engine_faults import engine_fault
from auricle.model.errors import DeviceLost, EngineDied
from auricle.settings import EngineProcess
from support.engine_parts import EngineParts, speech, until

NO_ROOM = "OutOfMemoryError"
ASSERTED = "CUDA error: device-side assert triggered\nCUDA kernel errors might be asynchronously reported"
NO_GPU = "CUDA error: no CUDA-capable device is detected"
ENGINE = 1_000
SPARE = 2_000


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[EngineParts]:
    made = EngineParts(tmp_path)
    try:
        yield made
    finally:
        await made.close()


class Ladder:
    """Two engines in processes of their own; samples and texts tell which of them answered."""

    def __init__(self, parts: EngineParts, *, replaceable: bool = True, **script: object) -> None:
        self.now = 0.0
        self.parts = parts
        once = parts.folder / "once"
        once.touch()
        script = {"once_file": str(once), "pieces": 1} | script
        self.best = parts.worker("tts", name="best", replaceable=replaceable, **script)
        self.spare = parts.worker("tts", name="spare", pieces=1, piece_samples=SPARE)
        self.tts = FallbackTts(
            [WyomingTts(self.best, timeout_s=20), WyomingTts(self.spare, timeout_s=20)],
            on_change=parts.note,
            make_rest=lambda: Rest(clock=lambda: self.now),
        )

    async def say(self, text: str = "hello") -> list[tuple[str, int]]:
        """Which engines spoke, and how many samples each."""
        frames = [frame async for frame in self.tts.synthesize(SynthesisRequest(text))]
        return [(frame.engine, frame.samples) for frame in frames]

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(error.code, error.message) for error in self.parts.errors]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MemoryError("no"), EngineOutOfMemory),
        (type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory."), EngineOutOfMemory),
        (RuntimeError("CUDA failed with error out of memory"), EngineOutOfMemory),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), EngineOutOfMemory),
        (RuntimeError(ASSERTED), EngineWrecked),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), EngineWrecked),
        (RuntimeError("CUDA error: no kernel image is available for execution on the device"), EngineWrecked),
        (RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"), EngineWrecked),
        (RuntimeError("cuDNN error: CUDNN_STATUS_NOT_INITIALIZED"), EngineWrecked),
        (RuntimeError(NO_GPU), DeviceLost),
        (RuntimeError("CUDA error: unknown error"), DeviceLost),
        (RuntimeError("Found no NVIDIA driver on your system."), DeviceLost),
        (AssertionError("Torch not compiled with CUDA enabled"), DeviceLost),
        (RuntimeError("The size of tensor a (3) must match the size of tensor b (4)"), None),
        (ValueError("unknown error"), None),
        (EngineError("no speech was made"), None),
    ],
)
def test_what_a_librarys_error_means_is_told_by_its_name(error: Exception, kind: type[EngineError] | None) -> None:
    found = engine_fault(error)
    assert type(found) is (kind or type(None))


def test_what_lies_behind_an_error_counts() -> None:
    try:
        try:
            raise RuntimeError(ASSERTED)
        except RuntimeError as error:
            raise EngineError("no speech could be made") from error
    except EngineError as error:
        found = engine_fault(error)
    assert isinstance(found, EngineWrecked)
    assert found.message == "RuntimeError: CUDA error: device-side assert triggered"


async def test_out_of_memory_goes_to_the_next_engine_which_speaks_once(parts: EngineParts) -> None:
    ladder = Ladder(parts, on_request="raise", fault=NO_ROOM, piece_samples=ENGINE)
    await ladder.best.start()
    pid = ladder.best.figures().pid
    assert await ladder.say() == [("spare", SPARE)]
    assert ladder.best.figures().pid == pid
    [(code, message)] = ladder.told
    assert code == "out_of_memory"
    assert message.startswith("best failed: OutOfMemoryError: CUDA out of memory.")
    assert message.endswith("; spare takes over, and best is tried again in 60 s")
    assert [change.ok for change in parts.changes if change.component == "engine best"][-1] is False


async def test_the_better_engine_is_probed_after_60_s_and_then_after_twice_that(parts: EngineParts) -> None:
    ladder = Ladder(parts, on_request="raise", fault=NO_ROOM, piece_samples=ENGINE)
    once = parts.folder / "once"
    assert await ladder.say() == [("spare", SPARE)]
    ladder.now = 59
    assert await ladder.say() == [("spare", SPARE)]
    assert len(ladder.told) == 1
    once.touch()
    ladder.now = 61
    assert await ladder.say() == [("spare", SPARE)]
    assert ladder.told[-1][1].endswith("best is tried again in 120 s")
    ladder.now = 61 + 119
    assert await ladder.say() == [("spare", SPARE)]
    ladder.now = 61 + 121
    assert await ladder.say() == [("best", ENGINE)]
    assert len(ladder.told) == 2
    assert [change.ok for change in parts.changes if change.component == "engine best"][-1] is True
    once.touch()
    assert await ladder.say() == [("spare", SPARE)]
    assert ladder.told[-1][1].endswith("best is tried again in 60 s")


@pytest.mark.parametrize("fault", [ASSERTED, NO_GPU])
async def test_a_wrecked_process_is_replaced_while_the_next_engine_speaks(parts: EngineParts, fault: str) -> None:
    ladder = Ladder(parts, on_request="raise", fault=fault, piece_samples=ENGINE)
    await ladder.best.start()
    pid = ladder.best.figures().pid
    assert pid is not None
    assert await ladder.say() == [("spare", SPARE)]
    await until(lambda: ladder.best.state is WorkerState.READY)
    assert not psutil.pid_exists(pid)
    assert ladder.best.restarts == 1
    code = "device_lost" if fault == NO_GPU else "engine_wrecked"
    assert {told for told, _ in ladder.told} == {code}
    assert any(message.endswith("; spare takes over") for _, message in ladder.told)
    assert await ladder.say() == [("best", ENGINE)]


async def test_without_a_gpu_an_engine_that_is_slow_leaves_the_work_to_the_next(parts: EngineParts) -> None:
    ladder = Ladder(parts, device="auto", self_test_rtf=9.0)
    assert await ladder.say() == [("spare", SPARE)]
    assert ladder.best.state is WorkerState.BROKEN
    assert ladder.best.figures().pid is None
    [broken] = [change for change in parts.changes if change.detail.startswith("broken")]
    assert broken.detail == (
        "broken: best finds no GPU, and takes 9 s on the CPU for 1 s of sound, over "
        "[engines.best] slowest_rtf = 1; tried again in 60 s"
    )


@pytest.mark.parametrize(
    "script", [{"device": "auto", "self_test_rtf": 0.5}, {"device": "cpu", "self_test_rtf": 9.0}, {"device": "cuda"}]
)
async def test_an_engine_that_is_quick_or_was_told_to_use_the_cpu_stays(
    parts: EngineParts, script: dict[str, object]
) -> None:
    ladder = Ladder(parts, piece_samples=ENGINE, **script)
    assert await ladder.say() == [("best", ENGINE)]


async def test_a_slow_engine_that_nothing_can_stand_in_for_stays(parts: EngineParts) -> None:
    ladder = Ladder(parts, replaceable=False, device="auto", self_test_rtf=9.0, piece_samples=ENGINE)
    assert await ladder.say() == [("best", ENGINE)]


async def test_a_worker_that_dies_in_mid_sentence_has_all_of_it_said_by_the_next(parts: EngineParts) -> None:
    ladder = Ladder(parts, on_request="exit", pieces=3, piece_samples=ENGINE)
    assert await ladder.say() == [("spare", SPARE)]
    assert [code for code, _ in ladder.told if code == "engine_died"]


async def test_a_worker_that_dies_alone_is_asked_once_more(parts: EngineParts) -> None:
    (parts.folder / "once").touch()
    once = str(parts.folder / "once")
    worker = parts.worker("tts", name="alone", on_request="exit", once_file=once, pieces=3, piece_samples=ENGINE)
    tts = FallbackTts([WyomingTts(worker, timeout_s=20)], on_change=parts.note)
    frames = [frame async for frame in tts.synthesize(SynthesisRequest("hello"))]
    assert sum(frame.samples for frame in frames) == 3 * ENGINE
    assert worker.restarts == 1


async def test_one_that_always_dies_is_asked_twice_and_no_more(parts: EngineParts) -> None:
    worker = parts.worker("tts", name="alone", on_request="exit", pieces=1)
    tts = FallbackTts([WyomingTts(worker, timeout_s=20)], on_change=parts.note)
    with pytest.raises(EngineDied):
        _ = [frame async for frame in tts.synthesize(SynthesisRequest("hello"))]
    await until(lambda: worker.restarts == 2)


async def test_an_engine_that_streams_and_fails_has_the_rest_said_by_the_next(parts: EngineParts) -> None:
    """A second of sound at the usual pace is fifteen characters: the fifth word is the first that was not heard."""
    ladder = Ladder(parts, on_request="exit", streams=True, pieces=2, piece_samples=22_050, request_s=0.2)
    asked: list[str] = []
    say = ladder.tts.tiers[1].synthesize

    def listen(request: SynthesisRequest):  # type: ignore[no-untyped-def]
        asked.append(request.text)
        return say(request)

    ladder.tts.tiers[1].synthesize = listen  # type: ignore[method-assign]
    said = await ladder.say("It is half past three in the afternoon.")
    assert sum(samples for engine, samples in said if engine == "best") == 22_050
    assert said[-1] == ("spare", SPARE)
    assert asked == ["three in the afternoon."]


@pytest.mark.parametrize(
    ("characters", "left"),
    [(0, "one two three"), (1, "one two three"), (3, "two three"), (7.4, "three"), (11, ""), (99, "")],
)
def test_the_rest_of_a_text_begins_at_a_word(characters: float, left: str) -> None:
    assert unsaid("one two three", characters) == left


async def test_a_request_that_is_wrong_goes_to_no_other_engine(parts: EngineParts) -> None:
    ladder = Ladder(parts)
    with pytest.raises(BadRequest, match="there is no voice 'zoe'"):
        _ = [frame async for frame in ladder.tts.synthesize(SynthesisRequest("hello", voice="zoe"))]
    assert ladder.told == []
    assert ladder.spare.state is WorkerState.STOPPED


@pytest.mark.parametrize(
    ("deed", "fault"), [("raise", NO_ROOM), ("raise", ASSERTED), ("raise", NO_GPU), ("raise", ""), ("exit", "")]
)
async def test_an_utterance_is_heard_by_the_next_engine_once(parts: EngineParts, deed: str, fault: str) -> None:
    best = parts.worker("stt", name="best", on_request=deed, fault=fault, partials=True)
    spare = parts.worker("stt", name="spare")
    stt = FallbackStt([WyomingStt(best, timeout_s=20), WyomingStt(spare, timeout_s=20)], on_change=parts.note)
    heard = [found async for found in stt.transcribe(speech(), None) if found.final]
    assert [found.text.split()[0] for found in heard] == ["samples=8000"]
    assert f"pid={spare.figures().pid} " in heard[0].text
    assert any("; spare takes over" in error.message for error in parts.errors)


async def test_a_death_with_no_request_in_hand_is_told(parts: EngineParts) -> None:
    worker = parts.worker("stt", name="ears", process=EngineProcess(nice=3))
    await worker.start()
    _process(worker).kill()
    await until(lambda: worker.restarts == 1 and worker.state is WorkerState.READY)
    assert [(error.code, error.message) for error in parts.errors] == [("engine_died", "ears was killed by SIGKILL")]


async def test_no_engine_at_all_is_one_error(parts: EngineParts) -> None:
    ladder = Ladder(parts, on_load="unavailable", once_file="")
    ladder.tts = FallbackTts(ladder.tts.tiers[:1], on_change=parts.note)
    with pytest.raises(EngineUnavailable, match="auricle models pull scripted"):
        await asyncio.wait_for(ladder.say(), 30)


def _process(worker: Worker) -> psutil.Process:
    return psutil.Process(worker.figures().pid)
