"""`docs/mqtt.md` names every topic and every field."""

import inspect
from pathlib import Path

import msgspec
import pytest

from auricle.adapters import payloads, requests
from auricle.adapters.mqtt_serving import Requests
from support.scripted_assistant import ScriptedAssistant

PAGE = (Path(__file__).parents[2] / "docs" / "mqtt.md").read_text()
TYPES = [
    kind
    for module, base in ((requests, requests.Request), (payloads, payloads.Payload))
    for _, kind in inspect.getmembers(module, inspect.isclass)
    if issubclass(kind, base) and kind is not base
]


@pytest.mark.parametrize("kind", TYPES)
def test_every_field_is_in_the_page(kind: type[msgspec.Struct]) -> None:
    assert kind.__struct_fields__
    assert [name for name in kind.__struct_fields__ if f"`{name}`" not in PAGE] == []


async def test_every_topic_that_is_taken_is_in_the_page() -> None:
    topics = Requests(ScriptedAssistant(), "<prefix>", "T").topics
    assert len(topics) == 10
    assert [topic for topic in topics if f"`{topic}`" not in PAGE] == []


@pytest.mark.parametrize(
    "topic",
    [
        *"availability state info mute volume voice wake partial".split(),
        *"transcript intent speech timer event quality error".split(),
    ],
)
def test_every_topic_that_is_sent_is_in_the_page(topic: str) -> None:
    assert f"`T/{topic}`" in PAGE
