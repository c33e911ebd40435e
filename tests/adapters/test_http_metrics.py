"""What `/metrics` makes of facts, read back by the parsers of Prometheus's own client."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import aiohttp
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain_text

from auricle.model.events import (
    CommandEnded,
    ComponentChanged,
    ErrorRaised,
    IntentHandled,
    Speculated,
    SpeechChanged,
    Transcribed,
    TurnEnded,
    WakeHeard,
)
from auricle.model.speech import SpeechRequest, SpeechStatus
from auricle.model.turn import Outcome, utc_now
from support.scripted_assistant import ScriptedAssistant
from support.served_http import serving_http

OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0; charset=utf-8"}
Samples = Mapping[tuple[str, tuple[str, ...]], float]


async def scraped(client: aiohttp.ClientSession) -> Samples:
    """Each sample by its name and the values of its labels, in the order of their names."""
    async with client.get("/metrics", headers=OPENMETRICS) as response:
        assert response.status == 200
        assert response.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0; charset=utf-8")
        text = await response.text()
    assert text.endswith("# EOF\n")
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in openmetrics(text)
        for sample in family.samples
    }


def a_turn(assistant: ScriptedAssistant, id: str, outcome: Outcome, wake_word: str = "hey_jarvis") -> None:
    """A spoken command, its first attempt at a transcript in vain, its reply begun 300 ms after its last sample."""
    at = utc_now()

    def later(ms: float) -> datetime:
        return at + timedelta(milliseconds=ms)

    assistant.publish(WakeHeard(turn=id, wake_word=wake_word, score=0.97, sample=16_000))
    assistant.publish(Speculated(turn=id, status="started", last_sample=30_000))
    assistant.publish(Speculated(turn=id, status="cancelled", last_sample=30_000, took_s=0.125))
    assistant.publish(Speculated(turn=id, status="started", last_sample=40_000))
    assistant.publish(CommandEnded(turn=id, first_sample=20_000, last_sample=40_000, reason="silence", at=at))
    assistant.publish(Speculated(turn=id, status="hit", last_sample=40_000, took_s=0.25))
    heard = Transcribed(
        turn=id,
        text="turn on the light",
        language="en",
        confidence=0.9,
        wake_word=wake_word,
        audio_s=1.25,
        first_sample=20_000,
        last_sample=40_000,
        latency_ms=100.0,
        at=later(0),
    )
    assistant.publish(heard)
    understood = outcome is Outcome.ANSWERED
    assistant.publish(
        IntentHandled(
            turn=id,
            name="TurnOn" if understood else None,
            slots={},
            text="turn on the light",
            handled_by="commands" if understood else "",
            reply="Done.",
            at=later(50),
        )
    )
    for _ in range(2):  # the second speech of a turn is not its first sound
        assistant.publish(SpeechChanged(id=id, status=SpeechStatus.STARTED, text="Done.", turn=id, at=later(200)))
    assistant.publish(TurnEnded(turn=id, outcome=outcome))


async def test_a_turn_is_told_stage_by_stage() -> None:
    assistant = ScriptedAssistant()
    async with serving_http(assistant) as (_, client):
        a_turn(assistant, "one", Outcome.ANSWERED)
        a_turn(assistant, "two", Outcome.NOT_UNDERSTOOD, "okay_nabu")
        found = await scraped(client)
    sums = {"transcript": 0.1, "decode": 0.25, "intent": 0.05, "reply": 0.15, "first_audio": 0.3}
    for stage, each_s in sums.items():
        assert found["auricle_stage_seconds_count", (stage,)] == 2, stage
        assert abs(found["auricle_stage_seconds_sum", (stage,)] - 2 * each_s) < 1e-6, stage
    assert found["auricle_stage_seconds_count", ("wake",)] == 2
    assert 0 < found["auricle_stage_seconds_sum", ("wake",)] <= 0.5  # 0.25 s each, less what the event has waited
    assert found["auricle_stage_seconds_bucket", ("0.05", "transcript")] == 0
    assert found["auricle_stage_seconds_bucket", ("0.1", "transcript")] == 2
    assert found["auricle_wakes_total", ("hey_jarvis",)] == found["auricle_wakes_total", ("okay_nabu",)] == 1
    assert ("auricle_false_wakes_total", ("hey_jarvis",)) not in found
    assert found["auricle_false_wakes_total", ("okay_nabu",)] == 1
    assert found["auricle_turns_total", ("answered",)] == found["auricle_turns_total", ("not_understood",)] == 1
    assert found["auricle_turns_total", ("failed",)] == 0
    assert found["auricle_intents_total", ("commands",)] == found["auricle_intents_total", ("none",)] == 1
    attempts = {status: found["auricle_speculations_total", (status,)] for status in ("started", "cancelled", "hit")}
    assert attempts == {"started": 4, "cancelled": 2, "hit": 2}
    assert found["auricle_speculation_run_seconds_total", ("cancelled",)] == 0.25
    assert found["auricle_commands_total", ("silence",)] == 2
    assert found["auricle_recent_stage_seconds", ("0.5", "transcript")] == 0.1
    assert abs(found["auricle_recent_stage_seconds", ("0.95", "end_of_speech_to_reply")] - 0.3) < 1e-6


async def test_figures_that_no_event_tells_are_looked_up() -> None:
    assistant = ScriptedAssistant(at_once=False)
    engine = {"name": "piper", "kind": "tts", "state": "ready", "pid": 1, "rss_mb": 64.0, "gpu_mb": None, "threads": 3}
    engine |= {"requests": 5, "restarts": 1, "rtf": 0.125}
    plugin = {"name": "clock", "state": "active", "detail": "", "faults": 2}
    assistant.description = {
        "engines": [engine, {"name": 'qu"ote\\', "kind": "stt", "gpu_mb": 512}],
        "plugins": [plugin],
        "x": 1,
    }
    async with serving_http(assistant) as (_, client):
        await assistant.accept(SpeechRequest(text="one"))
        assistant.publish(ComponentChanged(component="broker", ok=True, detail="here", essential=False))
        assistant.publish(ComponentChanged(component="speaker", ok=False, detail="gone"))
        found = await scraped(client)
        async with client.get("/nothing") as response:
            assert response.status == 404
        again = await scraped(client)
    assert found["auricle_build_info", ("1.2.3",)] == 1
    assert found["auricle_engine_resident_memory_bytes", ("piper", "tts")] == 64 * 1024 * 1024
    assert found["auricle_engine_real_time_factor_ratio", ("piper", "tts")] == 0.125
    assert found["auricle_engine_requests_total", ("piper", "tts")] == 5
    assert found["auricle_engine_restarts_total", ("piper", "tts")] == 1
    assert found["auricle_engine_cpu_seconds_total", ("piper", "tts")] > 0
    assert found["auricle_engine_gpu_memory_bytes", ('qu"ote\\', "stt")] == 512 * 1024 * 1024
    assert found["auricle_engine_state", ('qu"ote\\', "stt", "None")] == 1
    assert found["auricle_plugin_state", ("clock", "active")] == 1
    assert found["auricle_plugin_faults_total", ("clock",)] == 2
    assert found["auricle_speech_queue_length", ()] == 1
    assert found["auricle_mqtt_queue_length", ()] == 4
    assert found["auricle_microphone_overflows_total", ()] == 3
    assert found["auricle_second_looks_total", ()] == 7
    assert found["auricle_second_looks_confirmed_total", ()] == 2
    assert found["auricle_wake_words_refused_total", ()] == 4
    assert found["auricle_mqtt_connected", ()] == 1
    assert found["auricle_state", ("degraded",)] == 1
    assert found["auricle_state", ("idle",)] == 0
    assert found["auricle_component_up", ("speaker",)] == 0
    assert found["auricle_component_failures_total", ("speaker",)] == 1
    assert found["process_resident_memory_bytes", ()] > 1e6
    assert again["auricle_http_requests_total", ("/metrics", "200")] == 1
    assert again["auricle_http_requests_total", ("other", "404")] == 1


async def test_whoever_makes_up_values_cannot_fill_the_memory() -> None:
    assistant = ScriptedAssistant()
    async with serving_http(assistant) as (_, client):
        for number in range(500):
            assistant.publish(ErrorRaised(code=f"code{number}", message="x"))
            assistant.publish(WakeHeard(turn=f"t{number}", wake_word="w" * 500, score=1.0, sample=0))
        found = await scraped(client)
    codes = [labels for name, labels in found if name == "auricle_errors_total"]
    assert len(codes) == 65
    assert found["auricle_errors_total", ("other",)] == 500 - 64
    assert found["auricle_wakes_total", ("w" * 64,)] == 500


async def test_an_older_prometheus_gets_its_older_format() -> None:
    async with serving_http() as (_, client):
        async with client.get("/metrics") as response:
            assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            families = {family.name: family for family in plain_text(await response.text())}
    assert families["auricle_turns"].type == "counter"
    assert families["auricle_healthy"].samples[0].value == 1


async def test_the_documentation_names_every_figure_and_no_other() -> None:
    docs = (Path(__file__).parents[2] / "docs" / "http.md").read_text()
    named = set(re.findall(r"`(auricle_[a-z_]+)`", docs))
    async with serving_http() as (_, client):
        async with client.get("/metrics", headers=OPENMETRICS) as response:
            families = list(openmetrics(await response.text()))
    suffix = {"counter": "_total", "info": "_info"}
    told = {f"{family.name}{suffix.get(family.type, '')}" for family in families if family.name.startswith("auricle_")}
    assert named == told
