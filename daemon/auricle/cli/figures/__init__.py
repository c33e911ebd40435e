"""What `auricle bench` measures, each as medians over rounds on the daemon's own parts: a module a topic."""

from collections.abc import Collection, Iterator
from importlib import import_module
from typing import TYPE_CHECKING

from auricle.cli.figures.figure import Bench, Figure, Plan, Progress

if TYPE_CHECKING:
    from auricle.config import LoadedConfig

__all__ = ["TOPICS", "USUAL", "Bench", "Figure", "Plan", "Progress", "benches"]

TOPICS = {
    "start": "idle",
    "idle": "idle",
    "stt": "stt",
    "tts": "tts",
    "turn": "turns",
    "wake": "wakes",
    "commands": "commands",
    "barge": "barge",
    "own-voice": "own_speech",
    "whispers": "whispers",
    "intents": "intents",
    "understanding": "understanding",
    "mqtt": "mqtt",
    "pool": "pool",
}
"""Topic to the module that has `benches(loaded, plan)`, in the order in which they are best made."""
USUAL = ("start", "idle", "stt", "tts", "turn")
"""Measured when no topic is named."""


def benches(loaded: "LoadedConfig", plan: Plan, topics: Collection[str]) -> Iterator[Bench]:
    """The measurements of the named topics."""
    for module in dict.fromkeys(name for topic, name in TOPICS.items() if topic in topics):
        for bench in import_module(f"auricle.cli.figures.{module}").benches(loaded, plan):
            if bench.topic in topics:
                yield bench
