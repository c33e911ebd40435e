"""Figures for Prometheus that are looked up when they are asked for: engines, plugins, queues, the state."""

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily

from auricle.adapters.assistant import Assistant
from auricle.adapters.http_inside import Inside
from auricle.overview import Overview

_MIB = 1024 * 1024
_TICKS = os.sysconf("SC_CLK_TCK")
_STATES = ("idle", "listening", "transcribing", "thinking", "speaking", "muted", "degraded")
_MOST_ROWS = 64
"""Engines, or plugins, that are told."""


class Figures:
    """One look at the daemon: `look` on the event loop, `collect` afterwards on any thread."""

    def __init__(self, assistant: Assistant, inside: Inside, version: str) -> None:
        self._assistant = assistant
        self._inside = inside
        self._version = version
        self._began_s = time.monotonic()
        self.overview = Overview(assistant.status)
        self._found: list[Metric] = []

    def look(self, requests_in_hand: int) -> None:
        described = self._assistant.describe()
        self._found = [
            *self._state(),
            *_engines(_rows(described.get("engines"))),
            *_plugins(_rows(described.get("plugins"))),
            *self._counts(requests_in_hand),
            *self._percentiles(),
        ]

    def collect(self) -> Iterable[Metric]:
        """For a prometheus_client registry."""
        return self._found

    def _state(self) -> Iterator[Metric]:
        status = self._assistant.status
        yield InfoMetricFamily("auricle_build", "The program", {"version": self._version})
        yield GaugeMetricFamily("auricle_uptime_seconds", "Since the start", time.monotonic() - self._began_s)
        state = GaugeMetricFamily("auricle_state", "What the site does: 1 for that state, else 0", labels=["state"])
        for name in _STATES:
            state.add_metric([name], status.state == name)
        yield state
        healthy = self._inside.health().status == "ok"
        yield GaugeMetricFamily("auricle_healthy", "As /healthz has it: 1 or 0", healthy)
        yield GaugeMetricFamily("auricle_muted", "Whether the microphone is muted: 1 or 0", status.muted)
        yield GaugeMetricFamily("auricle_volume_ratio", "The site's volume, 0 to 1", status.volume / 100)
        connected = "broker" in status.well
        yield GaugeMetricFamily("auricle_mqtt_connected", "Whether the MQTT broker is there: 1 or 0", connected)

    def _counts(self, requests_in_hand: int) -> Iterator[Metric]:
        inside = self._inside
        waiting = inside.speech_waiting()
        yield GaugeMetricFamily("auricle_speech_queue_length", "Requests to speak, with the one being spoken", waiting)
        sending = inside.mqtt_waiting()
        yield GaugeMetricFamily("auricle_mqtt_queue_length", "Messages for the broker that wait to be sent", sending)
        yield GaugeMetricFamily("auricle_http_requests_in_hand", "Requests over HTTP in hand", requests_in_hand)
        for name, told, value in (
            ("microphone_overflows", "How often sound was lost before it was taken", inside.microphone_overflows()),
            ("second_looks", "Possible wake words that the second engine looked at", inside.second_looks()),
            ("second_looks_confirmed", "Those that it took for the word", inside.second_looks_confirmed()),
            ("wake_words_refused", "Wake words that nobody who is enrolled said", inside.wake_words_refused()),
        ):
            yield CounterMetricFamily(f"auricle_{name}", told, value)

    def _percentiles(self) -> Iterator[Metric]:
        """The same as in `auricle status`."""
        told = GaugeMetricFamily(
            "auricle_recent_stage_seconds",
            "Median and 95th percentile of the stages of the last 500 turns, as auricle status has them",
            labels=["stage", "quantile"],
        )
        for stage, found in self.overview.percentiles_ms().items():
            told.add_metric([stage.replace(" ", "_"), "0.5"], found["median"] / 1000)
            told.add_metric([stage.replace(" ", "_"), "0.95"], found["p95"] / 1000)
        yield told


def _engines(rows: Iterable[Mapping[str, object]]) -> Iterator[Metric]:
    labels = ["engine", "kind"]
    state = GaugeMetricFamily("auricle_engine_state", "1 for the state that it is in", labels=[*labels, "state"])
    gauges = {
        "rss_mb": GaugeMetricFamily("auricle_engine_resident_memory_bytes", "Of its process", labels=labels),
        "gpu_mb": GaugeMetricFamily("auricle_engine_gpu_memory_bytes", "That torch holds on the GPU", labels=labels),
        "threads": GaugeMetricFamily("auricle_engine_threads", "Of its process", labels=labels),
        "rtf": GaugeMetricFamily(
            "auricle_engine_real_time_factor_ratio", "Seconds of work for a second of sound, lately", labels=labels
        ),
    }
    counters = {
        "requests": CounterMetricFamily("auricle_engine_requests", "Requests to the engine", labels=labels),
        "restarts": CounterMetricFamily("auricle_engine_restarts", "Restarts of its process", labels=labels),
    }
    cpu = CounterMetricFamily("auricle_engine_cpu_seconds", "CPU time of its present process", labels=labels)
    for row in rows:
        names = [str(row.get("name"))[:64], str(row.get("kind"))]
        state.add_metric([*names, str(row.get("state"))], 1)
        for key, gauge in gauges.items():
            if isinstance(value := row.get(key), int | float):
                gauge.add_metric(names, value * (_MIB if key.endswith("_mb") else 1))
        for key, counter in counters.items():
            if isinstance(value := row.get(key), int | float):
                counter.add_metric(names, value)
        if (used_s := _cpu_s(row.get("pid"))) is not None:
            cpu.add_metric(names, used_s)
    yield from (state, *gauges.values(), *counters.values(), cpu)


def _plugins(rows: Iterable[Mapping[str, object]]) -> Iterator[Metric]:
    state = GaugeMetricFamily("auricle_plugin_state", "1 for the state that it is in", labels=["plugin", "state"])
    faults = CounterMetricFamily("auricle_plugin_faults", "Calls of it that went wrong", labels=["plugin"])
    for row in rows:
        name = str(row.get("name"))[:64]
        state.add_metric([name, str(row.get("state"))], 1)
        if isinstance(count := row.get("faults"), int):
            faults.add_metric([name], count)
    yield from (state, faults)


def _rows(value: object) -> list[dict[str, object]]:
    return [row for row in value if isinstance(row, dict)][:_MOST_ROWS] if isinstance(value, list) else []


def _cpu_s(pid: object) -> float | None:
    """User and system time of a process (proc(5), fields 14 and 15 of stat); None where there is none."""
    if not isinstance(pid, int):
        return None
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS
    except (OSError, ValueError, IndexError):
        return None
