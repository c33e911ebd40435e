"""The engines that a configuration asks for: found, checked, started in parallel, ended."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from auricle.api import EngineUnavailable, SynthesisRequest
from auricle.app.loading import load_ahead
from auricle.bus import EventBus
from auricle.engines.fleet import Fleet
from auricle.model.errors import BadRequest, ConfigError
from auricle.model.events import SpeechChanged, WakeHeard
from auricle.model.speech import SpeechStatus
from auricle.settings import Stt, Tts
from support.engine_parts import QUICK, EngineParts, speech, until
from support.scripted_engines import spec

SPECS = {
    "ears": spec("ears", "stt"),
    "spare_ears": spec("spare_ears", "stt"),
    "mouth": spec("mouth", "tts"),
    "moon": spec("moon", "tts", requires=("torch_of_the_moon",), extra="moon"),
}
Make = Callable[..., Fleet]


@pytest.fixture
async def make(parts: EngineParts) -> AsyncIterator[Make]:
    made: list[Fleet] = []

    def fleet(stt: Stt | None = None, tts: Tts | None = None, **options: dict[str, Any]) -> Fleet:
        fleet = Fleet(
            SPECS,
            stt=stt or Stt(engine="ears"),
            tts=tts or Tts(engine="mouth"),
            options=options,
            runtime_dir=parts.folder / "run",
            state_dir=parts.folder / "state",
            on_change=parts.note,
            policy=QUICK,
        )
        made.append(fleet)
        return fleet

    yield fleet
    await asyncio.gather(*(fleet.stop() for fleet in made))


async def _hear(fleet: Fleet, language: str | None = None) -> str:
    heard = [found async for found in fleet.stt.transcribe(speech(2), language)][-1]
    return f"{heard.text} language={heard.language}"


async def test_both_kinds_are_served_and_nothing_is_left(make: Make, parts: EngineParts) -> None:
    fleet = make()
    await fleet.start()
    assert (await _hear(fleet)).startswith("samples=3200 ")
    frames = [frame async for frame in fleet.tts.synthesize(SynthesisRequest("hello"))]
    assert sum(frame.samples for frame in frames) == 4_800
    assert [voice.name for voice in await fleet.voices()] == ["anna", "bert"]
    workers = fleet.workers()
    assert [(worker.name, worker.kind, worker.state) for worker in workers] == [
        ("ears", "stt", "ready"),
        ("mouth", "tts", "ready"),
    ]
    await fleet.stop()
    assert not any(psutil.pid_exists(worker.pid) for worker in workers if worker.pid)
    assert os.listdir(parts.folder / "run") == []


async def test_keys_reach_the_process_the_engine_and_the_request(make: Make) -> None:
    fleet = make(Stt(engine="ears", model="small", language=("en", "de")), ears={"threads": 2, "request_s": 0.01})
    await fleet.start()
    heard = await _hear(fleet)
    assert "model=small languages=en,de threads=2 language=None" in heard
    fleet = make(Stt(engine="ears", model="small", language="fr"), ears={"model": "own"})
    await fleet.start()
    assert "model=own languages= " in (heard := await _hear(fleet))
    assert heard.endswith("language=fr")
    assert (await _hear(fleet, "it")).endswith("language=it")


async def test_the_configured_voice_is_the_engines_own(make: Make) -> None:
    fleet = make(tts=Tts(engine="mouth", voice="zoe"))
    await fleet.start()
    assert (await fleet.voices())[0].name == "zoe"
    assert len([frame async for frame in fleet.tts.synthesize(SynthesisRequest("hello"))]) == 2
    fleet.use_voice("nobody")
    with pytest.raises(BadRequest, match="nobody"):
        _ = [frame async for frame in fleet.tts.synthesize(SynthesisRequest("hello"))]
    fleet.use_voice("")
    assert len([frame async for frame in fleet.tts.synthesize(SynthesisRequest("hello"))]) == 2


@pytest.mark.parametrize(
    ("stt", "tts", "says"),
    [
        (Stt(engine="nose"), None, r"\[stt\] engine: there is no 'nose'; known are ears, spare_ears"),
        (Stt(engine="mouth"), None, r"\[stt\] engine: 'mouth' is a tts engine"),
        (None, Tts(engine="moon"), r"moon needs torch_of_the_moon: pip install 'auricle\[moon\]'"),
    ],
)
async def test_an_engine_that_cannot_be_had_says_what_to_do_and_leaves_nothing(
    make: Make, parts: EngineParts, stt: Stt | None, tts: Tts | None, says: str
) -> None:
    fleet = make(stt, tts)
    with pytest.raises(EngineUnavailable, match=says):
        await fleet.start()
    assert os.listdir(parts.folder / "run") == []
    assert [child for child in psutil.Process().children() if "auricle.engines.child" in child.cmdline()] == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"nice": 20}, r"\[engines.ears\]: .*`\$.nice`"),
        ({"gpu_memory_share": 1.5}, r"\[engines.ears\]: .*`\$.gpu_memory_share`"),
        ({"cpus": [4095]}, r"\[engines.ears\] cpus: there is no core 4095 for this process; there are [0-9]"),
        ({"threads": -1}, r"\[engines.ears\]: .*`\$.threads`"),
        ({"request_s": "long"}, r"\[engines.ears\]: .*`\$.request_s`"),
        ({"colour": "red"}, r"\[engines.ears\]: .*`colour`"),
        ({"uri": "http://x"}, r"\[engines.ears\]: .*`\$.uri`"),
    ],
)
async def test_a_wrong_key_is_named(make: Make, options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        await make(ears=options).start()


async def test_shares_of_the_gpu_that_are_more_than_all_of_it_are_named(make: Make) -> None:
    with pytest.raises(ConfigError, match=r"\[engines.ears\] 0.6, \[engines.mouth\] 0.5 are together more than"):
        await make(ears={"gpu_memory_share": 0.6}, mouth={"gpu_memory_share": 0.5}).start()


async def test_what_will_be_needed_is_loaded_ahead(make: Make) -> None:
    fleet = make(ears={"unload_after_s": 0.3})
    await fleet.start()
    await until(lambda: fleet.workers()[0].state == "unloaded")
    fleet.prepare("stt")
    await until(lambda: fleet.workers()[0].state == "ready")
    fleet = make(Stt(engine="ears", fallback=("spare_ears",)), ears={"on_load": "unavailable"})
    await fleet.start()
    fleet.prepare("stt")
    assert [worker.state for worker in fleet.workers()] == ["broken", "ready", "ready"]


async def test_a_wake_word_loads_both_engines_and_queued_speech_the_one_that_speaks(make: Make) -> None:
    fleet = make(ears={"unload_after_s": 1.0}, mouth={"unload_after_s": 1.0})
    await fleet.start()
    bus = EventBus()
    loading = asyncio.create_task(load_ahead(bus, fleet))

    def states() -> list[str]:
        return [worker.state for worker in fleet.workers()]

    try:
        await until(lambda: states() == ["unloaded", "unloaded"])
        bus.publish(SpeechChanged(id="x", status=SpeechStatus.QUEUED, text="Hello."))
        await until(lambda: states()[1] == "ready")
        assert states()[0] == "unloaded"
        bus.publish(WakeHeard(turn="t", wake_word="hey_jarvis", score=0.99, sample=1))
        await until(lambda: states()[0] == "ready")
    finally:
        loading.cancel()
        await asyncio.gather(loading, return_exceptions=True)


async def test_the_next_engine_starts_when_the_first_cannot_load(make: Make) -> None:
    fleet = make(Stt(engine="ears", fallback=("spare_ears",)), ears={"on_load": "unavailable"})
    await fleet.start()
    assert [worker.state for worker in fleet.workers()] == ["broken", "ready", "ready"]
    assert (await _hear(fleet)).startswith("samples=3200 ")


async def test_a_spare_engine_does_not_run_until_it_is_needed(make: Make) -> None:
    fleet = make(Stt(engine="ears", fallback=("spare_ears",)), ears={"on_request": "exit"})
    await fleet.start()
    assert [worker.state for worker in fleet.workers()] == ["ready", "stopped", "ready"]
    assert f"pid={(await _hear(fleet)).split('pid=')[1].split()[0]}" == f"pid={fleet.workers()[1].pid}"


async def test_a_server_stands_in_for_a_worker(make: Make, parts: EngineParts) -> None:
    stt_uri, tts_uri = await parts.served("stt"), await parts.served("tts")
    fleet = make(Stt(engine="gpu_box", uri=stt_uri), mouth={"uri": tts_uri})
    await fleet.start()
    assert f"pid={os.getpid()} " in await _hear(fleet)
    assert [(worker.state, worker.pid, worker.uri) for worker in fleet.workers()] == [
        ("remote", None, stt_uri),
        ("remote", None, tts_uri),
    ]
    assert [voice.name for voice in await fleet.voices()] == ["anna", "bert"]


async def test_a_server_that_is_away_is_no_reason_not_to_start(make: Make, parts: EngineParts) -> None:
    address = f"unix://{parts.folder}/later.sock"
    fleet = make(Stt(engine="ears", uri=address))
    await fleet.start()
    with pytest.raises(EngineUnavailable):
        await _hear(fleet)
    await parts.served("stt", uri=address)
    assert (await _hear(fleet)).startswith("samples=3200 ")
    changes = [change.ok for change in parts.changes if change.component == "engine ears"]
    assert changes == [False, True]


async def test_two_fleets_in_one_folder_do_not_meet_and_dead_ones_are_cleared(make: Make, parts: EngineParts) -> None:
    left = parts.folder / "run" / "engines-4194305-old"
    left.mkdir(parents=True)
    (left / "ears.sock").touch()
    first, second = make(), make()
    await asyncio.gather(first.start(), second.start())
    assert not left.exists()
    pids = {worker.pid for fleet in (first, second) for worker in fleet.workers()}
    assert len(pids) == 4
    assert await _hear(first) != await _hear(second)
    assert Path(first.workers()[0].uri.removeprefix("unix://")).parent.stat().st_mode & 0o077 == 0
